"""What tests work on: photos so few and small that training takes moments, and events for where nothing is trained."""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data import sources
from core.data.sources import DataSet, LabelledImages, Source
from core.models.catalog import ARCHITECTURES
from core.runs import store
from core.runs.config import FineTuneConfig
from core.runs.events import AnyStep, RareEvent, Started
from core.runs.folder import RunFolder
from core.runs.run_config import RunConfig
from core.runs.writer import RunWriter


def quick_or_long(networks: Iterable[str]) -> list[Any]:
    """Networks to test: the smallest of each family in the quick tests, the others in the long ones."""
    by_family: dict[str, list[str]] = {}
    for name in ARCHITECTURES:
        by_family.setdefault(re.split(r"[\d_]", name)[0], []).append(name)
    quick = {min(family, key=lambda name: ARCHITECTURES[name].parameters) for family in by_family.values()}
    return [pytest.param(name, marks=() if name in quick else pytest.mark.long) for name in networks]


def tiny_data_set() -> DataSet:
    """Sixty training and twenty test images of two classes, dark and bright."""

    def images(count: int, seed: int) -> LabelledImages:
        stream = np.random.default_rng(seed)
        labels = np.arange(count) % 2
        noise = stream.integers(0, 100, (count, 16, 16, 3))
        return LabelledImages(images=(noise + labels[:, None, None, None] * 120).astype(np.uint8), labels=labels)

    return DataSet(classes=("dark", "bright"), train=images(60, 1), test=images(20, 2))


def source_of(data_set: DataSet) -> Source:
    """A source in place of the bundled photos."""
    return dataclasses.replace(sources.SOURCES["cifar10_sample"], load=lambda: data_set)


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
    folder.write_description(config or FineTuneConfig(epochs=2), name=name, created=0.0, queue=queue)
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
