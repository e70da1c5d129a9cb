"""From uint8 images to what a network reads: resized, cropped and normalised as torchvision does it, to the pixel.

Weights were measured with one kernel, one crop and whole grey levels, and other programs use the same: so do training,
validation and prediction here, by torchvision's own functions. What was done is recorded in every checkpoint.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from core.data.batched_crops import batched_crops
from core.data.crops import SMALLEST, sample_crops
from core.data.gather import Photos
from core.data.pack_rule import PackRule
from core.data.sending import sent
from core.data.side_by_side import each
from core.models.catalog import KERNELS, Architecture, Channels, Kernel

MAX_IMAGE_SIZE = 1024
_MAX_RESIZE_SIZE = 2 * MAX_IMAGE_SIZE
# A photo more than this many times as long as wide is first cut to its middle: resized whole, it could fill the memory.
# Its crop then lies where it would lie, but for a fraction of a pixel.
_MAX_ASPECT = 64
# What deviation and mean of pixels from 0 to 1 can be, by far; a file may say anything.
_STD_RANGE = (1e-3, 1e3)
_MAX_MEAN = 1e3


@dataclass(frozen=True, kw_only=True)
class Transform:
    """What all transforms have in common: a square of `image_size` pixels, normalised."""

    image_size: int
    mean: Channels  # of pixels from 0 to 1
    std: Channels

    def of_photo(self, pixels: NDArray[np.uint8], device: torch.device | str = "cpu") -> Tensor:
        """A photo of (H, W, 3) pixels, as its file has them, to (1, 3, image_size, image_size) float32 on a device."""
        return self(torch.from_numpy(pixels)[None].to(device))

    def __call__(self, photos: Photos) -> Tensor:
        """Photos of any sizes to (batch, 3, image_size, image_size) float32, on the same device.

        The middle of each, as validation, test and prediction read it, and training without random crops.
        """
        return photos_of_a_size(photos, self.middles)

    def middles(self, images: Tensor) -> Tensor:
        """The same of (batch, H, W, 3) uint8 images, which are of one size."""
        raise NotImplementedError

    def random_resized_crops(self, photos: Photos, stream: np.random.Generator, smallest: float = SMALLEST) -> Tensor:
        """Of each photo a random crop, as torchvision's `RandomResizedCrop` draws it: shapes as above.

        `smallest` is the least share of the area.
        """
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint: all that another program needs to do the same."""
        raise NotImplementedError

    def unnormalised(self) -> Self:
        """The same but for its last step: it gives pixels from 0 to 1, whose colours can be changed."""
        return replace(self, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))

    def normalise(self, pixels: Tensor) -> Tensor:
        """(batch, 3, size, size) pixels from 0 to 255 as the network reads them."""
        normalised = torch.empty_like(pixels, dtype=torch.float32)
        return _normalise(normalised, pixels, *self._scale_and_offset(pixels))

    def restore(self, inputs: Tensor) -> NDArray[np.uint8]:
        """Inputs of the network, (batch, 3, size, size), as pictures: (batch, size, size, 3) from 0 to 255."""
        scale, offset = self._scale_and_offset(inputs)
        pixels = (inputs * scale + offset).round().clamp(0, 255).to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).cpu().numpy()

    def _scale_and_offset(self, beside: Tensor) -> tuple[Tensor, Tensor]:
        channels = sent(np.array([self.std, self.mean], np.float32), beside.device).view(2, 3, 1, 1) * 255
        return channels[0], channels[1]


@dataclass(frozen=True, kw_only=True)
class EvaluationTransform(Transform):
    """torchvision's `ImageClassification` preset.

    The shorter side is resized to `resize_size` by an antialiased kernel, in whole grey levels, and the middle
    `image_size` pixels each way are cut out and normalised.
    """

    resize_size: int
    kernel: Kernel
    pack: PackRule | None = None  # how the photos were kept that the network has learned from; None: as they were

    def of_photo(self, pixels: NDArray[np.uint8], device: torch.device | str = "cpu") -> Tensor:
        """See `Transform.of_photo`: first as the data set would have kept it."""
        return super().of_photo(pixels if self.pack is None else self.pack(pixels), device)

    def middles(self, images: Tensor) -> Tensor:
        """See `Transform.middles`."""
        pixels = _cut_extremes(images).permute(0, 3, 1, 2)
        resized = functional.resize(pixels, [self.resize_size], self._interpolation, antialias=True)
        return self.normalise(functional.center_crop(resized, [self.image_size]))

    def random_resized_crops(self, photos: Photos, stream: np.random.Generator, smallest: float = SMALLEST) -> Tensor:
        """See `Transform.random_resized_crops`."""
        sizes = np.array([photo.shape[:2] for photo in photos])  # (batch, 2)
        boxes = np.stack(sample_crops(stream, *sizes.T, smallest=smallest), axis=1)  # top, left, height, width
        if photos[0].device.type != "cpu":
            return self.normalise(batched_crops(photos, boxes, self.image_size, self.kernel))
        size, places = [self.image_size, self.image_size], boxes.tolist()

        def crop(index: int) -> Tensor:
            pixels = photos[index].permute(2, 0, 1)[None]
            made: Tensor = functional.resized_crop(pixels, *places[index], size, self._interpolation, antialias=True)
            return made

        crops = torch.empty(len(photos), 3, *size)
        scale, offset = self._scale_and_offset(crops)

        def make(index: int) -> None:
            _normalise(crops[index : index + 1], crop(index), scale, offset)

        each(make, len(photos))  # all that is done to a photo at once, while it is in a core's own memory
        return crops

    def to_dict(self) -> dict[str, Any]:
        return {
            "resize_size": self.resize_size,  # of the shorter side
            "kernel": self.kernel,
            "antialias": True,
            "rounding": "uint8",
            "crop": "middle",
            "image_size": self.image_size,
            "mean": self.mean,
            "std": self.std,
            **({} if self.pack is None else {"pack": self.pack.to_dict()}),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            ValueError: these are no transform's values: a file may say anything.
        """
        image_size, mean, std = checked_values(values)
        resize_size, kernel = values.get("resize_size"), values.get("kernel")
        is_known = (
            values.get("antialias") is True and values.get("crop") == "middle" and values.get("rounding") == "uint8"
        )
        if type(resize_size) is not int or not image_size <= resize_size <= _MAX_RESIZE_SIZE:
            raise ValueError("no transform: the size of the shorter side cannot be")
        if kernel not in KERNELS or not is_known:
            raise ValueError("no transform: it resizes or crops in a way that is not known here")
        pack = PackRule.from_dict(values["pack"]) if "pack" in values else None
        return cls(image_size=image_size, resize_size=resize_size, kernel=kernel, mean=mean, std=std, pack=pack)

    @property
    def _interpolation(self) -> InterpolationMode:
        return InterpolationMode(self.kernel)


def _normalise(into: Tensor, pixels: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    return into.copy_(pixels).sub_(offset).div_(scale)  # in place: new memory for each step costs more


def photos_of_a_size(photos: Photos, function: Callable[[Tensor], Tensor]) -> Tensor:
    """What a function makes of photos, in their order; it is given those of one size at a time."""
    if isinstance(photos, Tensor):
        return function(photos)
    alike: dict[torch.Size, list[int]] = {}
    for index, photo in enumerate(photos):
        alike.setdefault(photo.shape, []).append(index)
    if len(alike) == 1:
        return function(torch.stack(list(photos)))
    made = torch.cat([function(torch.stack([photos[index] for index in group])) for group in alike.values()])
    places = np.argsort([index for group in alike.values() for index in group])
    return made[sent(places, made.device)]


def own_evaluation(known: Architecture) -> EvaluationTransform:
    """How the ImageNet weights of a network were measured."""
    return EvaluationTransform(
        image_size=known.eval_size,
        resize_size=known.eval_resize,
        kernel=known.kernel,
        mean=known.mean,
        std=known.std,
    )


def checked_values(values: dict[str, Any]) -> tuple[int, Channels, Channels]:
    """Image size, mean and deviation from a file, which may say anything.

    Raises:
        ValueError: they are no transform's.
    """
    try:
        image_size = values["image_size"]
        mean, std = (tuple(float(value) for value in values[name]) for name in ("mean", "std"))
    except (ArithmeticError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError("no transform: a value is missing, or is no number") from error
    if type(image_size) is not int or not 1 <= image_size <= MAX_IMAGE_SIZE:
        raise ValueError("no transform: the image size cannot be")
    if len(mean) != 3 or len(std) != 3 or not all(abs(value) <= _MAX_MEAN for value in mean):
        raise ValueError("no transform: three means and three deviations were expected")
    if not all(_STD_RANGE[0] <= value <= _STD_RANGE[1] for value in std):
        raise ValueError("no transform: a deviation cannot be")
    return image_size, mean, std


def _cut_extremes(images: Tensor) -> Tensor:
    """(batch, H, W, 3) images, or their middle where they are longer than `_MAX_ASPECT` allows."""
    _, height, width, _ = images.shape
    longest = _MAX_ASPECT * min(height, width)
    top, left = max(height - longest, 0) // 2, max(width - longest, 0) // 2
    return images[:, top : height - top, left : width - left]
