"""Photos by their rows, as tensors on a device. Nobody else knows whether their pixels lie there or on a disk."""

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import devices
from core.data.pixels import Pixels

# (photos, H, W, 3) uint8 where all are of one size, else (H, W, 3) each.
Photos: TypeAlias = Tensor | list[Tensor]

# Photos may take this share of the memory that is free on an accelerator: the others are sent as they are needed.
_SHARE = 0.25


class Gatherer:
    """The photos of a data set, for one device."""

    def __init__(self, pixels: Pixels, device: torch.device) -> None:
        self._device = device
        self._offsets, self._sizes = pixels.offsets, pixels.sizes
        self._flat = torch.from_numpy(pixels.flat)
        if device.type != "cpu" and self._flat.numel() <= _SHARE * devices.free_memory_bytes(device):
            self._flat = self._flat.to(device)
        self._shape = None if pixels.stacked is None else pixels.stacked.shape

    def __call__(self, rows: NDArray[np.int64]) -> Photos:
        """The photos of these rows, in their order, on the device."""
        if self._shape is not None:
            count = int(np.prod(self._shape))
            wanted = torch.from_numpy(rows).to(self._flat.device)
            return self._flat[:count].view(self._shape)[wanted].to(self._device)
        return [self._one(row).to(self._device) for row in rows.tolist()]

    def _one(self, row: int) -> Tensor:
        height, width = (int(side) for side in self._sizes[row])
        start = int(self._offsets[row])
        return self._flat[start : start + height * width * 3].view(height, width, 3)
