"""How the first version resized photos, for the checkpoints that it left: they go on, and predict, as they began.

It cut out its squares to the fraction of a pixel, resized them bilinearly by two matrix products, and did not round the
result to whole grey levels. Nothing new is resized so: `core.data.transforms` is what everybody else does.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.crops import SMALLEST, sample_crops
from core.data.gather import Photos
from core.data.sending import sent
from core.data.transforms import Transform, checked_values


@dataclass(frozen=True, kw_only=True)
class FirstTransform(Transform):
    """The middle square, `crop_fraction` of the shorter side wide, resized to `image_size` and normalised."""

    crop_fraction: float = 1.0

    def middles(self, images: Tensor) -> Tensor:
        """See `Transform.middles`."""
        _, height, width, _ = images.shape
        side = self.crop_fraction * min(height, width)
        first_row, rows = self._reach((height - side) / 2, side, height)
        first_column, columns = self._reach((width - side) / 2, side, width)
        middle = images[:, first_row : first_row + rows.shape[2], first_column : first_column + columns.shape[2]]
        return self.normalise(_resize(middle, rows, columns))

    def random_resized_crops(self, photos: Photos, stream: np.random.Generator, smallest: float = SMALLEST) -> Tensor:
        """See `Transform.random_resized_crops`."""
        images = photos if isinstance(photos, Tensor) else torch.stack(photos)  # the first version knew no other sizes
        batch, height, width, _ = images.shape
        sizes = np.full(batch, height), np.full(batch, width)
        tops, lefts, heights, widths = sample_crops(stream, *sizes, smallest=smallest)
        # A crop is cut out before it is resized, so nothing from outside of it bleeds in.
        rows = resize_matrices(tops, heights, height, self.image_size, from_crop_only=True)
        columns = resize_matrices(lefts, widths, width, self.image_size, from_crop_only=True)
        return self.normalise(_resize(images, rows, columns))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            ValueError: these are no transform's values: a file may say anything.
        """
        image_size, mean, std = checked_values(values)
        crop_fraction = values.get("crop_fraction", 1.0)
        if not isinstance(crop_fraction, int | float) or not 0.01 <= crop_fraction <= 1:
            raise ValueError("no transform: the part that is cut out cannot be")
        return cls(image_size=image_size, mean=mean, std=std, crop_fraction=float(crop_fraction))

    def _reach(self, start: float, side: float, source_size: int) -> tuple[int, NDArray[np.float32]]:
        """The first source pixel that counts along an axis, and the resize matrix from there to the last one.

        What has no weight is left out: in a panorama, that is nearly everything.
        """
        reach = max(side / self.image_size, 1)
        first = max(int(start - reach), 0)
        last = min(int(np.ceil(start + side + reach)), source_size)
        return first, resize_matrices(np.full(1, start - first), np.full(1, side), last - first, self.image_size)


def resize_matrices(
    starts: NDArray[Any], lengths: NDArray[Any], source_size: int, target_size: int, *, from_crop_only: bool = False
) -> NDArray[np.float32]:
    """(batch, target_size, source_size) weights that resize [start, start + length) of an axis, bilinearly.

    Antialiased when shrinking: a triangle as wide as the scale, as Pillow and torchvision do it.
    """
    scale = (lengths / target_size)[:, None, None]
    centers = starts[:, None, None] + (np.arange(target_size)[None, :, None] + 0.5) * scale
    sources = np.arange(source_size)[None, None, :] + 0.5
    weights = np.clip(1 - np.abs(sources - centers) / np.maximum(scale, 1), 0, None)
    if from_crop_only:
        ends = (starts + lengths)[:, None, None]
        weights *= (sources > starts[:, None, None]) & (sources < ends)
    weights /= weights.sum(axis=2, keepdims=True)
    return weights.astype(np.float32)


def _resize(images: Tensor, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> Tensor:
    device = images.device
    with torch.autocast(device.type, enabled=False):  # in bfloat16 they would be other pixels
        pixels = images.permute(0, 3, 1, 2).to(torch.float32)  # (batch, 3, H, W)
        row_weights = sent(rows, device)[:, None]  # (batch or 1, 1, size, H)
        column_weights = sent(columns, device)[:, None].mT  # (batch or 1, 1, W, size)
        return row_weights @ pixels @ column_weights  # (batch, 3, size, size)
