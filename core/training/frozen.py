"""What a frozen network computes before its head, and keeping it. Knows nothing of steps and scores.

Features are computed in blocks that depend on the seed alone: the batches of the first epoch for training, 32 rows at a
time for validation. In other blocks their last digits could differ; so, a resumed run finds the very same ones.
"""

from collections.abc import Generator, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core import devices
from core.models import catalog, heads
from core.runs.events import Evaluating, Extracting
from core.training.inputs import EVALUATION_BATCH, evaluation_batch, training_batch
from core.training.state import TrainingState

# Kept features may take this share of the memory that is free when the run starts.
_FEATURES_SHARE = 0.25


class FrozenPart:
    """Everything before the head. It stays in eval mode: no dropout, and BatchNorm keeps its statistics."""

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        state.model.eval()
        # Decided once a run: a resumed one must compute as it began.
        if state.keeps_features is None:
            state.keeps_features = state.config.augmentation == "none" and state.config.epochs > 1
            state.keeps_features &= self._fit_into_memory()
        self.keeps_features: bool = state.keeps_features
        if self.keeps_features:
            order, size = state.batches.order(epoch=0), state.config.batch_size
            self._blocks = [order[start : start + size].copy() for start in range(0, len(order), size)]
            self._missing = set(range(len(self._blocks)))
            self._train = self._make_room(len(state.train))
            self._validation: Tensor | None = None

    def _fit_into_memory(self) -> bool:
        state = self._state
        num_images = len(state.train) + len(state.validation)
        needed_bytes = 4 * num_images * catalog.ARCHITECTURES[state.config.architecture].head_features
        # What a convolution reads has a width and a height, too: far more than it takes to compute it again.
        is_flat = isinstance(state.head, nn.Linear)
        return is_flat and needed_bytes < _FEATURES_SHARE * devices.free_memory_bytes(state.device)

    def training_features(self, rows: NDArray[np.int64]) -> Tensor:
        """What the head trains on in the current step: (batch, features) float32."""
        if not self.keeps_features:
            return self.compute(training_batch(self._state, rows), self._state.precision)
        if self._state.epoch == 0:
            self._compute_block(self._state.batch)
        return self._train[self._on_device(rows)]

    def catch_up(self) -> Iterator[Extracting]:
        """After the first epoch: compute what is not there, because an earlier attempt had computed it."""
        if not self.keeps_features or self._state.epoch == 0:
            return
        missing, total = sorted(self._missing), sum(len(self._blocks[block]) for block in self._missing)
        done = 0
        for block in missing:
            self._compute_block(block)
            done += len(self._blocks[block])
            if done < total:
                yield Extracting(images=done, total_images=total)

    def _compute_block(self, block: int) -> None:
        if block in self._missing:
            rows = self._blocks[block]
            self._train[self._on_device(rows)] = self.compute(training_batch(self._state, rows), self._state.precision)
            self._missing.remove(block)

    def validation_features(self) -> Generator[Evaluating, None, Tensor]:
        """What the head is scored on after every epoch, in float32: (images, features), computed at the first call."""
        total = len(self._state.validation)
        if self._validation is None:
            features = self._make_room(total)
            for rows in self._state.validation.blocks(EVALUATION_BATCH):
                done = int(rows[-1]) + 1
                photos = self._state.validation.gather(rows)
                features[rows[0] : done] = self.compute(evaluation_batch(self._state, photos), "float32")
                if done < total:
                    yield Evaluating(split="validation", images=done, total_images=total)
            self._validation = features
        return self._validation

    def compute(self, batch: Tensor, precision: str) -> Tensor:
        """What the head receives for (batch, 3, size, size) inputs: (batch, features) float32, or maps."""
        device = self._state.device
        # Not inference_mode: its tensors could not be used in the head's backward pass.
        with torch.no_grad(), devices.exact_float32(device), devices.autocast(device, precision):
            return heads.head_inputs(self._state.model, self._state.head, batch).float()

    def _on_device(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(rows).to(self._state.device)

    def _make_room(self, count: int) -> Tensor:
        num_features = catalog.ARCHITECTURES[self._state.config.architecture].head_features
        return torch.empty(count, num_features, device=self._state.device)
