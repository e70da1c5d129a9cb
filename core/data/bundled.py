"""The data sets that come with Unfreeze. Never imports torch."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from core.data.dataset import SIDES, DataSet, Manifest
from core.data.pixels import Pixels


@dataclass(frozen=True, kw_only=True)
class Bundled:
    """A data set that comes with Unfreeze."""

    label: str
    description: str
    citation: str
    load: Callable[[], DataSet]


@cache
def _load_cifar10_sample() -> DataSet:
    """The first 200 training and 50 test images of every CIFAR-10 class, one image a row of a PNG sheet."""
    folder = Path(__file__).parent / "cifar10_sample"
    known = json.loads((folder / "labels.json").read_text())
    places = [(side, number) for side in ("train", "test") for number in range(len(known[side]))]
    sheets = []
    for side in ("train", "test"):
        with Image.open(folder / f"{side}.png") as sheet:
            sheets.append(np.array(sheet.convert("RGB")).reshape(-1, 32, 32, 3))
    pixels = Pixels.of(np.concatenate(sheets))
    manifest = Manifest(
        classes=tuple(known["classes"]),
        ids=[hashlib.sha256(pixels[row].data).hexdigest() for row in range(len(pixels))],
        names=[f"{side} photo {number}" for side, number in places],
        labels=np.array(known["train"] + known["test"], np.int64),
        sides=np.array([SIDES.index(side) for side, _ in places], np.int8),
        sizes=pixels.sizes,
        content=hashlib.sha256(pixels.flat.data).hexdigest(),
        draws_validation=True,
    )
    return DataSet(manifest=manifest, pixels=pixels)


BUNDLED: dict[str, Bundled] = {
    "cifar10_sample": Bundled(
        label="CIFAR-10 sample",
        description="2,000 training and 500 test photos of ten kinds of animals and vehicles, 32 x 32 pixels each.",
        citation="Alex Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        load=_load_cifar10_sample,
    ),
}
