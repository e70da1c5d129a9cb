"""The process that trains: it drives a generator and writes its events to the run's folder. Imported by nobody.

    python -m core.worker RUN_DIR [--lock FD]    set on one run; FD holds its lock already
    python -m core.worker --spare FD             import torch, then wait for a run on that socket

It takes its turn for the device before it imports torch, listens for the user between two events, and ends by exactly
one of Finished, Stopped or Failed, unless it is killed.
"""

import argparse
import dataclasses
import errno
import importlib
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

from core.errors import TrainingDivergedError, UnfreezeError
from core.runs import control, devices, locks
from core.runs.events import (
    Checkpointed,
    Evaluated,
    Evaluating,
    Failed,
    Preparing,
    Started,
    Step,
    Stopped,
)
from core.runs.queue import DeviceQueue
from core.runs.store import RunFolder, RunWriter, home, sync_folder

if TYPE_CHECKING:
    from core.training.state import TrainingState

_LISTEN_EVERY_S = 0.05
_log = logging.getLogger("worker")


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


def work(folder: RunFolder) -> None:
    """Do the run of a folder whose lock this process holds, from its turn in the queue to its last event."""
    queue = DeviceQueue(folder.path.parents[1], folder.description()["queue"])
    with RunWriter(folder) as writer:
        try:
            listener = Listener(folder)
            _wait_for_turn(folder, queue, listener)
            device = _find_device(folder, writer)
            if device != folder.description()["queue"]:  # what was expected before the first probe is not there
                queue.leave(folder.id)
                queue = DeviceQueue(folder.path.parents[1], device)
                queue.join(folder.id)
                _wait_for_turn(folder, queue, listener)
            state = _prepare(folder, writer, device)
            _drive(state, folder, writer, listener)
        except StopRequestedError:
            _log.info("stopped after step %d", writer.last_step)
            writer.append(Stopped(step=writer.last_step))
        except (UnfreezeError, ValueError) as error:
            _log.error("%s", error)
            can_resume = not isinstance(error, TrainingDivergedError)
            writer.append(Failed(message=str(error), step=writer.last_step, can_resume=can_resume))
        except BaseException as error:
            _log.exception("the run failed")
            writer.append(Failed(message=_explain(error), step=writer.last_step, can_resume=True))
        finally:
            queue.leave(folder.id)


def _wait_for_turn(folder: RunFolder, queue: DeviceQueue, listener: Listener) -> None:
    if queue.ahead_of(folder.id):
        _log.info("waiting for %s", folder.description()["queue"])
    while queue.ahead_of(folder.id):
        if listener.wants_stop():
            raise StopRequestedError
        time.sleep(_LISTEN_EVERY_S)


def _find_device(folder: RunFolder, writer: RunWriter) -> str:
    """Import torch, and name the device to train on: the one that was queued for, if it is there."""
    with _leaving_when_asked(folder, writer):
        writer.append(Preparing(what="Loading PyTorch"))
        names = [info.name for info in _remember_devices(folder.path.parents[1])]
    queued, wanted = folder.description()["queue"], folder.config().device
    return queued if queued in names or wanted != "auto" else names[0]


def _prepare(folder: RunFolder, writer: RunWriter, device: str) -> "TrainingState":
    """Read the data and the weights."""
    from core.training.state import TrainingState

    with _leaving_when_asked(folder, writer):
        if folder.last_checkpoint.is_file():
            writer.append(Preparing(what="Loading the last checkpoint"))
            state = TrainingState.load(folder.last_checkpoint, folder.best_checkpoint, device=device)
            if state.is_at_best_epoch:
                _link_best(folder)
            return state
        writer.append(Preparing(what="Loading the network and the photos"))
        return TrainingState.new(dataclasses.replace(folder.config(), device=device))


@contextmanager
def _leaving_when_asked(folder: RunFolder, writer: RunWriter) -> Iterator[None]:
    """Let the user stop what takes seconds to minutes and has no steps: nothing is trained, so nothing is lost."""
    is_done = threading.Event()

    def watch() -> None:
        listener = Listener(folder)
        while not is_done.wait(_LISTEN_EVERY_S):
            if listener.wants_stop():
                _log.info("stopped while preparing")
                writer.append(Stopped(step=writer.last_step))
                os._exit(0)  # a download would not listen

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_done.set()
        watcher.join()


def _drive(state: "TrainingState", folder: RunFolder, writer: RunWriter, listener: Listener) -> None:
    """Write the generator's events down, save after every epoch, and stop when asked."""
    from core.training.fine_tune import fine_tune

    for event in fine_tune(state):
        writer.append(event)
        if isinstance(event, Started):
            _log.info("training on %s in %s from step %d", event.device_label, event.precision, event.first_step)
        elif isinstance(event, Evaluated):
            _log.info("epoch %d, step %d: %s accuracy %.4f", event.epoch, event.step, event.split, event.accuracy)
            if event.split == "validation":
                _save(state, folder, writer, is_best=event.best)
        if isinstance(event, Step | Evaluating) and listener.wants_stop() and state.is_settled:
            _save(state, folder, writer, is_best=False)
            raise StopRequestedError


def _save(state: "TrainingState", folder: RunFolder, writer: RunWriter, *, is_best: bool) -> None:
    """Save the state as the last checkpoint, and let the best one be the same file where it is the best."""
    state.save(folder.last_checkpoint)
    if is_best:
        _link_best(folder)
    writer.append(Checkpointed(step=state.step, epoch=state.epoch, best=is_best))


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


def _log_to(folder: RunFolder) -> None:
    """Send all that this process prints, and what libraries print from C, to the run's log."""
    descriptor = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, sys.stdout.fileno())
    os.dup2(descriptor, sys.stderr.fileno())
    os.close(descriptor)


def _await_run(connection: socket.socket) -> tuple[RunFolder, int] | None:
    """As a spare: import what training needs, look for devices, then wait for a run and its lock.

    None: the server is gone.
    """
    importlib.import_module("core.training.fine_tune")
    _remember_devices(home())
    with connection:
        path, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
    if not path or not descriptors:
        return None
    return RunFolder(Path(os.fsdecode(path))), descriptors[0]


def _take(folder: RunFolder) -> int:
    """The lock of a run that was started by hand, with a ticket for its device."""
    lock = locks.hold(folder.lock)
    folder.control.unlink(missing_ok=True)  # what was asked of a former attempt
    DeviceQueue(folder.path.parents[1], folder.description()["queue"]).join(folder.id)
    return lock


def main() -> None:
    """Read the command line and work."""
    parser = argparse.ArgumentParser(prog="python -m core.worker", description="Train one run, outside of any browser.")
    parser.add_argument("run_dir", type=Path, nargs="?", help="the run's folder")
    parser.add_argument("--lock", type=int, help="a descriptor that holds the run's lock")
    parser.add_argument("--spare", type=int, help="a socket on which to wait for a run")
    arguments = parser.parse_args()
    if arguments.spare is not None:
        given = _await_run(socket.socket(fileno=arguments.spare))
        if given is None:
            return
        folder, lock = given
    elif arguments.run_dir is not None:
        folder = RunFolder(arguments.run_dir.absolute())
        lock = _take(folder) if arguments.lock is None else arguments.lock
    else:
        parser.error("a run's folder is needed")
    os.set_inheritable(lock, False)  # nothing that this process starts may keep the run alive
    _log_to(folder)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    _log.info("worker %d takes run %s", os.getpid(), folder.id)
    work(folder)
    os.close(lock)  # now, not when Python has tidied up: a stopped run can be resumed at once


if __name__ == "__main__":
    main()
