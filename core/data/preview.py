"""A picture of some of the images, as they are. Never imports torch."""

import numpy as np
from numpy.typing import NDArray


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


def pick_per_class(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Indices of `count` images that show the classes in turn: the first of every class, then the second of each."""
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = labels == label
        rank[members] = np.arange(members.sum())
    return np.lexsort((labels, rank))[:count]
