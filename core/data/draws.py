"""What augmentation draws for the photos of a batch, as small arrays. Knows nothing of pixels; never imports torch."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.data.crops import draw_sizes

# Of a rectangle that is erased: its share of the area, and its height by its width. torchvision's own.
_ERASED_AREA = (0.02, 0.33)
_ERASED_ASPECT = (0.3, 3.3)


class Rectangle(NamedTuple):
    """Pixels of a square photo: from the first row and column on, and before the last ones."""

    top: int
    bottom: int
    left: int
    right: int


def happens(stream: np.random.Generator, batch: int, probability: float) -> NDArray[np.bool_]:
    """(batch,) whether something that likely happens to each photo."""
    return stream.random(batch) < probability


def about_zero(stream: np.random.Generator, batch: int, most: float) -> NDArray[np.float32]:
    """(batch,) numbers from -most to most, uniform."""
    return stream.uniform(-most, most, batch).astype(np.float32)


def erased_rectangles(stream: np.random.Generator, batch: int, size: int, probability: float) -> NDArray[np.int64]:
    """(4, batch) tops, bottoms, lefts and rights of what is erased of square photos, as torchvision's `RandomErasing`.

    They are empty where nothing is.
    """
    is_erased = happens(stream, batch, probability)
    most = np.full(batch, size - 1)
    # The shapes of torchvision's rectangles are heights by widths, those of its crops widths by heights.
    widths, heights, is_found = draw_sizes(
        stream, np.full(batch, size * size), most, most, shares=_ERASED_AREA, aspects=_ERASED_ASPECT
    )
    heights = np.where(is_erased & is_found, heights, 0)
    widths = np.where(is_found, widths, 0)
    tops = stream.integers(0, size - heights + 1)
    lefts = stream.integers(0, size - widths + 1)
    return np.stack([tops, tops + heights, lefts, lefts + widths])


def share_kept(stream: np.random.Generator, alpha: float) -> float:
    """How much of a mixed photo is its own, from 0 to 1: lambda of mixup and CutMix, from Beta(alpha, alpha)."""
    return float(stream.beta(alpha, alpha))


def cut_rectangle(stream: np.random.Generator, size: int, kept: float) -> Rectangle:
    """What CutMix takes from another photo, as torchvision draws it: around any pixel, and cut off at the edges.

    `kept` is the share of the photo that would be left if nothing was cut off.
    """
    row, column = (int(value) for value in stream.integers(0, size, 2))
    half = int(0.5 * np.sqrt(1 - kept) * size)
    return Rectangle(
        top=max(row - half, 0),
        bottom=min(row + half, size),
        left=max(column - half, 0),
        right=min(column + half, size),
    )
