"""The process that trains: it drives a generator and writes its events to the run's folder. Imported by nobody.

    python -m core.worker RUN_DIR ... [--lock FD ...]    set on a run, or on a race; FD holds its lock already
    python -m core.worker --spare FD                     import torch, then wait for runs on that socket

It takes its turn for the device before it imports torch, listens for the user between two events, and ends every run by
exactly one of Finished, Stopped or Failed, unless it is killed. Runs that race take turns, an event of each at a time.
"""

import argparse
import dataclasses
import importlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.durable import clear_unfinished, said_plainly
from core.errors import TrainingDivergedError, UnfreezeError
from core.lane import LISTEN_EVERY_S, SIGNALS, Lane, StopRequestedError, explain_fault, log_to
from core.runs import devices, locks
from core.runs.config import MAX_LANES
from core.runs.events import (
    Checkpointed,
    Evaluated,
    Evaluating,
    Extracting,
    Failed,
    Finished,
    Preparing,
    RareEvent,
    Recovered,
    Started,
    Step,
)
from core.runs.folder import RunFolder
from core.runs.queue import DeviceQueue
from core.runs.store import home
from core.runs.writer import append_event

if TYPE_CHECKING:
    from core.training.keeper import Keeper
    from core.training.state import TrainingState


def work(lanes: list[Lane]) -> None:
    """Do the runs of these folders, whose locks this process holds, turn about: one event of each at a time."""
    lives = [(lane, _live(lane, lanes)) for lane in lanes]
    while lives:
        lives = [(lane, life) for lane, life in lives if not lane.has_ended and next(life, "ended") != "ended"]


def _live(lane: Lane, lanes: list[Lane]) -> Iterator[None]:
    """A run from its turn in the queue to its last event. At every yield, the other lanes have their turn."""
    writer = lane.writer
    last: RareEvent | None = None
    try:
        yield from _wait_for_turn(lane, lanes)
        device = _find_device(lane, lanes)
        if device != lane.queue.device:  # what was expected before the first probe is not there
            _queue_for(device, lanes)
            yield from _wait_for_turn(lane, lanes)
        state, keeper = _prepare(lane, lanes, device)
        yield
        lane.is_training = True
        yield from _drive(state, keeper, lane)
    except GeneratorExit:
        raise
    except StopRequestedError:
        last = lane.stopped()
    except (UnfreezeError, ValueError) as error:
        lane.log.error("%s", error)
        can_resume = not isinstance(error, TrainingDivergedError)
        last = Failed(message=str(error), step=writer.last_step, can_resume=can_resume)
    except BaseException as error:
        lane.log.exception("the run failed")
        last = Failed(message=explain_fault(error), step=writer.last_step, can_resume=True)
    finally:
        lane.is_training = False
        lane.end(last)


def _wait_for_turn(lane: Lane, lanes: list[Lane]) -> Iterator[None]:
    racing = {other.folder.id for other in lanes}
    if not lane.is_next(racing):
        lane.log.info("waiting for %s", lane.queue.device)
    while not lane.is_next(racing):
        lane.stop_if_asked()
        if not any(other.is_training for other in lanes):  # it would be slowed down
            time.sleep(LISTEN_EVERY_S)
        yield


def _queue_for(device: str, lanes: list[Lane]) -> None:
    """Queue for another device than was expected: all that race at once, so that nobody comes between them."""
    waiting = [lane for lane in lanes if not lane.has_ended]
    for lane in waiting:
        lane.queue.leave(lane.folder.id)
        lane.queue = DeviceQueue(lane.folder.path.parents[1], device)
    waiting[0].queue.join(*(lane.folder.id for lane in waiting))


def _find_device(lane: Lane, lanes: list[Lane]) -> str:
    """Import torch, and name the device to train on: the one that was queued for, if it is there."""
    with _leaving_when_asked(lane, lanes):
        lane.writer.append(Preparing(what="Loading PyTorch"))
        names = [info.name for info in _remember_devices(lane.folder.path.parents[1])]
    queued, wanted = lane.queue.device, lane.folder.config().device
    return queued if queued in names or wanted != "auto" else names[0]


def _prepare(lane: Lane, lanes: list[Lane], device: str) -> "tuple[TrainingState, Keeper]":
    """Read the data and the weights, or the newest checkpoint."""
    from core.training.keeper import Keeper
    from core.training.state import TrainingState

    folder, writer = lane.folder, lane.writer
    with _leaving_when_asked(lane, lanes):
        keeper = Keeper(folder.checkpoints)
        writer.append(Preparing(what="Loading the network and the photos"))
        state, problem = keeper.load(device)
        if problem:
            writer.append(Recovered(message=problem))
        keeper.put_damaged_aside()  # only once it was said
        if state is not None:
            writer.last_step = state.step
        return state or TrainingState.new(dataclasses.replace(folder.config(), device=device)), keeper


@contextmanager
def _leaving_when_asked(lane: Lane, lanes: list[Lane]) -> Iterator[None]:
    """Let the user stop what takes seconds to minutes and has no steps: nothing is trained, so nothing is lost.

    A download would not listen: a lane that is asked to stop ends for its viewers at once, and what is being prepared
    for it is dropped when it is there. Where no other lane is left, the process ends instead.
    """
    is_done = threading.Event()

    def watch() -> None:
        while not is_done.wait(LISTEN_EVERY_S):
            for other in lanes:
                if not other.has_ended and not other.is_training and other.wants_stop():
                    other.end(other.stopped())
            if all(other.has_ended for other in lanes):
                os._exit(0)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_done.set()
        watcher.join()
    if lane.has_ended:
        raise StopRequestedError


def _drive(state: "TrainingState", keeper: "Keeper", lane: Lane) -> Iterator[None]:
    """Write the generator's events down, save after every epoch and every minute, and stop when asked."""
    from core.training.fine_tune import fine_tune

    try:
        for event in fine_tune(state):
            if isinstance(event, Finished):
                keeper.finish(state)  # before anybody is told that there is a network to predict with
            lane.writer.append(event)
            _tell_log(event, lane)
            if isinstance(event, Evaluated) and event.split == "validation":
                _save(state, keeper, lane, is_best=event.best)
            if isinstance(event, Step | Evaluating | Extracting) and state.is_settled:
                if (wants_stop := lane.wants_stop()) or keeper.is_due:
                    _save(state, keeper, lane, is_best=False)
                if wants_stop:
                    keeper.save_best(state)
                    raise StopRequestedError
            yield
    except StopRequestedError:
        raise
    except Exception:
        try:
            keeper.save_best(state)
        except Exception:  # what went wrong first is what matters
            lane.log.exception("the network of the best epoch could not be saved")
        raise


def _tell_log(event: object, lane: Lane) -> None:
    if isinstance(event, Started):
        lane.log.info("training on %s in %s from step %d", event.device_label, event.precision, event.first_step)
    elif isinstance(event, Evaluated):
        lane.log.info("epoch %d, step %d: %s accuracy %.4f", event.epoch, event.step, event.split, event.accuracy)


def _save(state: "TrainingState", keeper: "Keeper", lane: Lane, *, is_best: bool) -> None:
    lane.writer.sync()  # a resume goes on from the checkpoint: no step before it may be missing
    keeper.save(state)
    lane.writer.append(Checkpointed(step=state.step, epoch=state.epoch, best=is_best))


def _remember_devices(runs_home: Path) -> list[devices.DeviceInfo]:
    """Look for devices, and tell those that cannot look."""
    from core.device import probe

    found = probe()
    if devices.remembered(runs_home) != found:
        devices.remember(runs_home, found)
    return found


def _await_runs(connection: socket.socket) -> list[tuple[RunFolder, int]]:
    """As a spare: import what training needs, look for devices, and wait for runs and their locks meanwhile.

    Whoever gives them is answered at once, or would take this process for one that hangs. Empty: the server is gone.
    """
    threading.Thread(target=_warm, name="warming up").start()
    with connection:
        message, locks_held, _, _ = socket.recv_fds(connection, 64 * 1024, MAX_LANES)
        if message:
            SIGNALS.begin_work()  # before the answer: from then on, nobody else sees to these runs
            connection.sendall(b"!")
    paths = json.loads(message) if message else []
    return [(RunFolder(Path(path)), lock) for path, lock in zip(paths, locks_held, strict=True)]


def _warm() -> None:
    importlib.import_module("core.training.fine_tune")
    _remember_devices(home())


def _take(folder: RunFolder) -> int:
    """The lock of a run that was started by hand."""
    lock = locks.hold(folder.lock)
    clear_unfinished(folder.path)
    folder.control.unlink(missing_ok=True)  # what was asked of a former attempt
    return lock


def _take_all(folders: list[RunFolder]) -> list[int]:
    """The locks of runs that were started by hand, with tickets for their device."""
    held = [_take(folder) for folder in folders]
    queue = DeviceQueue(folders[0].path.parents[1], str(folders[0].description()["queue"]))
    queue.join(*(folder.id for folder in folders))
    return held


def _begin(folder: RunFolder, lock: int) -> Lane | None:
    """The lane of a run. None where its folder refuses, which those who look at it are told."""
    try:
        with said_plainly("The run cannot begin", folder.path):
            return Lane(folder, lock)
    except UnfreezeError as error:
        logging.getLogger(f"worker.{folder.id}").error("%s", error)
        with suppress(OSError):
            append_event(folder, Failed(message=str(error), step=0, can_resume=True))
        os.close(lock)
        return None


def main() -> None:
    """Read the command line and work."""
    parser = argparse.ArgumentParser(prog="python -m core.worker", description="Train runs, outside of any browser.")
    parser.add_argument("run_dir", type=Path, nargs="*", help="a run's folder; several take turns")
    parser.add_argument("--lock", type=int, action="append", help="a descriptor that holds a run's lock, one a folder")
    parser.add_argument("--spare", type=int, help="a socket on which to wait for runs")
    arguments = parser.parse_args()
    SIGNALS.listen()
    if arguments.spare is not None:
        given = _await_runs(socket.socket(fileno=arguments.spare))
        if not given:
            return
    elif arguments.run_dir:
        SIGNALS.begin_work()
        folders = [RunFolder(path.absolute()) for path in arguments.run_dir]
        held = arguments.lock or _take_all(folders)
        given = list(zip(folders, held, strict=True))
    else:
        parser.error("a run's folder is needed")
    for _, lock in given:
        os.set_inheritable(lock, False)  # nothing that this process starts may keep a run alive
    log_to([folder for folder, _ in given])
    work([lane for folder, lock in given if (lane := _begin(folder, lock))])


if __name__ == "__main__":
    main()
