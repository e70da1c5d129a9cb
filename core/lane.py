"""One run in the process that trains it, alone or in a race: what belongs to it, and what is asked of it."""

import errno
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from core.runs import control
from core.runs.events import RareEvent, Stopped
from core.runs.folder import RunFolder
from core.runs.queue import DeviceQueue
from core.runs.writer import RunWriter
from core.signals import Signals

LISTEN_EVERY_S = 0.05
SIGNALS = Signals()
_LOG_FORMAT = "%(asctime)s %(message)s"


class StopRequestedError(Exception):
    """The user, or the system, wants the run to end here."""


class Listener:
    """Hears what the user and the system ask of the run, without asking the disk after every step."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.control
        self._looked = 0.0
        self._stop = False

    def wants_stop(self) -> bool:
        """Whether the run shall stop."""
        if SIGNALS.received:
            return True
        now = time.monotonic()
        if not self._stop and now - self._looked >= LISTEN_EVERY_S:
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
        self.is_training = False
        self.has_ended = False

    def wants_stop(self) -> bool:
        """Whether the run shall stop."""
        return self._listener.wants_stop()

    def stop_if_asked(self) -> None:
        """Raise what ends the run, if somebody wants that."""
        if self.wants_stop():
            raise StopRequestedError

    def is_next(self, racing: set[str]) -> bool:
        """Whether nobody but those who race with it is to have the device first."""
        return set(self.queue.ahead_of(self.folder.id)) <= racing

    def stopped(self) -> Stopped:
        """The event of a run that ends because it was asked to."""
        self.log.info("stopped after step %d %s", self.writer.last_step, SIGNALS.received)
        return Stopped(step=self.writer.last_step, signal=SIGNALS.received)

    def end(self, last: RareEvent | None = None) -> None:
        """Write the last event and let go of the device and the lock: a stopped run can be resumed at once.

        A disk that refuses costs what it refuses, and no other lane anything.
        """
        if self.has_ended:
            return
        if last is not None:
            self._try(self.writer.append, last)
        self._try(self.writer.close)
        self._try(self.queue.leave, self.folder.id)
        self.has_ended = True
        if self._lock is not None:
            os.close(self._lock)

    def _try(self, write: Callable[..., object], *arguments: object) -> None:
        try:
            write(*arguments)
        except OSError as error:
            self.log.error("the run's end could not be written down in full: %s", error)


def log_to(folders: list[RunFolder]) -> None:
    """Give each run its log, and send all that this process prints, and libraries print from C, to the first one's.

    A run whose log cannot be opened is logged by the others' alone: no training fails for want of a log.
    """
    with suppress(OSError):
        descriptor = os.open(folders[0].log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, sys.stdout.fileno())
        os.dup2(descriptor, sys.stderr.fileno())
        os.close(descriptor)
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT, force=True)
    for folder in folders:
        log = logging.getLogger(f"worker.{folder.id}")
        with suppress(OSError):
            handler = logging.FileHandler(folder.log)
            handler.setFormatter(logging.Formatter(_LOG_FORMAT))
            log.handlers, log.propagate = [handler], False
        log.info("worker %d takes run %s", os.getpid(), folder.id)


def explain_fault(error: BaseException) -> str:
    """A sentence for a fault that no message was written for."""
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "can't allocate memory" in str(error):
        return "The device ran out of memory. Start again with a smaller batch size or image size."
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full: the run could not write its results. Free some space, then resume or start again."
    reason = str(error).strip().splitlines()
    return f"It broke off with {type(error).__name__}{f': {reason[0]}' if reason else ''}."
