"""The classifiers of torchvision, in one table of facts. Never imports torch, so that pages can read it.

`torchvision_classifiers.csv` has them from torchvision 0.29: its builders, and the metadata of its default weights
(https://docs.pytorch.org/vision/stable/models.html), or of others where the default ones read far larger images than
others do. A test compares every row with the installed torchvision. The smallest image sizes were found by trying.
"""

import csv
from pathlib import Path
from typing import Literal, NamedTuple, cast

HUB = "https://download.pytorch.org/models/"


class Classifier(NamedTuple):
    """One network with its ImageNet weights: a row of the table."""

    name: str
    label: str
    head: str  # dotted name of the last layer
    head_features: int  # what that layer reads
    parameters: int  # with ImageNet's thousand classes, without auxiliary heads
    weights_file: str  # on the hub
    top1: float  # accuracy on ImageNet's validation photos, in percent, as measured with these weights
    megabytes: int  # of the weights file, in millions of bytes
    image_size: int | None  # the only input size that fits, if there is one
    min_image_size: int
    eval_size: int  # pixels of the square that the weights' own evaluation cuts out
    eval_resize: int  # to which it resizes a photo's shorter side before
    kernel: Literal["bilinear", "bicubic"]  # by which it does
    channel_mean: float | None  # of every channel, where it is not ImageNet's
    channel_std: float | None
    head_bias: bool
    head_type: str  # "Linear", or "Conv2d": a 1x1 convolution before the pooling


def _read() -> tuple[Classifier, ...]:
    """By family, and in each from small to large."""
    with open(Path(__file__).with_suffix(".csv"), newline="") as file:
        return tuple(
            Classifier(
                name=row["name"],
                label=row["label"],
                head=row["head"],
                head_features=int(row["head_features"]),
                parameters=int(row["parameters"]),
                weights_file=row["weights_file"],
                top1=float(row["top1"]),
                megabytes=int(row["megabytes"]),
                image_size=int(row["image_size"]) if row["image_size"] else None,
                min_image_size=int(row["min_image_size"]),
                eval_size=int(row["eval_size"]),
                eval_resize=int(row["eval_resize"]),
                kernel=cast(Literal["bilinear", "bicubic"], row["kernel"]),
                channel_mean=float(row["channel_mean"]) if row["channel_mean"] else None,
                channel_std=float(row["channel_std"]) if row["channel_std"] else None,
                head_bias=row["head_bias"] == "1",
                head_type=row["head_type"],
            )
            for row in csv.DictReader(file)
        )


CLASSIFIERS = _read()
