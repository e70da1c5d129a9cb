"""From uint8 images to what a network reads: crop, resize and normalise, for whole batches on their device.

Resizing is linear and separable, so a batch is resized by two matrix products: one matrix an image and axis says how
much each source pixel gives to each output pixel. Crops and enlargements are only other matrices.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.models.catalog import Channels

MAX_IMAGE_SIZE = 1024


@dataclass(frozen=True, kw_only=True)
class EvaluationTransform:
    """What validation, test and prediction do to every image. Travels inside the checkpoint.

    The middle square is cut out, `crop_fraction` of the shorter side wide, resized to `image_size` and normalised.
    """

    image_size: int
    mean: Channels
    std: Channels
    crop_fraction: float = 1.0

    def __call__(self, images: Tensor) -> Tensor:
        """(batch, H, W, 3) uint8 images to (batch, 3, image_size, image_size) float32, on the same device."""
        _, height, width, _ = images.shape
        side = self.crop_fraction * min(height, width)
        first_row, rows = self._reach((height - side) / 2, side, height)
        first_column, columns = self._reach((width - side) / 2, side, width)
        middle = images[:, first_row : first_row + rows.shape[2], first_column : first_column + columns.shape[2]]
        return _resize_and_normalise(middle, rows, columns, self.mean, self.std)

    def _reach(self, start: float, side: float, source_size: int) -> tuple[int, NDArray[np.float32]]:
        """The first source pixel that counts along an axis, and the resize matrix from there to the last one.

        What has no weight is left out: in a panorama, that is nearly everything.
        """
        reach = max(side / self.image_size, 1)
        first = max(int(start - reach), 0)
        last = min(int(np.ceil(start + side + reach)), source_size)
        return first, resize_matrices(np.full(1, start - first), np.full(1, side), last - first, self.image_size)

    def restore(self, inputs: Tensor) -> NDArray[np.uint8]:
        """Inputs of the network, (batch, 3, size, size), as pictures: (batch, size, size, 3) from 0 to 255."""
        scale = torch.tensor(self.std, device=inputs.device).view(3, 1, 1) * 255
        offset = torch.tensor(self.mean, device=inputs.device).view(3, 1, 1) * 255
        pixels = (inputs * scale + offset).round().clamp(0, 255).to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).cpu().numpy()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "EvaluationTransform":
        """The inverse of `to_dict`.

        Raises:
            ValueError: these are no transform's values: a file may say anything.
        """
        try:
            image_size, crop_fraction = int(values["image_size"]), float(values.get("crop_fraction", 1.0))
            mean, std = (tuple(float(value) for value in values[name]) for name in ("mean", "std"))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"no transform: {error}") from error
        is_possible = 1 <= image_size <= MAX_IMAGE_SIZE and 0 < crop_fraction <= 1 and min(std, default=0.0) > 0
        if not is_possible or len(mean) != 3 or len(std) != 3 or not np.isfinite([*mean, *std]).all():
            raise ValueError(f"no transform: {values}")
        return cls(image_size=image_size, mean=mean, std=std, crop_fraction=crop_fraction)


def random_resized_crop(
    images: Tensor, stream: np.random.Generator, *, image_size: int, mean: Channels, std: Channels
) -> Tensor:
    """torchvision's `RandomResizedCrop` with its defaults, for a batch: each image has a crop of its own.

    (batch, H, W, 3) uint8 images to (batch, 3, image_size, image_size) float32, on the same device.
    """
    batch, height, width, _ = images.shape
    tops, lefts, heights, widths = sample_crops(stream, batch, height, width)
    # A crop is cut out before it is resized, so nothing from outside of it bleeds in.
    rows = resize_matrices(tops, heights, height, image_size, from_crop_only=True)
    columns = resize_matrices(lefts, widths, width, image_size, from_crop_only=True)
    return _resize_and_normalise(images, rows, columns, mean, std)


def sample_crops(
    stream: np.random.Generator, batch: int, height: int, width: int, *, tries: int = 10
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(tops, lefts, heights, widths) of random crops, (batch,) each, as `RandomResizedCrop` draws them.

    8 to 100% of the area at an aspect of 3/4 to 4/3, log-uniform; after ten misfits the largest allowed middle part.
    """
    area = height * width * stream.uniform(0.08, 1.0, (batch, tries))
    aspect = np.exp(stream.uniform(np.log(3 / 4), np.log(4 / 3), (batch, tries)))
    widths = np.rint(np.sqrt(area * aspect)).astype(np.int64)
    heights = np.rint(np.sqrt(area / aspect)).astype(np.int64)
    fits = (widths > 0) & (widths <= width) & (heights > 0) & (heights <= height)
    first = fits.argmax(axis=1)
    picked = np.arange(batch), first
    fallback_width = min(width, round(height * 4 / 3))
    fallback_height = min(height, round(width * 4 / 3))
    crop_widths = np.where(fits[picked], widths[picked], fallback_width)
    crop_heights = np.where(fits[picked], heights[picked], fallback_height)
    tops = stream.integers(0, height - crop_heights + 1)
    lefts = stream.integers(0, width - crop_widths + 1)
    tops = np.where(fits[picked], tops, (height - crop_heights) // 2)
    lefts = np.where(fits[picked], lefts, (width - crop_widths) // 2)
    return tops, lefts, crop_heights, crop_widths


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


def _resize_and_normalise(
    images: Tensor, rows: NDArray[np.float32], columns: NDArray[np.float32], mean: Channels, std: Channels
) -> Tensor:
    device = images.device
    pixels = images.permute(0, 3, 1, 2).to(torch.float32)  # (batch, 3, H, W)
    row_weights = torch.from_numpy(rows).to(device)[:, None]  # (batch or 1, 1, size, H)
    column_weights = torch.from_numpy(columns).to(device)[:, None].mT  # (batch or 1, 1, W, size)
    resized = row_weights @ pixels @ column_weights  # (batch, 3, size, size)
    scale = torch.tensor(std, device=device).view(3, 1, 1) * 255
    offset = torch.tensor(mean, device=device).view(3, 1, 1) * 255
    return (resized - offset) / scale
