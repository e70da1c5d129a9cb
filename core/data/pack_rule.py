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
        """A photo of (H, W, 3) pixels as it is kept: (side, side, 3)."""
        return np.array(self.kept(Image.fromarray(pixels)))

    def kept(self, photo: Image.Image) -> Image.Image:
        """An RGB picture as it is kept: a square one, by Pillow's antialiased bilinear kernel."""
        width, height = photo.size
        shorter, longer = sorted(photo.size)
        if self.shape == "pad":
            return self._padded(photo)
        side = min(self.size, shorter if self.shape == "middle" else longer)
        if self.shape == "middle":
            left, top = (width - shorter) // 2, (height - shorter) // 2
            photo = photo.crop((left, top, left + shorter, top + shorter))
        return _resized(photo, (side, side))

    def _padded(self, photo: Image.Image) -> Image.Image:
        width, height = photo.size
        longer = max(photo.size)
        side = min(self.size, longer)
        inner = max(round(width * side / longer), 1), max(round(height * side / longer), 1)
        padded = Image.new("RGB", (side, side))
        padded.paste(_resized(photo, inner), ((side - inner[0]) // 2, (side - inner[1]) // 2))
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


def _resized(photo: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture at a size of (width, height)."""
    return photo if photo.size == size else photo.resize(size, Image.Resampling.BILINEAR)
