"""Where the pixels of photos lie: one behind the other, in memory or in a file that is mapped into it. Never torch."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """RGB photos of any sizes: each row by row, three bytes a pixel, from 0 to 255."""

    flat: NDArray[np.uint8]  # (bytes,)
    offsets: NDArray[np.int64]  # (photos,) where each begins in `flat`
    sizes: NDArray[np.int64]  # (photos, 2) heights and widths

    @classmethod
    def of(cls, images: NDArray[np.uint8]) -> Self:
        """Those of (photos, height, width, 3) images, which are all of one size."""
        count, height, width, channels = images.shape
        assert channels == 3, images.shape
        sizes = np.tile(np.array([height, width], np.int64), (count, 1))
        offsets = np.arange(count, dtype=np.int64) * (height * width * 3)
        return cls(flat=np.ascontiguousarray(images).reshape(-1), offsets=offsets, sizes=sizes)

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        """(height, width, 3) pixels of one photo: a view, not a copy."""
        place, shape = self.place(row)
        return self.flat[place].reshape(shape)

    def place(self, row: int) -> tuple[slice, tuple[int, int, int]]:
        """Where one photo lies in `flat`, and its height, width and channels."""
        height, width = (int(side) for side in self.sizes[row])
        start = int(self.offsets[row])
        return slice(start, start + height * width * 3), (height, width, 3)

    @cached_property
    def stacked(self) -> NDArray[np.uint8] | None:
        """(photos, height, width, 3): all of them in one array, a view; None where they differ in size."""
        if not len(self) or (self.sizes != self.sizes[0]).any():
            return None
        height, width = (int(side) for side in self.sizes[0])
        if (self.offsets != np.arange(len(self)) * (height * width * 3)).any():
            return None
        return self.flat[: len(self) * height * width * 3].reshape(len(self), height, width, 3)
