"""Weights to start from and to predict with: not here, on their way, damaged, or none at all; and how long it takes."""

import fcntl
import os
from pathlib import Path

import pytest

from core import helper, hub
from core.models.catalog import ARCHITECTURES
from core.runs import known_devices, locks, workers
from core.runs.config import FineTuneConfig
from core.runs.events import Finished, Preparing
from core.runs.known_devices import DeviceInfo
from pages.places import FINE_TUNE, FINE_TUNE_RUN, PREDICT
from tests.pages import apps
from tests.pages.apps import button, open_page, texts
from tests.samples import FIRST_CLICK, STARTED, as_read, make_run


@pytest.fixture(autouse=True)
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started, and the devices are known."""
    monkeypatch.setattr(workers, "prepare", lambda: None)
    known_devices.remember(home, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the weights of ResNet-18 lie; they do not yet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    path = hub.path_of(str(ARCHITECTURES["resnet18"].weights_url))
    path.parent.mkdir(parents=True)
    return path


def half_of(cached: Path) -> Path:
    return cached.with_name(cached.name + ".part")


def test_weights_that_are_not_here_are_said_and_can_be_fetched_before_the_start(home: Path, cached: Path) -> None:
    page = open_page(FINE_TUNE, architecture="resnet18")
    assert "The weights of ResNet-18 are not on this computer yet. A training downloads them" in as_read(texts(page))
    assert not button(page, "Download them (47 MB)").disabled
    assert not button(page, "Start fine-tuning").disabled
    half_of(cached).write_bytes(b"x" * 12_000_000)
    page.run()
    assert "12 MB of 47 MB of the weights are here." in texts(page)
    assert button(page, "Go on with the download")


def test_damaged_weights_are_named_and_nothing_starts_from_them(home: Path, cached: Path) -> None:
    cached.write_bytes(b"damaged")
    page = open_page(FINE_TUNE, architecture="resnet18")
    assert f"The weights of ResNet-18 at {cached} are damaged" in as_read(page.error[0].value)
    assert button(page, "Download them again (47 MB)")
    assert button(page, "Start fine-tuning").disabled
    page.button_group(key="fine_tune_weights").set_value("random").run()
    assert not page.error
    assert not button(page, "Start fine-tuning").disabled


def test_starting_run_shows_how_much_of_its_weights_has_arrived(home: Path, cached: Path) -> None:
    folder = make_run(home, Preparing(what="Loading"), config=FineTuneConfig(architecture="resnet18"))
    lock = locks.hold(folder.lock)
    half_of(cached).write_bytes(b"x" * 23_500_000)
    assert apps.open_page(FINE_TUNE_RUN, run=folder.id).get("progress")[0].proto.text == "Loading …", "nobody does"
    part = half_of(cached).open("rb")
    fcntl.flock(part, fcntl.LOCK_EX)  # as whoever downloads it
    bar = apps.open_page(FINE_TUNE_RUN, run=folder.id).get("progress")[0].proto
    assert (bar.text, bar.value) == ("Downloading the weights: 23.5 MB of 47 MB", 50)
    cached.write_bytes(b"all of it")
    assert apps.open_page(FINE_TUNE_RUN, run=folder.id).get("progress")[0].proto.text == "Loading …"
    part.close()
    os.close(lock)


def test_time_that_a_run_will_take_stands_beside_its_start(home: Path) -> None:
    assert "judging by an earlier run" not in texts(open_page(FINE_TUNE))
    finished = Finished(best_epoch=1, best_accuracy=0.8, test_accuracy=0.8, seconds=130.0)
    make_run(home, STARTED, finished, config=FIRST_CLICK)
    assert "About 2 min, judging by an earlier run on this computer." in texts(open_page(FINE_TUNE))
    assert "judging by" not in texts(open_page(FINE_TUNE, image_size="96"))


def test_weights_that_a_network_does_not_have_are_said(home: Path) -> None:
    page = open_page(FINE_TUNE, architecture="my_cnn", weights="pretrained")
    assert "There are no ImageNet weights for MyCNN: it starts from random ones." in as_read(page.warning[0].value)
    assert not open_page(FINE_TUNE, architecture="my_cnn").warning


def test_predict_loads_nothing_before_the_weights_are_here(
    home: Path, cached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(helper, "submit", lambda target, *_, **__: asked.append(target))
    page = open_page(PREDICT, network="resnet18")
    assert "The weights of ResNet-18 are not on this computer yet." in as_read(texts(page))
    assert button(page, "Download them (47 MB)").proto.type == "primary"
    cached.write_bytes(b"damaged")
    page.run()
    assert "are damaged" in page.error[0].value
    assert asked == []
