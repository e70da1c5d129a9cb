"""Minutes in place of epochs: as many as fit, decided once, and what a run of so many epochs would have come to."""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from core.data import bundled
from core.data.dataset import Side
from core.data.pixels import Pixels
from core.driver import begin, work
from core.feature_files import FeatureFiles
from core.lane import LISTEN_EVERY_S
from core.runs import control
from core.runs.config import FineTuneConfig
from core.runs.events import Budgeted, Checkpointed, Evaluated, Event, Failed, Finished, Started, Stopped
from core.runs.folder import RunFolder
from core.runs.quantities import MOST_EPOCHS
from core.runs.writer import append_event
from core.training import clock, fine_tune, fine_tuning
from core.training.budget import MEASURING, budget
from core.training.features import Features
from core.training.state import TrainingState
from tests.conftest import few_and_long, follow
from tests.samples import data_set_of, empty_run, source_of

STEP_S, BLOCK_S, SCORE_S = 1.0, 3.0, 0.5
WAYS: dict[str, dict[str, Any]] = {
    "frozen": {},
    "crops": {"augmentation": "random_resized_crop"},
    "views": {"augmentation": "random_resized_crop", "views": 2},
    "small batches": {"batch_size": 5},
    "last stage": {"mode": "last_stage"},
    "gradual": {"mode": "last_stage", "thaw_every": 2},
    "full": {"mode": "full"},
}


def config(**changes: Any) -> FineTuneConfig:
    settings: dict[str, Any] = {
        "architecture": "shufflenet_v2_x0_5",
        "weights": "random",
        "image_size": 32,
        "epochs": MOST_EPOCHS,
        "batch_size": 32,
        "device": "cpu",
        "precision": "float32",
    }
    return FineTuneConfig.of(**settings | changes)


@pytest.fixture(autouse=True)
def photos(monkeypatch: pytest.MonkeyPatch) -> None:
    """For training 160, for validation 64 and for the test 32, of 8 x 8 pixels each."""
    counts: dict[Side, int] = {"train": 160, "validation": 64, "test": 32}
    sides = [side for side, count in counts.items() for _ in range(count)]
    pixels = Pixels.of(np.random.default_rng(0).integers(0, 256, (len(sides), 8, 8, 3)).astype(np.uint8))
    data_set = data_set_of(pixels, labels=np.arange(len(sides)) % 2, sides=sides)
    monkeypatch.setitem(bundled.BUNDLED, "cifar10_sample", source_of(data_set))


@pytest.fixture(autouse=True)
def spent(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A time in which a step, a block of features and a scored batch take what they are said to, and all else none."""
    spent = SimpleNamespace(now=0.0)
    spent.perf_counter = lambda: spent.now

    def slow(place: Any, name: str, seconds: float) -> None:
        do: Callable[..., Any] = getattr(place, name)

        def done(*given: Any, **named: Any) -> Any:
            spent.now += seconds
            return do(*given, **named)

        monkeypatch.setattr(place, name, done)

    monkeypatch.setattr(clock, "time", spent)
    slow(fine_tune, "train_step", STEP_S)
    slow(fine_tune, "_score", SCORE_S)
    slow(Features, "_compute", BLOCK_S)
    return spent


def decide(trial: TrainingState, files: FeatureFiles | None = None) -> Budgeted:
    """What a budget comes to, with a time between its events that is nobody's."""
    measuring = budget(trial, files)
    while True:
        try:
            assert next(measuring) == MEASURING
        except StopIteration as done:
            decided: Budgeted = done.value
            return decided


def finished(config: FineTuneConfig) -> Finished:
    *_, last = fine_tune.fine_tune(TrainingState.new(config))
    assert isinstance(last, Finished)
    return last


@pytest.mark.parametrize("more", [0.0, pytest.param(0.3, marks=pytest.mark.long)])
@pytest.mark.parametrize("way", few_and_long(WAYS, every=2))
def test_as_many_epochs_as_fit(way: str, more: float, spent: SimpleNamespace) -> None:
    minutes = more + {"full": 0.5, "frozen": 1.6, "last stage": 1.6}.get(way, 4.0)
    trial = TrainingState.new(config(minutes=minutes, **WAYS[way]))
    decided = decide(trial)
    left = 60 * minutes - trial.clock.seconds
    # Which steps of small batches have to wait for a block of features depends on the order; and where a stage thaws,
    # that was measured once it was known that there are so many epochs.
    within = {"small batches": BLOCK_S, "gradual": 30.0}.get(way, 1e-6)
    assert 1 < decided.epochs < MOST_EPOCHS
    assert finished(config(epochs=decided.epochs, **WAYS[way])).seconds <= left + within
    assert finished(config(epochs=decided.epochs + 1, **WAYS[way])).seconds > left - within


def test_epochs_take_what_was_said(spent: SimpleNamespace) -> None:
    decided = decide(TrainingState.new(config(minutes=1.5)))
    assert decided.first_epoch_s == pytest.approx(BLOCK_S + 5 * (STEP_S + BLOCK_S) + 2 * (SCORE_S + BLOCK_S))
    assert decided.last_epoch_s == pytest.approx(5 * STEP_S + 2 * SCORE_S)


def test_features_that_are_known_take_no_time(spent: SimpleNamespace, tmp_path: Path) -> None:
    files = FeatureFiles(tmp_path)
    list(fine_tune.fine_tune(TrainingState.new(config(epochs=1)), files))
    decided = decide(TrainingState.new(config(minutes=1.5)), files)
    assert decided.first_epoch_s == pytest.approx(BLOCK_S + decided.last_epoch_s), "it is tried how large they are"


@pytest.mark.parametrize("way", WAYS)
def test_one_epoch_is_the_least_and_what_the_settings_say_the_most(way: str) -> None:
    least = decide(TrainingState.new(config(minutes=1e-9, **WAYS[way])))
    assert (least.epochs, least.fits) == (1, False)
    assert decide(TrainingState.new(config(minutes=1_000, epochs=4, **WAYS[way]))).epochs == 4


def test_nothing_learns_while_it_is_measured() -> None:
    trial = TrainingState.new(config(minutes=1e-9, mode="full", learning_rate=10.0, batch_norm="eval"))
    before = {name: tensor.clone() for name, tensor in trial.model.state_dict().items()}
    decide(trial)
    assert all(torch.equal(tensor, before[name]) for name, tensor in trial.model.state_dict().items())


def _never(*_: Any) -> None:
    pytest.fail("decided twice")


def do(folder: RunFolder) -> list[Event]:
    """Work the run off, or as much of it as is left."""
    lane = begin(folder)
    assert lane is not None
    work([lane])
    return list(follow(folder).events)


def losses(folder: RunFolder) -> list[float]:
    return [float(loss) for loss in follow(folder).steps["loss"]]


@pytest.mark.parametrize("way", few_and_long(["frozen", "full", "gradual", "views"]))
def test_run_is_that_of_so_many_epochs(way: str, home: Path, spent: SimpleNamespace) -> None:
    folder = empty_run(home, config(minutes=0.9, schedule="cosine", averaging=0.9, **WAYS[way]))
    events = do(folder)
    decided = next(event for event in events if isinstance(event, Budgeted))
    assert isinstance(events[-1], Finished)
    assert next(event for event in events if isinstance(event, Started)).total_steps == 5 * decided.epochs
    assert folder.config() == config(minutes=0.9, schedule="cosine", averaging=0.9, epochs=decided.epochs, **WAYS[way])
    assert folder.description()["name"] == "mine"
    other = empty_run(home, config(schedule="cosine", averaging=0.9, epochs=decided.epochs, **WAYS[way]))
    do(other)
    assert losses(folder) == losses(other)


def test_it_is_decided_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = empty_run(home, config(minutes=5, epochs=3))
    append_event(folder, Budgeted(minutes=5, epochs=3, first_epoch_s=1, last_epoch_s=1))
    append_event(folder, Failed(message="The computer was out of luck.", step=0, can_resume=True))
    monkeypatch.setattr(fine_tuning, "budget", _never)
    assert isinstance(do(folder)[-1], Finished)
    assert len(losses(folder)) == 15


def test_run_that_begins_again_has_the_epochs_that_were_decided_on_and_says_so(home: Path) -> None:
    """Whatever its folder says: the event is what counts."""
    folder = empty_run(home, config(minutes=5))
    append_event(folder, Budgeted(minutes=5, epochs=2, first_epoch_s=1, last_epoch_s=1))
    append_event(folder, Failed(message="The computer was out of luck.", step=0, can_resume=True))
    assert isinstance(do(folder)[-1], Finished)
    assert len(losses(folder)) == 10


def test_run_can_be_left_while_it_is_measured(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = empty_run(home, config(minutes=5, epochs=3))

    def left(*given: Any) -> Iterator[Event]:
        control.write(folder.control, control.STOP)  # not before: a process that only prepares would end at once
        for event in budget(*given):
            sleep(2 * LISTEN_EVERY_S)
            yield event

    with monkeypatch.context() as patch:
        patch.setattr(fine_tuning, "budget", left)
        events = do(folder)
    assert isinstance(events[-1], Stopped)
    assert not any(isinstance(event, Budgeted | Checkpointed | Started) for event in events)
    assert not list(folder.checkpoints.iterdir())
    folder.control.unlink()
    assert isinstance(do(folder)[-1], Finished)
    assert len(losses(folder)) == 15


def test_epochs_of_one_step_are_measured_as_well(spent: SimpleNamespace) -> None:
    """The first step warms up: several of them are taken where an epoch has but one."""
    trial = TrainingState.new(config(minutes=1, mode="full", batch_size=1_000))
    decided = decide(trial)
    assert decided.last_epoch_s == pytest.approx(STEP_S + 2 * SCORE_S)
    assert trial.clock.seconds > 2 * STEP_S


def test_resumed_run_has_the_epochs_that_were_decided_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = empty_run(home, config(minutes=100, epochs=3))
    train = fine_tune.fine_tune

    def broken(*given: Any) -> Iterator[Event]:
        for event in train(*given):
            yield event
            if isinstance(event, Evaluated):
                raise OSError("The disk has gone.")

    with monkeypatch.context() as patch:
        patch.setattr(fine_tuning, "fine_tune", broken)
        assert isinstance(do(folder)[-1], Failed)
    assert len(losses(folder)) == 5
    monkeypatch.setattr(fine_tuning, "budget", _never)
    assert isinstance(do(folder)[-1], Finished)
    assert len(losses(folder)) == 15
