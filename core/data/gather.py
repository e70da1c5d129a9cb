"""Photos by their rows, as tensors on a device. Nobody else knows whether their pixels lie there or on a disk."""

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import devices
from core.data.pixels import Pixels
from core.data.sending import sent

# (H, W, 3) uint8 each; on an accelerator (photos, H, W, 3) at once, where all of a data set are of one size.
Photos: TypeAlias = Tensor | list[Tensor]

# Photos may take this share of the memory that is free on an accelerator: the others are sent as they are needed.
_SHARE = 0.25


class Gatherer:
    """The photos of a data set, for one device."""

    def __init__(self, pixels: Pixels, device: torch.device) -> None:
        self._device, self._pixels = device, pixels
        self._flat = torch.from_numpy(pixels.flat)
        if device.type != "cpu" and self._flat.numel() <= _SHARE * devices.free_memory_bytes(device):
            self._flat = self._flat.to(device)
        stacked = None if device.type == "cpu" else pixels.stacked
        self._stacked = None if stacked is None else self._flat[: stacked.size].view(stacked.shape)

    def __call__(self, rows: NDArray[np.int64]) -> Photos:
        """The photos of these rows, in their order, on the device. On the CPU they are not copied."""
        if self._stacked is not None:
            return self._stacked[sent(rows, self._stacked.device)].to(self._device)
        return [self._one(row).to(self._device) for row in rows.tolist()]

    def _one(self, row: int) -> Tensor:
        place, shape = self._pixels.place(row)
        return self._flat[place].view(shape)
