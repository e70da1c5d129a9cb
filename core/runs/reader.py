"""Following a run as it grows, from the files of its folder. Knows nobody who writes them."""

import os
import threading
import time
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.runs import events, locks
from core.runs.events import RareEvent
from core.runs.folder import RunFolder
from core.runs.snapshot import Snapshot
from core.runs.status import derive_status
from core.runs.step_format import StepFormat

_STEPS_AT_ONCE = 2**19


class RunReader:
    """Follows a run as it grows: each `poll` reads only what is new. Any number of threads may share one."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._events: tuple[RareEvent, ...] = ()
        self._times: tuple[float, ...] = ()
        kind = folder.kind_or_default
        self._known = kind.events
        self._format = kind.steps  # of what viewers get
        self._recorded: StepFormat | None = None  # of what stands in the file, once it was asked for
        self._steps = np.empty(1024, self._format.dtype)
        self._num_steps = 0
        self._attempt = 0
        self._step_offset = 0
        self._is_torn = False
        self._event_offset = 0
        self._news = time.monotonic()
        self._mutex = threading.Lock()

    def poll(self) -> Snapshot:
        """Read what has come since the last call, and say what there is.

        Raises:
            RunNotFoundError: a file of the run cannot be read.
        """
        with self._mutex:
            # The lock first: a worker that writes its last event and exits in between must not read as interrupted.
            is_live = locks.is_held(self.folder.lock)
            before = (self._event_offset, self._attempt, self._step_offset)
            self._read_events()
            self._read_steps()
            if (self._event_offset, self._attempt, self._step_offset) != before:
                self._news = time.monotonic()
            return self._snapshot(is_live)

    def _snapshot(self, is_live: bool) -> Snapshot:
        steps = self._steps[: self._num_steps]
        steps.flags.writeable = False
        return Snapshot(
            folder=self.folder,
            status=derive_status(is_live, self._events),
            events=self._events,
            times=self._times,
            steps=steps,
            quiet_s=time.monotonic() - self._news,
        )

    def _read_events(self) -> None:
        try:
            new = self.folder.events_from(self._event_offset)
        except FileNotFoundError:
            return
        complete = new[: new.rfind(b"\n") + 1]
        self._event_offset += len(complete)
        # A damaged line costs that line alone.
        if read := [found for line in complete.splitlines() if (found := events.from_line(line, self._known))]:
            self._events += tuple(event for event, _ in read)
            self._times += tuple(written for _, written in read)

    def _read_steps(self) -> None:
        for attempt in self.folder.attempts():
            if attempt < self._attempt:
                continue
            if attempt > self._attempt:
                self._attempt, self._step_offset, self._is_torn = attempt, 0, False
            if self._recorded is None:
                self._recorded = self.folder.step_format()
            try:
                with self.folder.open(self.folder.steps(attempt)) as file:
                    while not self._is_torn and (new := self._next_steps(file, self._recorded.dtype)) is not None:
                        self._take(new, self._recorded)
            except FileNotFoundError:
                return  # deleted while somebody looks at it

    def _next_steps(self, file: BinaryIO, dtype: np.dtype[np.void]) -> NDArray[np.void] | None:
        """The next whole records of the newest attempt, or None where there are none yet."""
        size = dtype.itemsize
        data = os.pread(file.fileno(), _STEPS_AT_ONCE * size, self._step_offset)
        num_records = len(data) // size
        return np.frombuffer(data[: num_records * size], dtype) if num_records else None

    def _take(self, new: NDArray[np.void], recorded: StepFormat) -> None:
        """Add what is good of new records; after one that is not, nothing of the attempt is believed."""
        before = int(self._steps["step"][self._num_steps - 1]) if self._step_offset else 0
        good = new[: recorded.num_whole(new, after=before)]
        self._is_torn = len(good) < len(new)
        if not len(good):
            return
        if self._step_offset == 0:  # a resume supersedes what was recorded after its starting point
            self._num_steps = int(np.searchsorted(self._steps["step"][: self._num_steps], good["step"][0]))
        self._step_offset += good.nbytes
        self._append(recorded.aligned(good, self._format), starts_attempt=self._step_offset == good.nbytes)

    def _append(self, new: NDArray[np.void], *, starts_attempt: bool) -> None:
        needed = self._num_steps + len(new)
        if needed > len(self._steps) or starts_attempt:
            # A fresh array: a snapshot may still show the steps that a new attempt supersedes.
            grown = np.empty(max(2 * needed, 1024), self._format.dtype)
            grown[: self._num_steps] = self._steps[: self._num_steps]
            self._steps = grown
        self._steps[self._num_steps : needed] = new
        self._num_steps = needed
