"""The list of runs: what it says of each, and that no damage to one costs another."""

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import RunNotFoundError
from core.runs import locks, overview
from core.runs.config import LinearFitConfig
from core.runs.events import (
    Checkpointed,
    Evaluated,
    Evaluating,
    Failed,
    Finished,
    Fitted,
    Fitting,
    LinearStep,
    Queued,
    RareEvent,
    Resumed,
    Step,
    Stopped,
)
from core.runs.folder import RunFolder
from core.runs.settings import settings_of
from core.runs.status import Status
from core.runs.writer import RunWriter
from tests.conftest import follow
from tests.samples import STARTED, make_run

STEPS = [Step(step=n, loss=2 / n, learning_rate=0.01, seconds=n / 4, images=32) for n in range(1, 58)]
FINISHED = Finished(best_epoch=1, best_accuracy=0.815, test_accuracy=0.846, seconds=21.4)
SCORING = Evaluating(split="validation", images=96, total_images=200)
SAVED = Checkpointed(step=57, epoch=1, best=True)


def scored(epoch: int, accuracy: float, *, best: bool = True) -> Evaluated:
    return Evaluated(
        split="validation", epoch=epoch, step=57 * epoch, loss=0.5, accuracy=accuracy, seconds=15.0 * epoch, best=best
    )


def test_finished_run_is_summed_up(home: Path) -> None:
    folder = make_run(home, STARTED, *STEPS, SCORING, scored(1, 0.815), SAVED, FINISHED)
    folder.best_checkpoint.write_bytes(b"x" * 3_000_000)
    os.link(folder.best_checkpoint, folder.checkpoints / "last.pt")
    [summary] = overview.summaries(home)
    assert (summary.id, summary.name, summary.kind) == (folder.id, "mine", "fine_tune")
    assert (summary.network, summary.mode, summary.device) == ("EfficientNet-Lite0", "frozen", "A CPU")
    assert (summary.status, summary.best_accuracy, summary.test_accuracy) == (Status.FINISHED, 0.815, 0.846)
    assert (summary.seconds, summary.is_resumable) == (21.4, False)
    others = sum(path.stat().st_size for path in folder.path.iterdir() if path.is_file())
    assert summary.size_bytes == 3_000_000 + others, "a file that stands there twice counts once"
    assert summary.created is not None
    assert abs((datetime.now() - summary.created).total_seconds()) < 60


def test_linear_fit_is_summed_up(home: Path) -> None:
    steps = [LinearStep(step=n, loss=1.0, weight=2.0, bias=3.0, seconds=n / 1000) for n in range(1, 11)]
    make_run(home, Fitting(epochs=10), *steps, config=LinearFitConfig(epochs=10))
    [summary] = overview.summaries(home)
    assert (summary.status, summary.seconds, summary.is_resumable) == (Status.INTERRUPTED, 0.01, False)
    done = Fitted(weight=2.0, bias=3.0, loss=1.0, seconds=0.5)
    make_run(home, Fitting(epochs=10), *steps, done, config=LinearFitConfig(epochs=10))
    summary = next(summary for summary in overview.summaries(home) if summary.status is Status.FINISHED)
    assert (summary.kind, summary.network, summary.mode, summary.seconds) == ("linear_fit", "Linear model", "", 0.5)
    assert summary.test_accuracy is summary.best_accuracy is None


@pytest.mark.parametrize(
    "run_events",
    [
        [],
        [Queued(device="cpu")],
        [STARTED],
        [STARTED, scored(1, 0.7), SAVED, scored(2, 0.6), SAVED],
        [STARTED, scored(1, 0.7), SCORING],
        [STARTED, scored(1, 0.7), Stopped(step=57)],
        [STARTED, Failed(message="It broke.", step=57)],
        [STARTED, Failed(message="It broke.", step=57, can_resume=True)],
        [STARTED, scored(1, 0.7), Stopped(step=57), Resumed()],
        [STARTED, scored(1, 0.7), Resumed(), STARTED, scored(1, 0.6), FINISHED],
    ],
)
@pytest.mark.parametrize("is_held", [False, True])
def test_list_and_reader_agree(home: Path, run_events: list[RareEvent], is_held: bool) -> None:
    folder = make_run(home, *run_events)
    lock = locks.hold(folder.lock) if is_held else None
    [summary] = overview.summaries(home)
    assert summary.status is follow(folder).status
    ended = bool(run_events) and isinstance(run_events[-1], Finished | Stopped | Failed)
    assert summary.is_live is (is_held and not ended)
    if lock is not None:
        os.close(lock)


def test_unfinished_run_has_its_best_epoch_its_newest_seconds_and_what_went_wrong(home: Path) -> None:
    make_run(home, STARTED, *STEPS, scored(1, 0.7), scored(2, 0.6, best=False), Failed(message="It broke.", step=114))
    [summary] = overview.summaries(home)
    assert (summary.best_accuracy, summary.seconds, summary.problem) == (0.7, 30.0, "It broke.")


def test_running_run_is_looked_at_anew_and_an_ended_one_only_when_its_files_change(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(home, STARTED)
    lock = locks.hold(folder.lock)
    writer = RunWriter(folder)
    assert overview.summarize(folder).seconds is None
    for step in STEPS:
        writer.append(step)
    writer.flush()
    running = overview.summarize(folder)
    assert (running.status, running.seconds, running.is_resumable) == (Status.RUNNING, STEPS[-1].seconds, False)
    writer.append(FINISHED)
    writer.close()
    os.close(lock)
    assert overview.summarize(folder).status is Status.FINISHED

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "description", lambda folder: pytest.fail("was read again"))
        assert overview.summarize(folder).name == "mine"
    folder.rename("another name")
    assert overview.summarize(folder).name == "another name"


def test_torn_step_is_left_out(home: Path) -> None:
    folder = make_run(home, STARTED, *STEPS)
    with folder.steps(1).open("ab") as file:
        file.write(b"\xff" * 20)
    folder.steps(2).touch()  # of an attempt that died before its first step
    assert overview.summarize(folder).seconds == STEPS[-1].seconds


@pytest.mark.parametrize(
    ("description", "problem"),
    [
        ("not JSON", "damaged"),
        ("[" * 100_000, "damaged"),
        ('{"format": 99}', "another version"),
        ('{"format": 1, "kind": "fine_tune", "name": 5, "queue": "cpu"}', "damaged"),
        ('{"format": 1, "kind": "a dance", "name": "x", "queue": "cpu"}', "kind"),
    ],
)
def test_run_that_cannot_be_read_is_listed_beside_the_others(home: Path, description: str, problem: str) -> None:
    good, bad = make_run(home, STARTED, FINISHED), make_run(home)
    (bad.path / "config.json").write_text(description)
    listed = {summary.id: summary for summary in overview.summaries(home)}
    assert listed[good.id].problem == ""
    assert (listed[bad.id].name, listed[bad.id].status, listed[bad.id].kind) == (bad.id, None, None)
    assert problem in listed[bad.id].problem


def test_settings_of_the_wrong_type_cost_only_what_they_say(home: Path) -> None:
    folder = make_run(home, STARTED, FINISHED)
    description = json.loads((folder.path / "config.json").read_text())
    hostile: list[Any] = [None, [], {"architecture": 7, "mode": ["x"]}]
    for config in hostile:
        (folder.path / "config.json").write_text(json.dumps({**description, "config": config}))
        assert overview.summarize(folder).test_accuracy == 0.846


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(data=st.data())
def test_no_content_of_an_events_file_breaks_the_list(home: Path, data: st.DataObject) -> None:
    folder = make_run(home)
    for event in (STARTED, scored(1, 0.7), FINISHED):
        fields = {name: data.draw(st.one_of(st.just(getattr(event, name)), JSON)) for name in event.__slots__}
        with folder.events.open("a") as file:
            file.write(json.dumps({"event": type(event).__name__, **fields}) + "\n")
    summary = overview.summarize(folder)
    assert summary.id == folder.id
    assert all(isinstance(number, float | None) for number in (summary.best_accuracy, summary.test_accuracy))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(data=st.data())
def test_no_content_of_a_description_breaks_the_list_or_more_than_its_run(home: Path, data: st.DataObject) -> None:
    folder = make_run(home, STARTED, FINISHED)
    path = folder.path / "config.json"
    description = json.loads(path.read_text())
    broken = data.draw(st.sets(st.sampled_from(sorted(description["config"])), min_size=1, max_size=3))
    description["config"] |= {name: data.draw(JSON) for name in broken}
    if data.draw(st.booleans()):
        description["race"] = data.draw(JSON | st.lists(st.just(folder.id) | JSON, max_size=3))
    path.write_text(json.dumps(description))
    assert overview.summarize(folder).test_accuracy == 0.846
    with suppress(RunNotFoundError):
        config = folder.config()
        assert all(config.in_words(name) for name in settings_of(type(config)))
        with suppress(ValueError):
            config.check()


def test_files_that_may_not_be_read_are_said_to_be_so(home: Path) -> None:
    folder = make_run(home)
    folder.events.unlink()
    folder.events.mkdir()
    assert "cannot be read: Is a directory" in overview.summarize(folder).problem


def test_empty_home_lists_nothing(home: Path) -> None:
    assert overview.summaries(home) == []
