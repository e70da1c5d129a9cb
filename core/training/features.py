"""What the part of a network that learns receives: images, or the features that the part before it computes.

Where every epoch would compute the same features, they are kept. They are computed in the order in which a plan's first
epoch needs them: losses stream from the first step, and later epochs cost next to nothing. Other runs of the same
photos find them in a file.

Features are computed for 32 photos at a time, never fewer: in blocks of that size what comes out for a photo does not
depend on the others, to the last digit (tests/core/test_features.py tries it on networks of every family), while in
blocks of other sizes kernels add in other orders. So it does not matter who has computed them, and for which step.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core import devices
from core.data.dataset import Side
from core.data.gather import Photos
from core.feature_files import FeatureFile, FeatureFiles, Wanted
from core.runs.events import Extracting, Split
from core.training.inputs import EVALUATION_BATCH, evaluation_batch, laid_out, training_batches
from core.training.kept_features import KeptFeatures, Layout, digest_of, key_of
from core.training.photos import PhotosOfSide
from core.training.state import TrainingState

BLOCK = EVALUATION_BATCH  # photos
# Kept features may take this share of the memory that is free when the run starts.
_FEATURES_SHARE = 0.25


class Images:
    """Nothing is frozen before what learns: it receives the images themselves."""

    are_kept = False
    makes_images = True  # for a step: without, there is next to nothing to do before it
    computing_epochs = 1  # the first ones of a plan, whose features later ones use again

    def __init__(self, state: TrainingState) -> None:
        self.plan, self._state = state.plan, state
        self._training_batch = training_batches(state)

    def catch_up(self) -> Iterator[Extracting]:
        """What has to be computed before an epoch can go on: nothing."""
        yield from ()

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """(batch, 3, size, size) float32 as a step sees them, and what they are. Another thread may ask for it, too.

        That is (batch,) labels or, where photos are mixed, (batch, classes) shares of them.
        """
        return self._training_batch(self._state.batches.rows(step), step)

    def for_training(self, batch: Tensor) -> Tensor:
        """What the tail trains on in the current step, of what `batch` has made for it."""
        return batch

    def for_scoring(self, split: Split, photos: PhotosOfSide, rows: NDArray[np.int64]) -> Tensor:
        """(batch, 3, size, size) float32, as they are."""
        return evaluation_batch(self._state, photos.gather(rows))

    def are_known(self, side: Side) -> bool:
        """Whether nothing has to be computed of these photos: all their features are there."""
        return False


class Features(Images):
    """What the frozen part computes. It stays in eval mode: no dropout, and BatchNorm keeps its statistics."""

    def __init__(self, state: TrainingState, body: nn.Module, files: FeatureFiles | None) -> None:
        super().__init__(state)
        self._body, self.makes_images = body.eval(), state.config.is_augmented
        self._kept = self._room(files)
        self.are_kept = not state.config.is_augmented and state.precision in self._kept

    def _room(self, files: FeatureFiles | None) -> dict[str, KeptFeatures]:
        """Room for photos' features, by the precision that they are computed in, as far as memory allows.

        Where there is none, features are computed whenever they are needed: the very same ones, to the last digit.
        """
        state, manifest = self._state, self._state.train.manifest
        rows = {"float32": [state.validation.rows_of_set, state.test.rows_of_set]}
        if not state.config.is_augmented:
            rows.setdefault(state.precision, []).append(state.train.rows_of_set)
        left = _FEATURES_SHARE * devices.free_memory_bytes(state.device)
        fitting: dict[str, tuple[NDArray[np.int64], Layout]] = {}
        for precision, sides in rows.items():
            wanted, layout = np.concatenate(sides), self._layout(precision)
            left -= (needed := layout.row_bytes * len(wanted))
            if left > 0:
                fitting[precision] = wanted, layout
            else:
                left += needed
        self._left_bytes = left
        found = self._open(files, fitting) if files else [None] * len(fitting)
        return {
            precision: KeptFeatures(wanted, len(manifest), layout, state.device, file)
            for (precision, (wanted, layout)), file in zip(fitting.items(), found, strict=True)
        }

    def _open(
        self, files: FeatureFiles, fitting: dict[str, tuple[NDArray[np.int64], Layout]]
    ) -> list[FeatureFile | None]:
        state, manifest = self._state, self._state.train.manifest
        facts = {
            "weights": digest_of(self._body),
            "architecture": state.config.architecture,
            "transform": state.transform.to_dict(),
            "photos": [manifest.content, hashlib.sha256(manifest.sizes.astype("<i8").tobytes()).hexdigest()],
            "device": devices.arithmetic(state.device),
        }
        return files.open(
            *(
                Wanted(key_of({**facts, "precision": precision}), len(manifest), len(wanted), layout.row_bytes)
                for precision, (wanted, layout) in fitting.items()
            )
        )

    def _layout(self, precision: str) -> Layout:
        """Tried, since it depends on the images' size."""
        photos = self._state.train.gather(np.zeros(1, np.int64))
        return Layout.of(self._compute(evaluation_batch(self._state, photos), precision))

    def catch_up(self) -> Iterator[Extracting]:
        """After the plan's first epoch: compute what is not there, because an earlier attempt had computed it."""
        state = self._state
        if not self.are_kept or state.epoch == state.plans.phase(state.epoch).start:
            return
        kept = self._kept[state.precision]
        missing = kept.not_in_memory(state.train.rows_of_set)
        for start in range(0, len(missing), BLOCK):
            self._have(state.train, missing[start : start + BLOCK], state.precision)
            if start + BLOCK < len(missing):
                yield Extracting(images=start + BLOCK, total_images=len(missing))

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """See `Images.batch`. Where nothing is augmented, it is (batch,) rows: for them there may be features."""
        if self._state.config.is_augmented:
            return super().batch(step)
        rows = self._state.batches.rows(step)
        return torch.from_numpy(rows), self._state.train.labels_of(rows)

    def for_training(self, batch: Tensor) -> Tensor:
        """See `Images.for_training`: (batch, ...) float32."""
        state = self._state
        if state.config.is_augmented:
            return _widened(self._compute(batch, state.precision))
        rows: NDArray[np.int64] = batch.numpy()
        if not self.are_kept:
            blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
            computed = [self._compute_block(state.train.gather(block), state.precision) for block in blocks]
            return _widened(torch.cat(computed))
        kept, wanted = self._kept[state.precision], state.train.rows_of_set[rows]
        if num_unknown := len(kept.unknown(wanted)):
            # Those of the next steps fill up the last block.
            first = state.batch * state.config.batch_size
            coming = state.batches.order(epoch=state.epoch)[first : first + len(rows) + BLOCK]
            ahead = kept.unknown(state.train.rows_of_set[coming])
            for start in range(0, num_unknown, BLOCK):
                self._compute_kept(state.train, ahead[start : start + BLOCK], state.precision)
        return kept[wanted]

    def for_scoring(self, split: Split, photos: PhotosOfSide, rows: NDArray[np.int64]) -> Tensor:
        """What the tail is scored on: (batch, ...) float32, computed in float32."""
        if "float32" not in self._kept:
            return _widened(self._compute_block(photos.gather(rows), "float32"))
        self._have(photos, photos.rows_of_set[rows], "float32")
        return self._kept["float32"][photos.rows_of_set[rows]]

    def are_known(self, side: Side) -> bool:
        """See `Images`."""
        state = self._state
        photos = {"train": state.train, "validation": state.validation, "test": state.test}[side]
        kept = self._kept.get(state.precision if side == "train" else "float32")
        if kept is None or (side == "train" and not self.are_kept):
            return False
        return not any(len(kept.unknown(photos.rows_of_set[rows])) for rows in photos.blocks(BLOCK))

    def _have(self, photos: PhotosOfSide, rows_of_set: NDArray[np.int64], precision: str) -> None:
        """See that the features of a block are known."""
        if len(unknown := self._kept[precision].unknown(rows_of_set)):
            self._compute_kept(photos, unknown, precision)

    def _compute_kept(self, photos: PhotosOfSide, rows_of_set: NDArray[np.int64], precision: str) -> None:
        """Compute a block, and keep it."""
        features = self._compute_block(photos.gatherer(rows_of_set), precision)
        self._kept[precision].keep(rows_of_set, features)

    def _compute_block(self, photos: Photos, precision: str) -> Tensor:
        """(photos, ...) features of at most a block, filled up to a whole one."""
        return self._compute_whole(evaluation_batch(self._state, photos), precision)

    def _compute_whole(self, batch: Tensor, precision: str) -> Tensor:
        """(photos, ...) features of a batch of at most a block, filled up to a whole one."""
        missing = BLOCK - len(batch)
        if missing > 0:
            batch = laid_out(self._state, torch.cat([batch, batch[:1].expand(missing, -1, -1, -1)]))
        return self._compute(batch, precision)[: BLOCK - missing]

    def _compute(self, batch: Tensor, precision: str) -> Tensor:
        device = self._state.device
        # Not inference_mode: its tensors could not be used in the tail's backward pass.
        with torch.no_grad(), devices.exact_float32(device), devices.autocast(device, precision):
            features: Tensor = self._body(batch)
            return features


def _widened(features: Tensor) -> Tensor:
    return features.to(torch.promote_types(features.dtype, torch.float32))
