"""Crops of a whole batch at once, for accelerators: photo by photo they would take hundreds of small kernels.

The same numbers as torchvision's `resized_crop(antialias=True)`, but for the order in which they are added. Resizing is
linear along each side, so it is two products with matrices of weights.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.sending import sent
from core.models.catalog import Kernel

_TOGETHER = 32  # photos: large ones take 12 bytes a pixel, twice
_CUBIC = -0.5  # the slope at 1 that Pillow has, and with it everybody who is antialiased


def batched_crops(photos: Tensor | Sequence[Tensor], boxes: NDArray[np.int64], size: int, kernel: Kernel) -> Tensor:
    """(batch, 3, size, size) float32 in whole grey levels: of each photo the part in its box, resized.

    `photos` are (H, W, 3) uint8 each, on one device; `boxes` (batch, 4) tops, lefts, heights and widths in pixels.
    """
    parts = range(0, len(photos), _TOGETHER)
    return torch.cat([_crops(photos[at : at + _TOGETHER], boxes[at : at + _TOGETHER], size, kernel) for at in parts])


def _crops(photos: Tensor | Sequence[Tensor], boxes: NDArray[np.int64], size: int, kernel: Kernel) -> Tensor:
    images = photos if isinstance(photos, Tensor) else _padded(photos)
    _, height, width, _ = images.shape
    tops, lefts, heights, widths = sent(boxes.T.astype(np.float32), images.device)  # (batch,) each
    with torch.autocast(images.device.type, enabled=False):  # in bfloat16 they would be other pixels
        rows = _weights(tops, heights, height, size, kernel)[:, None]  # (batch, 1, size, H)
        columns = _weights(lefts, widths, width, size, kernel)[:, None].mT  # (batch, 1, W, size)
        pixels = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
        resized = rows @ (pixels @ columns)
    return resized.round_().clamp_(0, 255)


def _padded(photos: Sequence[Tensor]) -> Tensor:
    """(batch, H, W, 3) photos of any sizes, each in the upper left corner. What is beside them counts nothing."""
    height, width = (max(photo.shape[side] for photo in photos) for side in (0, 1))
    padded = photos[0].new_zeros(len(photos), height, width, 3)
    for place, photo in zip(padded, photos, strict=True):
        place[: photo.shape[0], : photo.shape[1]] = photo
    return padded


def _weights(starts: Tensor, lengths: Tensor, source_size: int, size: int, kernel: Kernel) -> Tensor:
    """(batch, size, source_size) how much each pixel from `start` to `start + length` counts for each that is made."""
    device = starts.device
    scale = (lengths / size)[:, None, None]  # (batch, 1, 1) pixels for each that is made
    made = torch.arange(size, device=device)[None, :, None] + 0.5  # (1, size, 1)
    sources = torch.arange(source_size, device=device)[None, None, :] - starts[:, None, None] + 0.5  # (batch, 1, W)
    distances = ((sources - made * scale) / scale.clamp(min=1)).abs()
    weights = (1 - distances).clamp(min=0) if kernel == "bilinear" else _cubic(distances)
    weights = weights.masked_fill((sources < 0) | (sources > lengths[:, None, None]), 0)
    return weights / weights.sum(dim=2, keepdim=True)


def _cubic(distances: Tensor) -> Tensor:
    """Keys' kernel: R. Keys, “Cubic convolution interpolation for digital image processing”, 1981."""
    a, x = _CUBIC, distances
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))
