"""No damage to a run's folder costs more than that run, below the pages: a sentence for it, or nothing at all."""

import errno
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core.data import points
from core.errors import RunNotFoundError, UnfreezeError
from core.figures import linear_fit as line_figures
from core.figures import training as figures
from core.figures.view import UNITS, View
from core.runs import control, history, locks, overview, progress, queue, store, trash
from core.runs.config import LinearFitConfig
from core.runs.folder import RunFolder
from core.runs.milestones import milestones
from core.runs.overview import Summary
from core.runs.reader import RunReader
from tests.damage import KINDS, make_runs


@dataclass
class Home:
    """A home with a run of every state, of which one at a time is damaged."""

    path: Path
    runs: list[RunFolder]
    whole: Path  # copies of the runs as they were

    def run(self, number: int) -> RunFolder:
        """One of the runs, as it was."""
        folder = self.runs[number % len(self.runs)]
        if folder.path.exists():
            shutil.rmtree(folder.path)
        shutil.copytree(self.whole / folder.id, folder.path)
        return folder


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Home:
    path = tmp_path_factory.mktemp("damage")
    runs = make_runs(path / "home")
    shutil.copytree(path / "home" / "runs", path / "whole")
    return Home(path / "home", runs, path / "whole")


@pytest.fixture
def lived_in(homes: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("UNFREEZE_HOME", str(homes.path))
    yield homes
    monkeypatch.undo()
    for number in range(len(homes.runs)):
        if not homes.runs[number].path.exists():
            homes.run(number)


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power cut is to be survived here."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(autouse=True)
def never_waits() -> Iterator[None]:
    """Reading what will never come is a failure, and not a test that does not end."""

    def fail(*_: object) -> None:
        raise AssertionError("it waits for a file")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def look_at(home: Path, folder: RunFolder) -> list[str]:
    """Ask everything that pages ask of a run. Returns what it says is wrong with it."""
    problems = [overview.summarize(folder).problem]
    for look in (_follow, _read_config, _draw, lambda folder: folder.race(), lambda folder: folder.description()):
        try:
            look(folder)
        except UnfreezeError as error:
            problems.append(str(error))
    with suppress(RunNotFoundError):
        store.find(home, folder.id)
    folder.log_tail(12)
    control.read(folder.control)
    locks.is_held(folder.lock)
    assert folder.has_model in (True, False)
    return list(filter(None, problems))


def _follow(folder: RunFolder) -> None:
    reader = RunReader(folder)
    reader.poll()
    run = reader.poll()
    history.recoveries(run.events)
    history.has_checkpoint(run.events)
    now = progress.measure(run.events, run.steps)
    assert now is None or 0 <= now.fraction <= 1
    assert run.quiet_s >= 0


def _read_config(folder: RunFolder) -> None:
    folder.config_of(LinearFitConfig) if folder.kind.name == "linear_fit" else folder.config()


def _draw(folder: RunFolder) -> None:
    reader = RunReader(folder).poll()
    if folder.kind.name == "linear_fit":
        exact = points.minimum(points.draw(0))
        line_figures.fitting_curves(reader.steps, epochs=9, exact=exact, smallest_loss=0.5, chart_id="x")
        return
    started, validations = history.started(reader.events), history.validations(reader.events)
    steps_per_epoch = started.steps_per_epoch if started else 1
    training = figures.Training(
        color="#0072B2",
        steps=reader.steps,
        smoothed=figures.smooth(reader.steps["loss"], started.total_steps if started else 1),
        validations=validations,
        steps_per_epoch=steps_per_epoch,
        milestones=milestones(folder.config(), reader.events),
    )
    for unit in UNITS:
        figures.live_training(training, chart_id="x", view=View(x=unit, scale="log_both"))
    history.turn(validations, reader.steps, steps_per_epoch)


def others(home: Path, damaged: RunFolder) -> list[Summary]:
    return [summary for summary in overview.summaries(home) if summary.id != damaged.id]


def check(home: Path, damaged: RunFolder, kind: str, seed: int) -> None:
    """Damage a run, and see that it alone has something to say, and can be deleted."""
    before = others(home, damaged)
    KINDS[kind](damaged, Random(seed))
    problems = look_at(home, damaged)
    assert all(problem.endswith((".", "?")) and "Error" not in problem for problem in problems)
    assert others(home, damaged) == before
    assert not any(summary.problem for summary in before)
    queue.all_alive(home)
    if os.path.lexists(damaged.path / "config.json"):
        assert damaged.id in [summary.id for summary in overview.summaries(home)]
    trash.delete(home, damaged)
    trash.deleted_runs(home)
    trash.remove(home, [run.id for run in trash.deleted_runs(home)])
    assert not os.listdir(home / "trash")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_damage_costs_its_run_alone(lived_in: Home, kind: str) -> None:
    check(lived_in.path, lived_in.run(len(kind)), kind, seed=0)


@pytest.mark.long
def test_a_thousand_damages_cost_their_runs_alone(lived_in: Home) -> None:
    names = sorted(KINDS)
    for seed in range(1_000):
        signal.alarm(60)
        check(lived_in.path, lived_in.run(seed), names[seed % len(names)], seed)
        lived_in.run(seed)


@pytest.mark.parametrize("name", ["config.json", "events.jsonl", "steps-1.bin"])
@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.EACCES, "cannot be read at the moment: Permission denied ({}). Make it readable."),
        (errno.EIO, "cannot be read at the moment: Input/output error ({}). Try again."),
        (errno.ESTALE, "cannot be read at the moment: Stale file handle ({}). Try again."),
        (errno.EMFILE, "cannot be read at the moment: Too many open files ({}). Try again."),
        (errno.ELOOP, "is damaged: {} cannot be read: Too many levels of symbolic links. Repair the file, or delete"),
    ],
)
def test_file_that_the_system_does_not_give_is_named_and_read_as_soon_as_it_is_given(
    lived_in: Home, name: str, code: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = lived_in.run(2)
    before = others(lived_in.path, damaged)
    opened = os.open

    def refuse(path: Any, *arguments: Any, **options: Any) -> int:
        if str(path) == str(damaged.path / name):
            raise OSError(code, os.strerror(code), str(path))
        return opened(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        found = look_at(lived_in.path, damaged)
        assert any(says.format(name) in problem for problem in found)
        assert others(lived_in.path, damaged) == before
    assert not look_at(lived_in.path, damaged)


@pytest.mark.parametrize("name", ["events.jsonl", "steps-1.bin"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_file_that_the_disk_does_not_give_once_it_is_open_is_named(
    lived_in: Home, name: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = lived_in.run(2)
    before = others(lived_in.path, damaged)
    read, inode = os.pread, os.stat(damaged.path / name).st_ino

    def refuse(file: int, size: int, offset: int) -> bytes:
        if os.fstat(file).st_ino == inode:
            raise OSError(code, os.strerror(code))
        return read(file, size, offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", refuse)
        assert f"at the moment: {os.strerror(code)} ({name}). Try again." in look_at(lived_in.path, damaged)[0]
        assert others(lived_in.path, damaged) == before
    assert not look_at(lived_in.path, damaged)


def test_folder_that_may_not_be_entered_is_named(lived_in: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = lived_in.run(2)
    before = others(lived_in.path, damaged)

    def guard(function):
        def refuse(path, *arguments, **options):
            if str(path).startswith(str(damaged.path)):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return function(path, *arguments, **options)

        return refuse

    for name in ("open", "stat", "listdir", "scandir"):
        monkeypatch.setattr(os, name, guard(getattr(os, name)))
    assert "cannot be read at the moment: Permission denied" in look_at(lived_in.path, damaged)[0]
    assert others(lived_in.path, damaged) == before
