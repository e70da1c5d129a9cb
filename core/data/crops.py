"""Where random crops lie. Knows nothing of pixels; never imports torch."""

import numpy as np
from numpy.typing import NDArray

Sides = NDArray[np.int64]  # (batch,) pixels


def sample_crops(
    stream: np.random.Generator, batch: int, height: int, width: int, *, tries: int = 10
) -> tuple[Sides, Sides, Sides, Sides]:
    """(tops, lefts, heights, widths) of random crops, (batch,) each, as torchvision's `RandomResizedCrop` draws them.

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
