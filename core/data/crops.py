"""Where random crops lie. Knows nothing of pixels; never imports torch."""

import numpy as np
from numpy.typing import NDArray

from core.data.streams import CROP, random_stream

Sides = NDArray[np.int64]  # (batch,) pixels


def crop_stream(*, seed: int, step: int) -> np.random.Generator:
    """Random numbers for one step's crops."""
    return random_stream(CROP, seed=seed, position=step)


def sample_crops(
    stream: np.random.Generator, heights: Sides, widths: Sides, *, tries: int = 10
) -> tuple[Sides, Sides, Sides, Sides]:
    """(tops, lefts, heights, widths) of random crops, (batch,) each, as torchvision's `RandomResizedCrop` draws them.

    8 to 100% of the area at an aspect of 3/4 to 4/3, log-uniform; after ten misfits the largest allowed middle part.
    `heights` and `widths` are those of the photos.
    """
    batch = len(heights)
    area = (heights * widths)[:, None] * stream.uniform(0.08, 1.0, (batch, tries))
    aspect = np.exp(stream.uniform(np.log(3 / 4), np.log(4 / 3), (batch, tries)))
    tried_widths = np.rint(np.sqrt(area * aspect)).astype(np.int64)
    tried_heights = np.rint(np.sqrt(area / aspect)).astype(np.int64)
    fits = (tried_widths > 0) & (tried_widths <= widths[:, None])
    fits &= (tried_heights > 0) & (tried_heights <= heights[:, None])
    picked = np.arange(batch), fits.argmax(axis=1)  # the first that fits
    is_found = fits[picked]
    # Half to even, as Python's round does it.
    crop_widths = np.where(is_found, tried_widths[picked], np.minimum(widths, np.rint(heights * 4 / 3)))
    crop_heights = np.where(is_found, tried_heights[picked], np.minimum(heights, np.rint(widths * 4 / 3)))
    crop_widths, crop_heights = crop_widths.astype(np.int64), crop_heights.astype(np.int64)
    tops = stream.integers(0, heights - crop_heights + 1)
    lefts = stream.integers(0, widths - crop_widths + 1)
    tops = np.where(is_found, tops, (heights - crop_heights) // 2)
    lefts = np.where(is_found, lefts, (widths - crop_widths) // 2)
    return tops, lefts, crop_heights, crop_widths
