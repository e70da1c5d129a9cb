"""How long a training will take is told from an earlier one that treated a photo alike, and else not at all."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.data.dataset import DataSet
from core.runs import estimate, known_devices, store
from core.runs.config import FineTuneConfig, LinearFitConfig
from core.runs.events import Finished
from core.runs.folder import RunFolder
from core.runs.known_devices import DeviceInfo
from tests.samples import STARTED, make_run

FULL = FineTuneConfig(mode="full", augmentation="random_resized_crop", epochs=3, batch_size=16)
FROZEN = FineTuneConfig(epochs=20)


@pytest.fixture(autouse=True)
def probed(home: Path) -> None:
    remember(home, STARTED.device_label)


def remember(home: Path, label: str) -> None:
    known_devices.remember(home, [DeviceInfo(name="cpu", label=label, memory_bytes=None, precision="float32")])


def finish(home: Path, config: FineTuneConfig, *, seconds: float) -> RunFolder:
    finished = Finished(best_epoch=1, best_accuracy=0.8, test_accuracy=0.8, seconds=seconds)
    return make_run(home, STARTED, finished, config=config)


@pytest.mark.usefixtures("tiny_data")
def test_same_settings_take_as_long_as_the_newest_run(home: Path) -> None:
    assert estimate.seconds_of([FULL], home) is None
    finish(home, FULL, seconds=10.0)
    finish(home, FULL, seconds=12.0)
    make_run(home, STARTED, config=FULL)  # not finished
    assert estimate.seconds_of([FULL.changed(seed=5, learning_rate=1e-4)], home) == pytest.approx(12.0)


@pytest.mark.usefixtures("tiny_data")
def test_run_of_another_computer_tells_nothing(home: Path) -> None:
    finish(home, FULL, seconds=10.0)
    remember(home, "A faster one")
    assert estimate.seconds_of([FULL], home) is None


@pytest.mark.usefixtures("tiny_data")
def test_work_of_more_epochs_is_in_proportion(home: Path) -> None:
    finish(home, FULL, seconds=10.0)
    # 54 photos trained at three passes, 6 validated, 3 times; 20 tested once.
    before, after = 3 * (3 * 54 + 6) + 20, 9 * (3 * 54 + 6) + 20
    assert estimate.seconds_of([replace(FULL, epochs=9)], home) == pytest.approx(10.0 * after / before)
    finish(home, FROZEN, seconds=10.0)
    longer = estimate.seconds_of([replace(FROZEN, epochs=40)], home)
    assert longer is not None
    assert 10.0 < longer < 14.0, "features are computed once"


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize(
    "change",
    [
        {"mode": "frozen"},
        {"image_size": 96},
        {"augmentation": "none"},
        {"rotation": 10.0},
        {"architecture": "resnet18"},
        {"precision": "float32"},
        {"device": "cuda:0"},
    ],
)
def test_run_that_treats_a_photo_otherwise_tells_nothing(home: Path, change: dict[str, Any]) -> None:
    finish(home, FULL, seconds=10.0)
    assert estimate.seconds_of([FULL.changed(**change)], home) is None


@pytest.mark.usefixtures("tiny_data")
def test_race_takes_as_long_as_its_runs_together_if_all_are_known(home: Path) -> None:
    finish(home, FULL, seconds=10.0)
    assert estimate.seconds_of([FULL, FROZEN], home) is None
    finish(home, FROZEN, seconds=4.0)
    assert estimate.seconds_of([FULL, FROZEN], home) == pytest.approx(14.0)


@pytest.mark.parametrize("damage", ["not JSON", '{"kind": "fine_tune", "config": {"data": "gone"}}'])
def test_other_kinds_and_damaged_runs_do_no_harm(home: Path, tiny_data: DataSet, damage: str) -> None:
    finish(home, FULL, seconds=10.0)
    damaged = finish(home, FULL, seconds=99.0)
    (damaged.path / "config.json").write_text(damage)
    fit = store.new_folder(home)
    fit.write_description(LinearFitConfig(), name="a line", created=0.0, queue="helper")
    assert estimate.seconds_of([FULL], home) == pytest.approx(10.0)
