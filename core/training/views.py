"""Features of photos that are changed at random, in a few views of each: computed once, and used again in turn.

A view is what one epoch sees of all photos. Its draws are functions of (seed, view, place in that epoch's order), and
it is computed for 32 photos at a time as other features are: it comes out the same whenever it is computed. An epoch
that uses a view again takes the photos in an order of its own.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data.dataset import Side
from core.data.sending import sent
from core.errors import UnfreezeError
from core.feature_files import FeatureFiles
from core.runs.events import Extracting
from core.training.features import BLOCK, Features
from core.training.kept_features import KeptFeatures
from core.training.state import TrainingState
from core.words import size


class Views(Features):
    """The training photos in so many views, while one plan lasts. Validation and test have their photos as they are."""

    def __init__(self, state: TrainingState, body: nn.Module, files: FeatureFiles | None) -> None:
        super().__init__(state, body, files)
        phase, layout = state.plans.phase(state.epoch), self._layout(state.precision)
        self.computing_epochs = min(state.config.augmenting.views, len(phase))
        self._needed_bytes = self.computing_epochs * layout.row_bytes * len(state.train)
        self.are_kept, self.makes_images = True, False
        self._first_epoch = phase.start
        self._views = [
            _View(KeptFeatures(np.arange(len(state.train)), len(state.train), layout, state.device), order)
            for order in (state.batches.order(epoch=phase.start + view) for view in range(self.computing_epochs))
        ]

    def catch_up(self) -> Iterator[Extracting]:
        """Compute again what epochs of earlier attempts had computed, and later ones will use.

        Raises:
            UnfreezeError: memory has no room for so many views. To change photos anew instead is another training.
        """
        if self._needed_bytes > self._left_bytes:
            raise UnfreezeError(
                f"Keeping {self.computing_epochs:,} views of {len(self._state.train):,} photos would take "
                f"{size(self._needed_bytes)} of memory, and {size(max(self._left_bytes, 0))} can be spared. Start "
                "again with fewer views or a smaller image size, or resume when memory is free."
            )
        used = self._views[: self._state.epoch - self._first_epoch]
        missing = [(view, block) for view in range(len(used)) for block in self._views[view].missing_blocks()]
        for done, (view, block) in enumerate(missing, start=1):
            self._compute_view(view, block)
            if done < len(missing):
                yield Extracting(images=BLOCK * done, total_images=BLOCK * len(missing))

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """See `Images.batch`: (batch, ...) features at once, in float32."""
        rows = self._state.batches.rows(step)
        number = ((step - 1) // self._state.steps_per_epoch - self._first_epoch) % self.computing_epochs
        view = self._views[number]
        for block in view.missing_blocks(rows):
            self._compute_view(number, block)
        return view.features[rows], view.targets_of(rows)

    def for_training(self, batch: Tensor) -> Tensor:
        """See `Images.for_training`: `batch` has made them."""
        return batch

    def are_known(self, side: Side) -> bool:
        """See `Images`: no file has views."""
        return side != "train" and super().are_known(side)

    def _compute_view(self, number: int, block: int) -> None:
        """Compute a block of a view, and keep it."""
        view = self._views[number]
        rows = view.rows_of(block)
        # Where steps are blocks, and all of them, each block has the draws that its step would have.
        position = (self._first_epoch + number) * view.num_blocks + block + 1
        images, targets = self._training_batch(rows, position)
        view.keep(rows, self._compute_whole(images, self._state.precision), targets)


class _View:
    """One view of all training photos, as it becomes known. Rows count from 0 among these."""

    def __init__(self, features: KeptFeatures, order: NDArray[np.int64]) -> None:
        self.features, self._order = features, order
        self.num_blocks = -(-len(order) // BLOCK)
        self._block_of = np.empty_like(order)
        self._block_of[order] = np.arange(len(order)) // BLOCK
        self._targets: Tensor | None = None  # (photos,) labels, or (photos, classes) shares of them

    def missing_blocks(self, rows: NDArray[np.int64] | None = None) -> list[int]:
        """The blocks that hold any of these rows, or of all, and are not known."""
        missing = self.features.not_in_memory(self._order if rows is None else rows)
        return list(dict.fromkeys(self._block_of[missing].tolist()))

    def rows_of(self, block: int) -> NDArray[np.int64]:
        """The rows of a block."""
        return self._order[block * BLOCK : (block + 1) * BLOCK].copy()

    def keep(self, rows: NDArray[np.int64], features: Tensor, targets: Tensor) -> None:
        """Keep what was computed of these rows, and what that is."""
        self.features.keep(rows, features)
        if self._targets is None:
            self._targets = targets.new_empty(len(self._order), *targets.shape[1:])
        self._targets[sent(rows, targets.device)] = targets

    def targets_of(self, rows: NDArray[np.int64]) -> Tensor:
        """What the photos of these rows are."""
        assert self._targets is not None
        return self._targets[sent(rows, self._targets.device)]
