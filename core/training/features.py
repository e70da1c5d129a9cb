"""What the part of a network that learns receives: images, or the features that the part before it computes.

Where every epoch would compute the same features, they are kept, in the order in which a plan's first epoch needs them:
losses stream from the first step, and later epochs cost next to nothing. Features are computed in blocks that depend on
the seed alone: the batches of that epoch for training, 32 rows at a time for validation. In other blocks their
last digits could differ; so, a resumed run finds the very same ones.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core import devices
from core.runs.events import Extracting, Split
from core.training.inputs import EVALUATION_BATCH, evaluation_batch, training_batches
from core.training.photos import PhotosOfSide
from core.training.state import TrainingState

# Kept features may take this share of the memory that is free when the run starts.
_FEATURES_SHARE = 0.25


class Images:
    """Nothing is frozen before what learns: it receives the images themselves."""

    are_kept = False

    def __init__(self, state: TrainingState) -> None:
        self.plan, self._state = state.plan, state
        self._training_batch = training_batches(state)

    def catch_up(self) -> Iterator[Extracting]:
        """What has to be computed before an epoch can go on: nothing."""
        yield from ()

    def for_training(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """(batch, 3, size, size) float32, as the current step sees them, and what they are.

        That is (batch,) labels or, where photos are mixed, (batch, classes) shares of them.
        """
        return self._training_batch(rows)

    def for_scoring(self, split: Split, photos: PhotosOfSide, rows: NDArray[np.int64]) -> Tensor:
        """(batch, 3, size, size) float32, as they are."""
        return evaluation_batch(self._state, photos.gather(rows))

    def are_known(self, split: Split) -> bool:
        """Whether nothing has to be computed to score these photos."""
        return False


class Features(Images):
    """What the frozen part computes. It stays in eval mode: no dropout, and BatchNorm keeps its statistics."""

    def __init__(self, state: TrainingState, body: nn.Module) -> None:
        super().__init__(state)
        self._body = body.eval()
        self._first_epoch = state.plans.phase(state.epoch).start
        # Decided once for a plan: a resumed run must compute as it began.
        if state.keeps_features is None:
            state.keeps_features = not state.config.is_augmented and len(state.plans.phase(state.epoch)) > 1
            state.keeps_features &= self._fit_into_memory()
        self.are_kept: bool = state.keeps_features
        if self.are_kept:
            order, size = state.batches.order(epoch=self._first_epoch), state.config.batch_size
            blocks = [order[start : start + size].copy() for start in range(0, len(order), size)]
            self._train = _Kept(len(state.train), blocks)
            self._validation = _Kept(len(state.validation), list(state.validation.blocks(EVALUATION_BATCH)))

    def _fit_into_memory(self) -> bool:
        num_images = len(self._state.train) + len(self._state.validation)
        needed_bytes = 4 * num_images * (self.plan.num_features or self._count_features())
        return needed_bytes < _FEATURES_SHARE * devices.free_memory_bytes(self._state.device)

    def _count_features(self) -> int:
        """How many numbers the body makes of an image: tried, since that depends on the image's size."""
        photos = self._state.train.gather(np.zeros(1, np.int64))
        return self._compute(evaluation_batch(self._state, photos), "float32").numel()

    def catch_up(self) -> Iterator[Extracting]:
        """After the plan's first epoch: compute what is not there, because an earlier attempt had computed it."""
        if not self.are_kept or self._state.epoch == self._first_epoch:
            return
        missing = self._train.missing
        done, total = 0, sum(map(len, missing))
        for rows in missing:
            self.for_training(rows)
            done += len(rows)
            if done < total:
                yield Extracting(images=done, total_images=total)

    def for_training(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """What the tail trains on in the current step: (batch, ...) float32; and what that is, see `Images`."""
        if self.are_kept and not self._train.lacks(rows):
            return self._train[rows], self._state.train.labels_of(rows)
        images, targets = super().for_training(rows)
        features = self._compute(images, self._state.precision)
        return self._train.keep(rows, features) if self.are_kept else features, targets

    def for_scoring(self, split: Split, photos: PhotosOfSide, rows: NDArray[np.int64]) -> Tensor:
        """What the tail is scored on: (batch, ...) float32, computed in float32."""
        is_kept = self.are_kept and split == "validation"
        if is_kept and not self._validation.lacks(rows):
            return self._validation[rows]
        features = self._compute(super().for_scoring(split, photos, rows), "float32")
        return self._validation.keep(rows, features) if is_kept else features

    def are_known(self, split: Split) -> bool:
        """See `Images`."""
        return self.are_kept and split == "validation" and not self._validation.missing

    def _compute(self, batch: Tensor, precision: str) -> Tensor:
        device = self._state.device
        # Not inference_mode: its tensors could not be used in the tail's backward pass.
        with torch.no_grad(), devices.exact_float32(device), devices.autocast(device, precision):
            features: Tensor = self._body(batch)
            return features.to(torch.promote_types(features.dtype, torch.float32))


class _Kept:
    """Features of all rows, as they become known: a block of rows at a time."""

    def __init__(self, count: int, blocks: list[NDArray[np.int64]]) -> None:
        self._count, self._blocks = count, blocks
        self._block_of = np.empty(count, np.int64)
        for number, rows in enumerate(blocks):
            self._block_of[rows] = number
        self._is_known = np.zeros(len(blocks), bool)
        self._values: Tensor | None = None

    @property
    def missing(self) -> list[NDArray[np.int64]]:
        """The blocks that are not known yet."""
        return [rows for rows, is_known in zip(self._blocks, self._is_known, strict=True) if not is_known]

    def lacks(self, rows: NDArray[np.int64]) -> bool:
        """Whether some of these rows are not known yet."""
        return not self._is_known[self._block_of[rows]].all()

    def keep(self, rows: NDArray[np.int64], features: Tensor) -> Tensor:
        """Keep the features of one block, and return them."""
        if self._values is None:
            self._values = self._room_for(features)
        self._values[torch.from_numpy(rows).to(features.device)] = features
        self._is_known[self._block_of[rows[0]]] = True
        return features

    def _room_for(self, features: Tensor) -> Tensor:
        """Room for all, laid out in memory as the first ones are: kernels differ with that in speed and last digits."""
        is_last = features.ndim == 4 and features.is_contiguous(memory_format=torch.channels_last)
        return torch.empty(
            self._count,
            *features.shape[1:],
            dtype=features.dtype,
            device=features.device,
            memory_format=torch.channels_last if is_last else torch.contiguous_format,
        )

    def __getitem__(self, rows: NDArray[np.int64]) -> Tensor:
        assert self._values is not None
        return self._values[torch.from_numpy(rows).to(self._values.device)]


def tail_inputs(state: TrainingState) -> Images:
    """Where a run's tail has its inputs from."""
    return Images(state) if state.plan.body is None else Features(state, state.plan.body)
