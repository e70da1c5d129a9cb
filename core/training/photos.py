"""The photos that a run trains on, is validated on and is tested on. Knows no network."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.dataset import Manifest, Side
from core.data.gather import Gatherer, Photos
from core.data.sending import sent


@dataclass(frozen=True, kw_only=True, eq=False)
class PhotosOfSide:
    """One side of a data set. Its rows count from 0 among its own photos; there may be none."""

    labels: Tensor  # (photos,) class indices, on the device
    gatherer: Gatherer
    rows_of_set: NDArray[np.int64]  # (photos,) where they stand in the data set
    manifest: Manifest  # of that

    @classmethod
    def of(
        cls, manifest: Manifest, side: Side, gatherer: Gatherer, device: torch.device, *, seed: int
    ) -> "PhotosOfSide":
        """Those of a side, as a run of that seed has them."""
        rows = manifest.rows(side, seed=seed)
        labels = torch.from_numpy(manifest.labels[rows]).to(device)
        return cls(labels=labels, gatherer=gatherer, rows_of_set=rows, manifest=manifest)

    def __len__(self) -> int:
        return len(self.rows_of_set)

    def gather(self, rows: NDArray[np.int64] | slice) -> Photos:
        """The photos of these rows, in their order, on the device."""
        return self.gatherer(self.rows_of_set[rows])

    def labels_of(self, rows: NDArray[np.int64]) -> Tensor:
        """(rows,) their class indices, on the device."""
        return self.labels[sent(rows, self.labels.device)]

    @cached_property
    def counts(self) -> list[int]:
        """How many of each class there are."""
        labels = self.manifest.labels[self.rows_of_set]
        counts: list[int] = np.bincount(labels, minlength=len(self.manifest.classes)).tolist()
        return counts

    def blocks(self, size: int) -> Iterator[NDArray[np.int64]]:
        """All rows in their order, so many at a time."""
        for start in range(0, len(self), size):
            yield np.arange(start, min(start + size, len(self)))
