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
from core.data.gather import Photos
from core.feature_files import FeatureFiles
from core.runs.events import Extracting, Split
from core.training.inputs import EVALUATION_BATCH, evaluation_batch, laid_out, training_batches
from core.training.kept_features import KeptFeatures, Layout, key_of
from core.training.photos import PhotosOfSide
from core.training.state import TrainingState

BLOCK = EVALUATION_BATCH  # photos
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

    def __init__(self, state: TrainingState, body: nn.Module, files: FeatureFiles | None) -> None:
        super().__init__(state)
        self._body = body.eval()
        # Decided once for a plan: a resumed run must compute as it began.
        is_same_each_time = not state.config.is_augmented and state.keeps_features is not False
        self._kept = self._room(files, for_training=is_same_each_time)
        state.keeps_features = self.are_kept = is_same_each_time and bool(self._kept)

    def _room(self, files: FeatureFiles | None, *, for_training: bool) -> dict[str, KeptFeatures]:
        """Room for photos' features, by the precision that they are computed in; none where memory is short."""
        state = self._state
        rows = {"float32": [state.validation.rows_of_set, state.test.rows_of_set]}
        if for_training:
            rows.setdefault(state.precision, []).append(state.train.rows_of_set)
        layouts = {precision: self._layout(precision) for precision in rows}
        needed = sum(layouts[name].row_bytes * len(side) for name, sides in rows.items() for side in sides)
        if needed >= _FEATURES_SHARE * devices.free_memory_bytes(state.device):
            return {}
        manifest, kept = state.train.manifest, {}
        for precision, sides in rows.items():
            layout, file = layouts[precision], None
            if files is not None:
                key = key_of(self._body, self._facts(precision))
                file = files.open(key, num_rows=len(manifest), row_bytes=layout.row_bytes)
            kept[precision] = KeptFeatures(np.concatenate(sides), len(manifest), layout, state.device, file)
        return kept

    def _layout(self, precision: str) -> Layout:
        """Tried, since it depends on the images' size."""
        photos = self._state.train.gather(np.zeros(1, np.int64))
        return Layout.of(self._compute(evaluation_batch(self._state, photos), precision))

    def _facts(self, precision: str) -> dict[str, object]:
        """What features depend on beside the weights."""
        state = self._state
        manifest = state.train.manifest
        return {
            "architecture": state.config.architecture,
            "transform": state.transform.to_dict(),
            "photos": [manifest.content, hashlib.sha256(manifest.sizes.astype("<i8").tobytes()).hexdigest()],
            "precision": precision,
            "device": devices.arithmetic(state.device),
        }

    def catch_up(self) -> Iterator[Extracting]:
        """After the plan's first epoch: compute what is not there, because an earlier attempt had computed it."""
        state = self._state
        if not self.are_kept or state.epoch == state.plans.phase(state.epoch).start:
            return
        unknown = self._kept[state.precision].unknown(state.train.rows_of_set)
        for start in range(0, len(unknown), BLOCK):
            self._compute_kept(state.train, unknown[start : start + BLOCK], state.precision)
            if start + BLOCK < len(unknown):
                yield Extracting(images=start + BLOCK, total_images=len(unknown))

    def for_training(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """What the tail trains on in the current step: (batch, ...) float32; and what that is, see `Images`."""
        state = self._state
        if not self.are_kept:
            images, targets = super().for_training(rows)
            return _widened(self._compute(images, state.precision)), targets
        kept, wanted = self._kept[state.precision], state.train.rows_of_set[rows]
        if num_unknown := len(kept.unknown(wanted)):
            # Those of the next steps fill up the last block.
            start = state.batch * state.config.batch_size
            coming = state.batches.order(epoch=state.epoch)[start : start + len(rows) + BLOCK]
            ahead = kept.unknown(state.train.rows_of_set[coming])
            for start in range(0, num_unknown, BLOCK):
                self._compute_kept(state.train, ahead[start : start + BLOCK], state.precision)
        return kept[wanted], state.train.labels_of(rows)

    def for_scoring(self, split: Split, photos: PhotosOfSide, rows: NDArray[np.int64]) -> Tensor:
        """What the tail is scored on: (batch, ...) float32, computed in float32."""
        if not self._kept:
            return _widened(self._compute_block(photos.gather(rows), "float32"))
        kept, wanted = self._kept["float32"], photos.rows_of_set[rows]
        if len(unknown := kept.unknown(wanted)):
            self._compute_kept(photos, unknown, "float32")
        return kept[wanted]

    def are_known(self, split: Split) -> bool:
        """See `Images`."""
        photos = self._state.validation if split == "validation" else self._state.test
        return bool(self._kept) and not len(self._kept["float32"].unknown(photos.rows_of_set))

    def _compute_kept(self, photos: PhotosOfSide, rows_of_set: NDArray[np.int64], precision: str) -> None:
        """Compute a block, and keep it."""
        features = self._compute_block(photos.gatherer(rows_of_set), precision)
        self._kept[precision].keep(rows_of_set, features)

    def _compute_block(self, photos: Photos, precision: str) -> Tensor:
        """(photos, ...) features of at most a block, filled up to a whole one."""
        batch = evaluation_batch(self._state, photos)
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


def tail_inputs(state: TrainingState, files: FeatureFiles | None = None) -> Images:
    """Where a run's tail has its inputs from. `files` are where features are kept beyond the run."""
    return Images(state) if state.plan.body is None else Features(state, state.plan.body, files)
