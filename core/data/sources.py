"""The data sets that a run can use. Every source becomes one thing: uint8 images with labels. Never imports torch."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True, kw_only=True)
class LabelledImages:
    """(count, height, width, 3) RGB images from 0 to 255, and (count,) class indices."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        assert self.images.shape == (len(self.labels), *self.images.shape[1:3], 3), self.images.shape

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Training and test images of named classes."""

    classes: tuple[str, ...]
    train: LabelledImages
    test: LabelledImages


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set that can be chosen."""

    label: str
    description: str
    citation: str
    load: Callable[[], DataSet]


@cache
def _load_cifar10_sample() -> DataSet:
    """The first 200 training and 50 test images of every CIFAR-10 class, one image a row of a PNG sheet."""
    folder = Path(__file__).parent / "cifar10_sample"
    labels = json.loads((folder / "labels.json").read_text())

    def read_split(name: str) -> LabelledImages:
        with Image.open(folder / f"{name}.png") as sheet:
            images = np.array(sheet.convert("RGB")).reshape(-1, 32, 32, 3)  # a copy of its own: torch wants to write
        return LabelledImages(images=images, labels=np.asarray(labels[name], np.int64))

    return DataSet(classes=tuple(labels["classes"]), train=read_split("train"), test=read_split("test"))


SOURCES: dict[str, Source] = {
    "cifar10_sample": Source(
        label="CIFAR-10 sample",
        description="2,000 training and 500 test photos of ten kinds of animals and vehicles, 32 x 32 pixels each.",
        citation="Alex Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        load=_load_cifar10_sample,
    ),
}
