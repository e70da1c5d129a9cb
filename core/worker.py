"""The process that trains: it drives a generator and writes its events to the run's folder. Imported by nobody.

    python -m core.worker RUN_DIR ... [--lock FD ...]    set on a run, or on a race; FD holds its lock already
    python -m core.worker --spare FD                     import torch, then wait for runs on that socket

It takes its turn for the device before it imports torch, listens for the user between two events, and ends every run by
exactly one of Finished, Stopped or Failed, unless it is killed. Runs that race take turns, an event of each at a time.
"""

import argparse
import dataclasses
import errno
import importlib
import json
import logging
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.durable import sync_folder
from core.errors import TrainingDivergedError, UnfreezeError
from core.runs import control, devices, locks
from core.runs.config import MAX_LANES
from core.runs.events import (
    Checkpointed,
    Evaluated,
    Evaluating,
    Failed,
    Preparing,
    RareEvent,
    Started,
    Step,
    Stopped,
)
from core.runs.queue import DeviceQueue
from core.runs.store import RunFolder, RunWriter, home

if TYPE_CHECKING:
    from core.training.state import TrainingState

_LISTEN_EVERY_S = 0.05
_LOG_FORMAT = "%(asctime)s %(message)s"


class StopRequestedError(Exception):
    """The user wants the run to end here."""


class Listener:
    """Hears what the user asks of the run, without asking the disk after every step."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.control
        self._looked = 0.0
        self._stop = False

    def wants_stop(self) -> bool:
        """Whether the run shall stop."""
        now = time.monotonic()
        if not self._stop and now - self._looked >= _LISTEN_EVERY_S:
            self._looked = now
            self._stop = control.read(self._path) == control.STOP
        return self._stop


class Lane:
    """One run in this process, alone or in a race: its folder, its lock, and what is written of it."""

    def __init__(self, folder: RunFolder, lock: int | None = None) -> None:
        self.folder = folder
        self.log = logging.getLogger(f"worker.{folder.id}")
        self._lock = lock
        self._listener = Listener(folder)
        self.writer = RunWriter(folder)
        self.queue = DeviceQueue(folder.path.parents[1], str(folder.description()["queue"]))
        self.has_ended = False

    def stop_if_asked(self) -> None:
        """Raise what ends the run, if the user wants that."""
        if self._listener.wants_stop():
            raise StopRequestedError

    def is_next(self, racing: set[str]) -> bool:
        """Whether nobody but those who race with it is to have the device first."""
        return set(self.queue.ahead_of(self.folder.id)) <= racing

    def end(self, last: RareEvent | None = None) -> None:
        """Write the last event and let go of the device and the lock: a stopped run can be resumed at once."""
        try:
            if last is not None:
                self.writer.append(last)
            self.writer.close()
        finally:
            self.queue.leave(self.folder.id)
            self.has_ended = True
            if self._lock is not None:
                os.close(self._lock)


def work(lanes: list[Lane]) -> None:
    """Do the runs of these folders, whose locks this process holds, turn about: one event of each at a time."""
    lives = [_live(lane, lanes) for lane in lanes]
    while lives:
        lives = [life for life in lives if next(life, "ended") != "ended"]


def _live(lane: Lane, lanes: list[Lane]) -> Iterator[None]:
    """A run from its turn in the queue to its last event. At every yield, the other lanes have their turn."""
    writer = lane.writer
    racing = {other.folder.id for other in lanes}
    last: RareEvent | None = None
    try:
        yield from _wait_for_turn(lane, racing)
        device = _find_device(lane, lanes)
        if device != lane.folder.description()["queue"]:  # what was expected before the first probe is not there
            lane.queue.leave(lane.folder.id)
            lane.queue = DeviceQueue(lane.folder.path.parents[1], device)
            lane.queue.join(lane.folder.id)
            yield from _wait_for_turn(lane, racing)
        state = _prepare(lane, lanes, device)
        yield
        yield from _drive(state, lane)
    except StopRequestedError:
        lane.log.info("stopped after step %d", writer.last_step)
        last = Stopped(step=writer.last_step)
    except (UnfreezeError, ValueError) as error:
        lane.log.error("%s", error)
        can_resume = not isinstance(error, TrainingDivergedError)
        last = Failed(message=str(error), step=writer.last_step, can_resume=can_resume)
    except BaseException as error:
        lane.log.exception("the run failed")
        last = Failed(message=_explain(error), step=writer.last_step, can_resume=True)
    finally:
        lane.end(last)


def _wait_for_turn(lane: Lane, racing: set[str]) -> Iterator[None]:
    if not lane.is_next(racing):
        lane.log.info("waiting for %s", lane.folder.description()["queue"])
    while not lane.is_next(racing):
        lane.stop_if_asked()
        time.sleep(_LISTEN_EVERY_S)
        yield


def _find_device(lane: Lane, lanes: list[Lane]) -> str:
    """Import torch, and name the device to train on: the one that was queued for, if it is there."""
    with _leaving_when_asked(lane, lanes):
        lane.writer.append(Preparing(what="Loading PyTorch"))
        names = [info.name for info in _remember_devices(lane.folder.path.parents[1])]
    queued, wanted = str(lane.folder.description()["queue"]), lane.folder.config().device
    return queued if queued in names or wanted != "auto" else names[0]


def _prepare(lane: Lane, lanes: list[Lane], device: str) -> "TrainingState":
    """Read the data and the weights."""
    from core.training.state import TrainingState

    folder, writer = lane.folder, lane.writer
    with _leaving_when_asked(lane, lanes):
        if folder.last_checkpoint.is_file():
            writer.append(Preparing(what="Loading the last checkpoint"))
            state = TrainingState.load(folder.last_checkpoint, folder.best_checkpoint, device=device)
            if state.is_at_best_epoch:
                _link_best(folder)
            return state
        writer.append(Preparing(what="Loading the network and the photos"))
        return TrainingState.new(dataclasses.replace(folder.config(), device=device))


@contextmanager
def _leaving_when_asked(lane: Lane, lanes: list[Lane]) -> Iterator[None]:
    """Let the user stop what takes seconds to minutes and has no steps: nothing is trained, so nothing is lost.

    The process ends then, and with it every run of a race: none trains before all are prepared.
    """
    is_done = threading.Event()
    listener = Listener(lane.folder)

    def watch() -> None:
        while not is_done.wait(_LISTEN_EVERY_S):
            if listener.wants_stop():
                lane.log.info("stopped while preparing")
                for other in lanes:
                    if not other.has_ended:
                        other.writer.append(Stopped(step=other.writer.last_step))
                os._exit(0)  # a download would not listen

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_done.set()
        watcher.join()


def _drive(state: "TrainingState", lane: Lane) -> Iterator[None]:
    """Write the generator's events down, save after every epoch, and stop when asked."""
    from core.training.fine_tune import fine_tune

    for event in fine_tune(state):
        lane.writer.append(event)
        if isinstance(event, Started):
            lane.log.info("training on %s in %s from step %d", event.device_label, event.precision, event.first_step)
        elif isinstance(event, Evaluated):
            lane.log.info("epoch %d, step %d: %s accuracy %.4f", event.epoch, event.step, event.split, event.accuracy)
            if event.split == "validation":
                _save(state, lane, is_best=event.best)
        if isinstance(event, Step | Evaluating) and state.is_settled:
            try:
                lane.stop_if_asked()
            except StopRequestedError:
                _save(state, lane, is_best=False)
                raise
        yield


def _save(state: "TrainingState", lane: Lane, *, is_best: bool) -> None:
    """Save the state as the last checkpoint, and let the best one be the same file where it is the best."""
    state.save(lane.folder.last_checkpoint)
    if is_best:
        _link_best(lane.folder)
    lane.writer.append(Checkpointed(step=state.step, epoch=state.epoch, best=is_best))


def _link_best(folder: RunFolder) -> None:
    """Make the last checkpoint the best one, too."""
    beside = folder.best_checkpoint.with_name(".best.pt")
    beside.unlink(missing_ok=True)
    try:
        os.link(folder.last_checkpoint, beside)  # `last` is replaced, never written into: the link keeps this one
    except OSError:
        shutil.copyfile(folder.last_checkpoint, beside)  # a file system without hard links
    os.replace(beside, folder.best_checkpoint)
    sync_folder(folder.checkpoints)


def _remember_devices(runs_home: Path) -> list[devices.DeviceInfo]:
    """Look for devices, and tell those that cannot look."""
    from core.device import probe

    found = probe()
    if devices.remembered(runs_home) != found:
        devices.remember(runs_home, found)
    return found


def _explain(error: BaseException) -> str:
    """A sentence for a fault that no message was written for."""
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "can't allocate memory" in str(error):
        return "The device ran out of memory. Start again with a smaller batch size or image size."
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full: the run could not write its results. Free some space, then resume or start again."
    reason = str(error).strip().splitlines()
    return f"The training broke off with {type(error).__name__}{f': {reason[0]}' if reason else ''}."


def _log_to(folders: list[RunFolder]) -> None:
    """Give each run its log, and send all that this process prints, and libraries print from C, to the first one's."""
    descriptor = os.open(folders[0].log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    os.close(descriptor)
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT, force=True)
    for folder in folders:
        log = logging.getLogger(f"worker.{folder.id}")
        handler = logging.FileHandler(folder.log)
        handler.setFormatter(logging.Formatter(_LOG_FORMAT))
        log.handlers, log.propagate = [handler], False
        log.info("worker %d takes run %s", os.getpid(), folder.id)


def _await_runs(connection: socket.socket) -> list[tuple[RunFolder, int]]:
    """As a spare: import what training needs, look for devices, then wait for runs and their locks.

    Empty: the server is gone.
    """
    importlib.import_module("core.training.fine_tune")
    _remember_devices(home())
    with connection:
        message, locks_held, _, _ = socket.recv_fds(connection, 64 * 1024, MAX_LANES)
    paths = json.loads(message) if message else []
    return [(RunFolder(Path(path)), lock) for path, lock in zip(paths, locks_held, strict=True)]


def _take(folder: RunFolder) -> int:
    """The lock of a run that was started by hand, with a ticket for its device."""
    lock = locks.hold(folder.lock)
    folder.control.unlink(missing_ok=True)  # what was asked of a former attempt
    DeviceQueue(folder.path.parents[1], str(folder.description()["queue"])).join(folder.id)
    return lock


def main() -> None:
    """Read the command line and work."""
    parser = argparse.ArgumentParser(prog="python -m core.worker", description="Train runs, outside of any browser.")
    parser.add_argument("run_dir", type=Path, nargs="*", help="a run's folder; several take turns")
    parser.add_argument("--lock", type=int, action="append", help="a descriptor that holds a run's lock, one a folder")
    parser.add_argument("--spare", type=int, help="a socket on which to wait for runs")
    arguments = parser.parse_args()
    if arguments.spare is not None:
        given = _await_runs(socket.socket(fileno=arguments.spare))
        if not given:
            return
    elif arguments.run_dir:
        folders = [RunFolder(path.absolute()) for path in arguments.run_dir]
        held = arguments.lock or [_take(folder) for folder in folders]
        given = list(zip(folders, held, strict=True))
    else:
        parser.error("a run's folder is needed")
    for _, lock in given:
        os.set_inheritable(lock, False)  # nothing that this process starts may keep a run alive
    _log_to([folder for folder, _ in given])
    work([Lane(folder, lock) for folder, lock in given])


if __name__ == "__main__":
    main()
