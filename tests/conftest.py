"""What tests share: a home of their own, a tiny data set, and runs that are waited for, not slept for."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.data import sources
from core.data.sources import DataSet, LabelledImages
from core.runs import jobs
from core.runs.store import RunFolder, RunReader

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT.parent / "shared" / "photos"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for runs, which everything in this process and its workers uses."""
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def tiny_data(monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """Sixty training and twenty test images of two classes, dark and bright, in place of the bundled photos."""

    def images(count: int, seed: int) -> LabelledImages:
        stream = np.random.default_rng(seed)
        labels = np.arange(count) % 2
        noise = stream.integers(0, 100, (count, 16, 16, 3))
        return LabelledImages(images=(noise + labels[:, None, None, None] * 120).astype(np.uint8), labels=labels)

    data_set = DataSet(classes=("dark", "bright"), train=images(60, 1), test=images(20, 2))
    source = dataclasses.replace(sources.SOURCES["cifar10_sample"], load=lambda: data_set)
    monkeypatch.setitem(sources.SOURCES, "cifar10_sample", source)
    return data_set


@pytest.fixture
def stop_workers(home: Path) -> Iterator[None]:
    """Kill whatever worker a test leaves behind."""
    yield
    jobs.release_spare()
    for child in jobs.children():
        child.kill()
        child.wait()


def wait_until(condition: Callable[[], object], *, timeout_s: float = 60.0) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.02)


def last_checkpoint(folder: RunFolder) -> Path:
    """The newest of what a resume can begin from."""
    return max(folder.checkpoints.glob("last-*.pt"))


def follow(folder: RunFolder) -> RunReader:
    """A reader that has read all there is."""
    reader = RunReader(folder)
    reader.poll()
    return reader
