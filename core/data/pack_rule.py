"""How a data set keeps a photo: at which size, and what becomes of its shape. Never imports torch.

A network that was trained on packed photos must be shown others in the same way, so the rule is a part of its
transform, and packing and Predict apply this one function.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Shape = Literal["middle", "squash", "pad"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
MIN_SIZE, MAX_SIZE = 32, 1024
# Of decoder, kernel and rounding: whoever changes one must keep the old way for the checkpoints that name it.
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class PackRule:
    """Photos become squares of `size` pixels; a smaller one becomes a square of its own size, and is not enlarged.

    "middle" keeps the middle square, "squash" the whole photo with its shape changed, "pad" the whole photo on black.
    A smaller photo's size is its shorter side where the middle is kept, and else the longer one.

    Raises:
        ValueError: there is no such size or shape.
    """

    size: int = 256
    shape: Shape = "middle"

    def __post_init__(self) -> None:
        if type(self.size) is not int or not MIN_SIZE <= self.size <= MAX_SIZE:
            raise ValueError(f"size must be a whole number between {MIN_SIZE} and {MAX_SIZE:,}, got {self.size}")
        if self.shape not in SHAPES:
            raise ValueError(f"shape must be one of {', '.join(SHAPES)}, got {self.shape}")

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A photo of (H, W, 3) pixels as it is kept: (side, side, 3), by Pillow's antialiased bilinear kernel."""
        height, width, _ = pixels.shape
        shorter, longer = sorted((height, width))
        if self.shape == "pad":
            return self._padded(pixels, longer)
        side = min(self.size, shorter if self.shape == "middle" else longer)
        box = (0, 0, width, height)
        if self.shape == "middle":
            left, top = (width - shorter) // 2, (height - shorter) // 2
            box = (left, top, left + shorter, top + shorter)
        return _resized(pixels, (side, side), box)

    def _padded(self, pixels: NDArray[np.uint8], longer: int) -> NDArray[np.uint8]:
        height, width, _ = pixels.shape
        side = min(self.size, longer)
        inner = max(round(height * side / longer), 1), max(round(width * side / longer), 1)
        padded = np.zeros((side, side, 3), np.uint8)
        top, left = (side - inner[0]) // 2, (side - inner[1]) // 2
        small = _resized(pixels, (inner[1], inner[0]), (0, 0, width, height))
        padded[top : top + inner[0], left : left + inner[1]] = small
        return padded

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a manifest or a checkpoint."""
        return {"version": _VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """The inverse of `to_dict`.

        Raises:
            ValueError: these are no rule's values: a file may say anything.
        """
        if not isinstance(values, dict) or values.get("version") != _VERSION:
            raise ValueError("no rule for packing that is known here")
        return cls(size=values.get("size", 0), shape=values.get("shape", ""))


def _resized(pixels: NDArray[np.uint8], size: tuple[int, int], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """A part of (H, W, 3) pixels, its left, upper, right and lower end in `box`, at a size of (width, height)."""
    left, top, right, bottom = box
    part = pixels[top:bottom, left:right]
    if (right - left, bottom - top) == size:
        return np.array(part)
    return np.array(Image.fromarray(np.ascontiguousarray(part)).resize(size, Image.Resampling.BILINEAR))
