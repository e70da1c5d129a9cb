"""What tests work on: photos so few and small that training takes moments, and events for where nothing is trained."""

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.data import bundled
from core.data.bundled import Bundled
from core.data.dataset import SIDES, DataSet, Manifest, Side
from core.data.pixels import Pixels
from core.models.catalog import ARCHITECTURES
from core.runs import store
from core.runs.config import FineTuneConfig
from core.runs.events import AnyStep, RareEvent, Started
from core.runs.folder import RunFolder
from core.runs.presets import PRESETS
from core.runs.run_config import RunConfig
from core.runs.writer import RunWriter


def quick_or_long(networks: Iterable[str]) -> list[Any]:
    """Networks to test: the smallest of each family in the quick tests, the others in the long ones."""
    by_family: dict[str, list[str]] = {}
    for name in ARCHITECTURES:
        by_family.setdefault(re.split(r"[\d_]", name)[0], []).append(name)
    quick = {min(family, key=lambda name: ARCHITECTURES[name].parameters) for family in by_family.values()}
    return [pytest.param(name, marks=() if name in quick else pytest.mark.long) for name in networks]


def tiny_data_set(*, validation: int | None = None, test: int = 20) -> DataSet:
    """Sixty training and twenty test images of two classes, dark and bright, 16 x 16 pixels each.

    With a number for `validation`, that many of the sixty are for validation whatever the seed of a run is.
    """

    def images(count: int, seed: int) -> NDArray[np.uint8]:
        noise = np.random.default_rng(seed).integers(0, 100, (count, 16, 16, 3))
        return (noise + (np.arange(count) % 2)[:, None, None, None] * 120).astype(np.uint8)

    pixels = Pixels.of(np.concatenate([images(60, 1), images(test, 2)]))
    held = validation or 0
    counts: dict[Side, int] = {"train": 60 - held, "validation": held, "test": test}
    return data_set_of(
        pixels,
        labels=np.concatenate([np.arange(60) % 2, np.arange(test) % 2]),
        sides=[side for side, count in counts.items() for _ in range(count)],
        draws_validation=validation is None,
    )


def data_set_of(
    pixels: Pixels,
    *,
    labels: Sequence[int] | NDArray[np.int64],
    sides: Sequence[Side],
    classes: tuple[str, ...] = ("dark", "bright"),
    draws_validation: bool = False,
) -> DataSet:
    """A data set of these photos, each named by its row."""
    manifest = Manifest(
        classes=classes,
        ids=[hashlib.sha256(pixels[row].data).hexdigest() for row in range(len(pixels))],
        names=[f"{row}.png" for row in range(len(pixels))],
        labels=np.array(labels, np.int64),
        sides=np.array([SIDES.index(side) for side in sides], np.int8),
        sizes=pixels.sizes,
        content=hashlib.sha256(pixels.flat.data).hexdigest(),
        draws_validation=draws_validation,
    )
    return DataSet(manifest=manifest, pixels=pixels)


def photos_of(data_set: DataSet, side: Side) -> list[NDArray[np.uint8]]:
    """The pixels of one side, (H, W, 3) each."""
    return [data_set.pixels[row] for row in data_set.manifest.recorded(side)]


def source_of(data_set: DataSet) -> Bundled:
    """A source in place of the bundled photos."""
    return dataclasses.replace(bundled.BUNDLED["cifar10_sample"], load=lambda: data_set)


FIRST_CLICK = FineTuneConfig.of(**PRESETS["quick"].settings("frozen"))  # what the form trains as it opens
STARTED = Started(
    architecture="efficientnet_lite0",
    mode="frozen",
    device="cpu",
    device_label="A CPU",
    precision="float32",
    parameters=3_383_818,
    trainable_parameters=12_810,
    train_images=1_800,
    validation_images=200,
    test_images=500,
    steps_per_epoch=57,
    total_steps=114,
    first_step=1,
    keeps_features=True,
)


def empty_run(home: Path, config: RunConfig | None = None, *, name: str = "mine", queue: str = "cpu") -> RunFolder:
    """A run that nobody has begun."""
    folder = store.new_folder(home)
    folder.write_description(config or FIRST_CLICK.changed(epochs=2), name=name, created=0.0, queue=queue)
    return folder


def make_run(
    home: Path,
    *run_events: AnyStep | RareEvent,
    config: RunConfig | None = None,
    name: str = "mine",
    queue: str = "cpu",
) -> RunFolder:
    """A run of these events, as a process that has ended left it."""
    folder = empty_run(home, config, name=name, queue=queue)
    with RunWriter(folder) as writer:
        for event in run_events:
            writer.append(event)
    return folder


def as_read(markdown: str) -> str:
    """The text that a reader sees, but for marks of our own: without what keeps names from being read as Markdown."""
    return markdown.replace(":small[]", "").replace("\\", "")
