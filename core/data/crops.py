"""Where random crops lie. Knows nothing of pixels; never imports torch."""

import numpy as np
from numpy.typing import NDArray

from core.data.streams import CROP, random_stream

Sides = NDArray[np.int64]  # (batch,) pixels
SMALLEST = 0.08  # share of a photo's area that torchvision's random crops have at least


def crop_stream(*, seed: int, step: int) -> np.random.Generator:
    """Random numbers for one step's crops."""
    return random_stream(CROP, seed=seed, position=step)


def sample_crops(
    stream: np.random.Generator, heights: Sides, widths: Sides, *, smallest: float = SMALLEST
) -> tuple[Sides, Sides, Sides, Sides]:
    """(tops, lefts, heights, widths) of random crops, (batch,) each, as torchvision's `RandomResizedCrop` draws them.

    `smallest` to all of the area at an aspect of 3/4 to 4/3, log-uniform; after ten misfits the largest allowed middle
    part. `heights` and `widths` are those of the photos.
    """
    found_heights, found_widths, is_found = draw_sizes(
        stream, heights * widths, heights, widths, shares=(smallest, 1.0), aspects=(3 / 4, 4 / 3)
    )
    # Half to even, as Python's round does it.
    crop_widths = np.where(is_found, found_widths, np.minimum(widths, np.rint(heights * 4 / 3)))
    crop_heights = np.where(is_found, found_heights, np.minimum(heights, np.rint(widths * 4 / 3)))
    crop_widths, crop_heights = crop_widths.astype(np.int64), crop_heights.astype(np.int64)
    tops = stream.integers(0, heights - crop_heights + 1)
    lefts = stream.integers(0, widths - crop_widths + 1)
    tops = np.where(is_found, tops, (heights - crop_heights) // 2)
    lefts = np.where(is_found, lefts, (widths - crop_widths) // 2)
    return tops, lefts, crop_heights, crop_widths


def draw_sizes(
    stream: np.random.Generator,
    areas: Sides,
    most_high: Sides,
    most_wide: Sides,
    *,
    shares: tuple[float, float],
    aspects: tuple[float, float],
    tries: int = 10,
) -> tuple[Sides, Sides, NDArray[np.bool_]]:
    """Heights and widths of a part of each photo, and whether one was found, (batch,) each.

    Of so many tries the first that is not too high or too wide: a share of the photo's area, uniform, at a width by
    height that is log-uniform.
    """
    batch = len(areas)
    area = areas[:, None] * stream.uniform(*shares, (batch, tries))
    aspect = np.exp(stream.uniform(np.log(aspects[0]), np.log(aspects[1]), (batch, tries)))
    widths = np.rint(np.sqrt(area * aspect)).astype(np.int64)
    heights = np.rint(np.sqrt(area / aspect)).astype(np.int64)
    fits = (widths > 0) & (widths <= most_wide[:, None]) & (heights > 0) & (heights <= most_high[:, None])
    picked = np.arange(batch), fits.argmax(axis=1)
    return heights[picked], widths[picked], fits[picked]
