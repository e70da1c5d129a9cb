"""What tests share: a home of their own, a tiny data set, and runs that are waited for, not slept for."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.data import bundled
from core.data.dataset import DataSet
from core.data.sources import cifar
from core.runs import workers
from core.runs.folder import RunFolder
from core.runs.reader import RunReader
from core.runs.snapshot import Snapshot
from tests import hub
from tests.samples import source_of, tiny_data_set

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT.parent / "shared" / "photos"


def pytest_configure(config: pytest.Config) -> None:
    """Before torch is imported: the tests' process and its workers share the cores, and threads of OpenMP that wait for
    one another there cost ten times the work. The benchmarks keep all threads.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests that take minutes, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out, whatever else is selected, unless they are asked for."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


def few_and_long(values: Iterable[Any], *, every: int = 6) -> list[Any]:
    """Some of the values that a test ranges over; the others are for the long tests."""
    return [
        value if index % every == 0 else pytest.param(value, marks=pytest.mark.long)
        for index, value in enumerate(values)
    ]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for runs, which everything in this process and its workers uses."""
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def tiny_data(monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """Sixty training and twenty test images of two classes, dark and bright, in place of the bundled photos."""
    data_set = tiny_data_set()
    monkeypatch.setitem(bundled.BUNDLED, "cifar10_sample", source_of(data_set))
    return data_set


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[hub.Hub]:
    """A hub in place of the real one, and an empty cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with hub.running() as served:
        monkeypatch.setenv("UNFREEZE_HUB", served.address.rstrip("/"))
        yield served


@pytest.fixture
def mirrored(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[hub.Hub]:
    """A mirror of CIFAR in place of the real server; `publish_cifar_10` puts an archive there."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with hub.running() as mirror:
        monkeypatch.setenv("UNFREEZE_CIFAR", mirror.address)
        yield mirror


@pytest.fixture
def publish_cifar_10(mirrored: hub.Hub, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Has these bytes be the archive that is published, though the page goes on saying what the real one's size is."""

    def publish(contents: bytes) -> None:
        name = "CIFAR-10 binary"
        known = cifar.DOWNLOADS[name]._replace(sha256=hashlib.sha256(contents).hexdigest())
        monkeypatch.setitem(cifar.DOWNLOADS, name, known)
        mirrored.files["cifar-10-binary.tar.gz"] = contents

    return publish


@pytest.fixture
def stop_workers(home: Path) -> Iterator[None]:
    """Kill whatever worker a test leaves behind."""
    yield
    workers.release_spare()
    for child in workers.children():
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


def follow(folder: RunFolder) -> Snapshot:
    """All that there is to read of a run."""
    return RunReader(folder).poll()
