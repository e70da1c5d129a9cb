"""A disk or a system that refuses at any moment of a run's life costs what it refuses, and is spoken of in the run."""

import errno
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core import driver, lane, worker
from core.errors import StorageError, UnfreezeError
from core.runs import jobs, locks, queue, workers
from core.runs.events import Evaluated, Failed, Finished, Stopped
from core.runs.folder import RunFolder
from core.runs.queue import DeviceQueue
from core.runs.status import Status, is_resumable
from core.runs.writer import RunWriter
from core.signals import Signals
from core.training.keeper import Keeper
from tests.conftest import follow
from tests.core.test_resume import QUICK, new_runs
from tests.samples import STARTED, make_run

RIVAL = QUICK.changed(learning_rate=1e-3)


def refuse(code: int) -> Callable[..., None]:
    def raise_it(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return raise_it


def refused_for(folder: RunFolder, method: Callable[..., object]) -> Callable[..., object]:
    """What refuses one run, and no other."""

    def call(self: RunWriter | DeviceQueue, *arguments: object) -> object:
        run_id = self.folder.id if isinstance(self, RunWriter) else arguments[0]
        if run_id == folder.id:
            refuse(errno.ENOSPC)()
        return method(self, *arguments)

    return call


@pytest.mark.parametrize("where", [(RunWriter, "close"), (RunWriter, "append"), (DeviceQueue, "leave")])
@pytest.mark.usefixtures("tiny_data")
def test_disk_that_is_full_at_the_end_of_a_lane_costs_the_others_nothing(
    home: Path, where: tuple[type, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = new_runs(home, [QUICK, RIVAL])
    monkeypatch.setattr(*where, refused_for(first, getattr(*where)))
    driver.work([lane.Lane(folder, locks.hold(folder.lock)) for folder in (first, second)])
    assert isinstance(follow(second).last_event, Finished)
    assert not locks.is_held(first.lock)


@pytest.mark.parametrize("where", [(RunWriter, "__init__"), (DeviceQueue, "__init__")])
@pytest.mark.usefixtures("tiny_data")
def test_lane_that_cannot_begin_says_so_and_leaves_the_others_alone(
    home: Path, where: tuple[type, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = new_runs(home, [QUICK, RIVAL])
    with monkeypatch.context() as patched:
        patched.setattr(*where, refuse(errno.ENOSPC))
        assert driver.begin(folders[0], locks.hold(folders[0].lock)) is None
    driver.work([begun for begun in [driver.begin(folders[1], locks.hold(folders[1].lock))] if begun])
    failed = follow(folders[0]).last_event
    assert isinstance(failed, Failed)
    assert failed.message.startswith("The run cannot begin: the disk of ")
    assert failed.can_resume
    assert not locks.is_held(folders[0].lock)
    assert isinstance(follow(folders[1]).last_event, Finished)


@pytest.mark.usefixtures("tiny_data")
def test_what_went_wrong_first_is_what_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [folder] = new_runs(home, [QUICK])
    append = RunWriter.append

    def write(self: RunWriter, event: object) -> None:
        if isinstance(event, Evaluated):
            raise RuntimeError("the first trouble")
        append(self, event)  # type: ignore[arg-type]

    def save(*_: object) -> None:
        raise RuntimeError("the second trouble")

    monkeypatch.setattr(RunWriter, "append", write)
    monkeypatch.setattr(Keeper, "save_best", save)
    driver.work([lane.Lane(folder, locks.hold(folder.lock))])
    failed = follow(folder).last_event
    assert isinstance(failed, Failed)
    assert "the first trouble" in failed.message


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system starts no process any more."""
    monkeypatch.setattr(workers, "_spare", None)
    monkeypatch.setattr(subprocess, "Popen", refuse(errno.EAGAIN))


@pytest.mark.usefixtures("no_process")
def test_run_that_cannot_be_resumed_says_so_and_can_be_resumed_later(home: Path) -> None:
    folder = make_run(home, STARTED, Stopped(step=3))
    with pytest.raises(UnfreezeError, match="No process can be started"):
        jobs.resume(home, folder)
    run = follow(folder)
    assert run.status is Status.FAILED
    assert isinstance(run.last_event, Failed)
    assert run.last_event.message.startswith("No process can be started")
    assert is_resumable(Status.FAILED, run.last_event)


def test_run_whose_queue_cannot_be_joined_says_so_and_can_be_resumed_later(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(home, STARTED, Stopped(step=3))
    monkeypatch.setattr(DeviceQueue, "join", refuse(errno.EROFS))
    with pytest.raises(StorageError):
        jobs.resume(home, folder)
    run = follow(folder)
    assert run.status is Status.FAILED
    assert is_resumable(Status.FAILED, run.last_event)


@pytest.mark.usefixtures("no_process")
@pytest.mark.parametrize("starts", [lambda home: jobs.start(home, QUICK), lambda home: jobs.race(home, [QUICK, RIVAL])])
def test_start_that_fails_leaves_no_ticket(home: Path, starts: Callable[[Path], object]) -> None:
    with pytest.raises(UnfreezeError):
        starts(home)
    assert DeviceQueue(home, "cpu")._tickets() == []
    assert queue.all_alive(home) == []
    assert os.listdir(home / "runs") == []


def test_log_that_cannot_be_opened_for_another_worker_fails_the_run_and_frees_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(home, STARTED)
    lock = locks.hold(folder.lock)
    kept = [os.dup(lock)]
    ours, theirs = socket.socketpair()
    theirs.close()  # the spare is dead
    folder.log.mkdir()
    with subprocess.Popen(["true"]) as process:
        workers._see_it_taken(process, ours, [folder], kept)
    os.close(lock)
    run = follow(folder)
    assert run.status is Status.FAILED
    assert isinstance(run.last_event, Failed)
    assert run.last_event.message.startswith("No process can be started: Is a directory")
    assert run.last_event.can_resume


def test_spare_that_has_answered_does_not_end_by_a_signal(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its answer on, nobody else sees to the run: a signal then has to end as a stop that is written down."""
    folder = make_run(home)
    signals = Signals()
    monkeypatch.setattr(worker, "SIGNALS", signals)
    monkeypatch.setattr(worker, "_warm", lambda: None)
    ours, theirs = socket.socketpair()
    lock = locks.hold(folder.lock)
    spare = threading.Thread(target=worker._await_runs, args=(theirs,))
    spare.start()
    socket.send_fds(ours, [f'["{folder.path}"]'.encode()], [lock])
    assert ours.recv(1) == b"!"
    assert signals._has_work
    spare.join()
    os.close(lock)
