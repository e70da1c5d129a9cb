"""A data set without validation or test photos trains, and nothing claims an accuracy that nobody has measured."""

from pathlib import Path

import pytest

from core import driver, lane
from core.data import bundled
from core.errors import DataChangedError
from core.runs import history, locks, overview, progress, results
from core.runs.config import FineTuneConfig
from core.runs.events import EpochDone, Evaluated, Finished, Started, Step
from core.runs.folder import RunFolder
from core.runs.status import Status
from core.training.checkpoints import load_network, read_checkpoint
from core.training.fine_tune import fine_tune
from core.training.state import TrainingState
from tests.conftest import follow
from tests.core.test_resume import MODES, new_runs
from tests.samples import source_of, tiny_data_set

SIDES = pytest.mark.parametrize(("validation", "test"), [(0, 20), (6, 0), (0, 0)])


def use(monkeypatch: pytest.MonkeyPatch, validation: int, test: int) -> None:
    data_set = tiny_data_set(validation=validation, test=test)
    monkeypatch.setitem(bundled.BUNDLED, "cifar10_sample", source_of(data_set))


def trained(home: Path, config: FineTuneConfig) -> RunFolder:
    [folder] = new_runs(home, [config])
    driver.work([lane.Lane(folder, locks.hold(folder.lock))])
    return folder


@MODES
@SIDES
def test_run_ends_with_the_accuracies_that_its_data_can_tell(
    config: FineTuneConfig, validation: int, test: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, validation, test)
    folder = trained(home, config)
    run = follow(folder)
    assert run.status is Status.FINISHED
    started, finished = history.started(run.events), run.last_event
    assert isinstance(started, Started)
    assert isinstance(finished, Finished)
    assert (started.train_images, started.validation_images, started.test_images) == (60 - validation, validation, test)
    assert (finished.best_accuracy is None, finished.test_accuracy is None) == (not validation, not test)
    scored = {event.split for event in run.events if isinstance(event, Evaluated)}
    assert scored == {name for name, count in (("validation", validation), ("test", test)) if count}
    ended = [event.epoch for event in run.events if isinstance(event, EpochDone)]
    assert ended == ([] if validation else list(range(1, config.epochs + 1)))
    if not validation:
        assert finished.best_epoch == config.epochs
    summary, [result] = overview.summarize(folder), results.summarize([run])
    assert (summary.best_accuracy, summary.test_accuracy) == (finished.best_accuracy, finished.test_accuracy)
    assert (result.best is None, result.test_accuracy) == (not validation, finished.test_accuracy)
    now = progress.measure(run.events, run.steps)
    assert now is not None
    assert now.fraction == 1
    assert load_network(folder.best_checkpoint).classes == ("dark", "bright")


@MODES
def test_without_validation_the_last_epoch_counts_and_a_resume_ends_with_it(
    config: FineTuneConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, 0, 20)
    whole = list(fine_tune(TrainingState.new(config)))
    state, first = TrainingState.new(config), []
    for event in fine_tune(state):
        first.append(event)
        if isinstance(event, EpochDone):
            break
    state.save(tmp_path / "last.pt")
    assert read_checkpoint(tmp_path / "last.pt")["metrics"]["validation_accuracy"] is None
    rest = list(fine_tune(TrainingState.load(tmp_path / "last.pt", None)))
    assert [step.loss for step in first + rest if isinstance(step, Step)] == [
        step.loss for step in whole if isinstance(step, Step)
    ]
    ends = [events[-1] for events in (whole, rest)]
    assert [(end.best_epoch, end.test_accuracy) for end in ends if isinstance(end, Finished)] == [
        (config.epochs, whole[-1].test_accuracy)  # type: ignore[union-attr]
    ] * 2


def test_runs_without_scores_are_not_judged(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, 0, 0)
    config = FineTuneConfig.of(
        weights="random", image_size=32, epochs=1, batch_size=16, precision="float32", device="cpu"
    )
    runs = [follow(trained(home, config.changed(seed=seed))) for seed in (0, 1)]
    assert results.judge(results.summarize(runs)).startswith("No photos were set aside")
    assert results.leader(results.summarize(runs)) is None


@MODES
def test_run_does_not_go_on_with_other_photos(
    config: FineTuneConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, 6, 20)
    state = TrainingState.new(config)
    started = next(iter(fine_tune(state)))
    assert isinstance(started, Started)
    assert started.data_digest == state.data_digest
    state.save(tmp_path / "last.pt")
    assert TrainingState.load(tmp_path / "last.pt", None).data_digest == started.data_digest
    use(monkeypatch, 8, 20)
    with pytest.raises(DataChangedError, match="have changed since it began"):
        TrainingState.load(tmp_path / "last.pt", None)
