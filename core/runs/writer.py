"""Recording a run: its steps and its rarer events, appended to the files of its folder. Knows nobody who reads them."""

import io
import json
import os
import time
from pathlib import Path
from types import TracebackType

from core.errors import RunNotFoundError
from core.runs import events
from core.runs.events import AnyStep, Evaluating, Extracting, Failed, RareEvent
from core.runs.folder import RunFolder
from core.runs.pack_events import Comparing
from core.runs.step_format import StepFormat

_FLUSH_EVERY_S = 0.05
_REPORT_PASSING_EVERY_S = 0.5


class RunWriter:
    """Appends one attempt's events. Belongs to the worker that holds the run's lock."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.attempt = (folder.attempts() or [0])[-1] + 1
        self._steps = folder.steps(self.attempt).open("xb", buffering=0)
        self._events = folder.events.open("ab", buffering=0)
        self._format = _format_of(folder)
        self._pending = bytearray()
        self._flushed = time.monotonic()
        self._reported_passing = 0.0
        self.last_step = 0
        _finish_torn_line(self._events, folder.events)

    def __enter__(self) -> "RunWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left."""
        try:
            self.flush()
        finally:
            self._steps.close()
            self._events.close()

    def append(self, event: AnyStep | RareEvent) -> None:
        """Record an event. Steps reach the file within 50 ms of the next event; the others at once, after them."""
        now = time.monotonic()
        if isinstance(event, AnyStep):
            self.last_step = event.step
            self._pending += self._format.pack(event)
            if now - self._flushed >= _FLUSH_EVERY_S:
                self.flush()
            return
        if isinstance(event, Evaluating | Extracting | Comparing):
            if now - self._reported_passing < _REPORT_PASSING_EVERY_S:
                return
            self._reported_passing = now
        try:
            self.flush()
        except OSError:
            if not isinstance(event, Failed):  # that a disk is full must be said even if nothing else can be
                raise
        _write_all(self._events, bytearray(_line(event)))

    def flush(self) -> None:
        """Hand every recorded step to the operating system: from there it survives the death of the worker."""
        _write_all(self._steps, self._pending)
        self._flushed = time.monotonic()

    def sync(self) -> None:
        """Put every recorded step on the disk: from there it survives a power cut."""
        self.flush()
        os.fsync(self._steps.fileno())


def _format_of(folder: RunFolder) -> StepFormat:
    """A resumed run's steps are written as its earlier ones were."""
    try:
        return folder.step_format()
    except RunNotFoundError:
        return folder.kind_or_default.steps


def append_event(folder: RunFolder, event: RareEvent) -> None:
    """Record one event from outside a worker, by whoever holds the run's lock."""
    with open(folder.events, "ab", buffering=0) as file:
        _finish_torn_line(file, folder.events)
        file.write(_line(event))


def _write_all(file: io.RawIOBase, data: bytearray) -> None:
    """Write and clear `data`: a nearly full disk may take only a part at a time."""
    while data:
        del data[: file.write(data) or 0]


def _line(event: RareEvent) -> bytes:
    return json.dumps({**events.to_dict(event), "time": time.time()}).encode() + b"\n"


def _finish_torn_line(file: io.RawIOBase, path: Path) -> None:
    """End a line that a former attempt died in, so that only that line is lost."""
    if not path.read_bytes().endswith(b"\n") and path.stat().st_size:
        file.write(b"\n")
