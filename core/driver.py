"""Does runs of any kind, and writes down what happens to them: the one place where work becomes a run.

It takes a run's turn for its device before it imports torch, listens for the user between two events, and ends every
run by exactly one last event, unless its process is killed. Runs that race take turns, an event of each at a time.
"""

import importlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.durable import said_plainly
from core.errors import DataChangedError, TrainingDivergedError, TrainingImpossibleError, UnfreezeError
from core.job import Job
from core.lane import LISTEN_EVERY_S, Lane, StopRequestedError, explain_fault
from core.runs import known_devices
from core.runs.events import Event, Failed, Noted, Preparing, RareEvent, Recovered
from core.runs.folder import RunFolder
from core.runs.kinds import Kind
from core.runs.queue import DeviceQueue
from core.runs.writer import append_event

_FOR_GOOD = (TrainingDivergedError, TrainingImpossibleError, DataChangedError)  # another attempt gets no further


def work(lanes: list[Lane]) -> None:
    """Do the runs of these folders, whose locks somebody holds, an event of each at a time."""
    lives = [(lane, _live(lane, lanes)) for lane in lanes]
    while lives:
        lives = [(lane, life) for lane, life in lives if not lane.has_ended and next(life, "ended") != "ended"]


def work_alone(path: str) -> None:
    """Do a light run in this process. Somebody else holds its lock for as long as this takes."""
    work([lane for lane in [begin(RunFolder(Path(path)))] if lane])


def begin(folder: RunFolder, lock: int | None = None) -> Lane | None:
    """The lane of a run. None where its folder refuses, which those who look at it are told."""
    try:
        with said_plainly("The run cannot begin", folder.path):
            return Lane(folder, lock)
    except UnfreezeError as error:
        logging.getLogger(f"worker.{folder.id}").error("%s", error)
        with suppress(OSError):
            append_event(folder, Failed(message=str(error), step=0, can_resume=folder.kind_or_default.is_resumable))
        if lock is not None:
            os.close(lock)
        return None


def _live(lane: Lane, lanes: list[Lane]) -> Iterator[None]:
    """A run from its turn in the queue to its last event. At every yield, the other lanes have their turn."""
    writer, kind = lane.writer, lane.folder.kind_or_default
    last: RareEvent | None = None
    try:
        if kind.is_light:
            job = _job_of(kind)(lane.folder, "cpu")
        else:
            yield from _wait_for_turn(lane, lanes)
            device = lane.queue.device if kind.queue else _find_device(lane, lanes)
            if device != lane.queue.device:  # what was expected before the first probe is not there
                _queue_for(device, lanes)
                yield from _wait_for_turn(lane, lanes)
            job = _prepare(lane, lanes, device)
            yield
        lane.is_training = True
        yield from _drive(job, lane)
    except GeneratorExit:
        raise
    except StopRequestedError:
        last = lane.stopped()
    except (UnfreezeError, ValueError) as error:
        lane.log.error("%s", error)
        can_resume = kind.is_resumable and not isinstance(error, _FOR_GOOD)
        last = Failed(message=str(error), step=writer.last_step, can_resume=can_resume)
    except BaseException as error:
        lane.log.exception("the run failed")
        last = Failed(message=explain_fault(error), step=writer.last_step, can_resume=kind.is_resumable)
    finally:
        lane.is_training = False
        lane.end(last)


def _job_of(kind: Kind) -> type[Job]:
    """Import what does runs of that kind."""
    module, _, name = kind.job.partition(":")
    found: type[Job] = getattr(importlib.import_module(module), name)
    return found


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
        names = [info.name for info in remember_devices(lane.folder.path.parents[1])]
    config = lane.folder.config_of(lane.folder.kind.config)
    queued, wanted = lane.queue.device, getattr(config, "device", "auto")
    if queued in names:
        return queued
    if wanted == "auto":
        return names[0]
    if lane.writer.attempt == 1:
        return wanted  # which is refused, by its name
    message = f"This computer has no device {wanted!r}, on which the run was begun: it goes on on {names[0]}."
    lane.writer.append(Noted(message=message))
    return names[0]


def _prepare(lane: Lane, lanes: list[Lane], device: str) -> Job:
    """Read what the run begins with, or goes on from."""
    with _leaving_when_asked(lane, lanes):
        lane.writer.append(Preparing(what=lane.folder.kind.prepares))
        job = _job_of(lane.folder.kind)(lane.folder, device)
        if job.problem:
            lane.writer.append(Recovered(message=job.problem))
        lane.writer.last_step = job.step
        return job


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


def _drive(job: Job, lane: Lane) -> Iterator[None]:
    """Write a job's events down, save when it is time, and stop when asked."""
    try:
        for event in job.events():
            job.before(event)
            lane.writer.append(event)
            if line := job.log_line(event):
                lane.log.info("%s", line)
            wants_stop = job.may_stop(event) and lane.wants_stop()
            if wants_stop or job.is_save_due(event):
                _save(job, event, lane)
            if wants_stop:
                job.leave()
                raise StopRequestedError
            yield
    except StopRequestedError:
        raise
    except Exception:
        try:
            job.leave()
        except Exception:  # what went wrong first is what matters
            lane.log.exception("what the run had could not be saved")
        raise


def _save(job: Job, event: Event, lane: Lane) -> None:
    lane.writer.sync()  # a resume goes on from the checkpoint: no step before it may be missing
    if saved := job.save(event):
        lane.writer.append(saved)


def remember_devices(runs_home: Path) -> list[known_devices.DeviceInfo]:
    """Look for devices, and tell those that cannot look."""
    probe = importlib.import_module("core.devices").probe
    found: list[known_devices.DeviceInfo] = probe()
    if known_devices.remembered(runs_home) != found:
        known_devices.remember(runs_home, found)
    return found
