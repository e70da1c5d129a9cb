"""A picture of some of the images, as they are. Never imports torch."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def make_grid(images: NDArray[np.uint8], *, num_columns: int = 16, padding: int = 2) -> NDArray[np.uint8]:
    """Images (count, H, W, 3) side by side, on black: pixel for pixel what torchvision's `make_grid` draws.

    Returns:
        (rows * (H + padding) + padding, columns * (W + padding) + padding, 3) pixels.
    """
    count, height, width, _ = images.shape
    columns = min(num_columns, count)
    rows = -(-count // columns)
    grid = np.zeros((rows * (height + padding) + padding, columns * (width + padding) + padding, 3), np.uint8)
    for index, image in enumerate(images):
        top = index // columns * (height + padding) + padding
        left = index % columns * (width + padding) + padding
        grid[top : top + height, left : left + width] = image
    return grid


def fitted(photo: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A photo of (H, W, 3) pixels in the middle of a black square: (side, side, 3), made smaller, but never larger."""
    height, width, _ = photo.shape
    scale = min(side / max(height, width), 1)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR)) if scale < 1 else photo
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


def pick_per_class(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Indices of `count` images that show the classes in turn: the first of every class, then the second of each."""
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = labels == label
        rank[members] = np.arange(members.sum())
    return np.lexsort((labels, rank))[:count]
