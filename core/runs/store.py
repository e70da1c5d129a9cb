"""A run's folder: the one place where a training and its viewers meet. Knows files, not what trains.

    <home>/runs/<id>/
        config.json          format, kind, name, creation time, and the configuration
        steps-<attempt>.bin  one fixed-width record a step, as the kind declares; a resume opens the next attempt
        events.jsonl         the rare events, one a line, each with its wall-clock time
        checkpoints/         best.pt, to predict with, and what resuming needs (see `core.training.keeper`)
        worker.log           what the worker process printed
        lock                 held by the worker for life (see `core.runs.locks`)
        control              what the user asks of the worker

Nothing is ever truncated: a resumed attempt hides its predecessor's steps from its own first step on.
"""

import io
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.durable import replace_file
from core.errors import RunNotFoundError
from core.runs import events, locks
from core.runs.config import CONFIGS, FineTuneConfig, RunConfig
from core.runs.events import (
    STEP_FORMATS,
    AnyStep,
    Evaluating,
    Extracting,
    Failed,
    LinearStep,
    RareEvent,
    Step,
    StepFormat,
)

FORMAT = 1
Config = TypeVar("Config", bound=RunConfig)
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_FLUSH_EVERY_S = 0.05
_REPORT_PASSING_EVERY_S = 0.5


def home() -> Path:
    """Where runs live: `UNFREEZE_HOME`, by default `.unfreeze` beside `dashboard.py`."""
    return Path(os.environ.get("UNFREEZE_HOME") or Path(__file__).parents[2] / ".unfreeze").absolute()


@dataclass(frozen=True)
class RunFolder:
    """Paths and whole files of one run."""

    path: Path

    @property
    def id(self) -> str:
        """The run's name on disk and in addresses: creation time and a random end."""
        return self.path.name

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best_checkpoint(self) -> Path:
        return self.checkpoints / "best.pt"

    @property
    def control(self) -> Path:
        return self.path / "control"

    def steps(self, attempt: int) -> Path:
        return self.path / f"steps-{attempt}.bin"

    def attempts(self) -> list[int]:
        """The attempts that have recorded steps, oldest first."""
        try:
            entries = os.listdir(self.path)
        except FileNotFoundError:  # deleted while somebody looks at it
            return []
        names = (re.fullmatch(r"steps-(\d+)\.bin", name) for name in entries)
        return sorted(int(name[1]) for name in names if name)

    def write_description(
        self, config: RunConfig, *, name: str, created: float, queue: str, race: tuple[str, ...] = ()
    ) -> None:
        """Write `config.json`; from then on the folder is a run. `race` names the runs that it takes turns with."""
        description = {
            "format": FORMAT,
            "kind": config.KIND,
            "name": name,
            "created": created,
            "queue": queue,
            "race": race,
            "step_fields": STEP_FORMATS[config.KIND].fields,
            "config": config.to_dict(),
        }
        self._replace_description(description)

    def rename(self, name: str) -> None:
        """Give the run another name.

        Raises:
            RunNotFoundError: its description cannot be read.
        """
        self._replace_description({**self.description(), "name": name})

    def _replace_description(self, description: dict[str, Any]) -> None:
        replace_file(self.path / "config.json", lambda file: file.write(json.dumps(description, indent=2).encode()))

    def description(self) -> dict[str, Any]:
        """What `config.json` says.

        Raises:
            RunNotFoundError: there is no readable one.
        """
        try:
            description = json.loads((self.path / "config.json").read_bytes())
        except (OSError, ValueError) as error:
            raise RunNotFoundError(f"There is no run {self.id} here.") from error
        if not isinstance(description, dict) or description.get("format") != FORMAT:
            raise RunNotFoundError(f"The run {self.id} was written by another version of Unfreeze.")
        if not all(isinstance(description.get(name), str) for name in ("name", "queue")):
            raise RunNotFoundError(f"The description of run {self.id} is damaged.")
        if description.get("kind") not in CONFIGS:
            raise RunNotFoundError(f"The run {self.id} is of a kind that this version of Unfreeze does not know.")
        return description

    @property
    def kind(self) -> str:
        """What kind of training it is, a key of `CONFIGS`.

        Raises:
            RunNotFoundError: the description cannot be read.
        """
        return str(self.description()["kind"])

    def config_of(self, kind: type[Config]) -> Config:
        """The configuration that the run was started with.

        Raises:
            RunNotFoundError: there is no readable one, or the run is of another kind.
        """
        description = self.description()
        if description["kind"] != kind.KIND:
            raise RunNotFoundError(f"The run {self.id} is no {kind.LABEL}. Open it from the page Runs.")
        try:
            return kind.from_dict(description["config"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunNotFoundError(f"The settings of run {self.id} cannot be read: {error}.") from error

    def config(self) -> FineTuneConfig:
        """The configuration of a fine-tuning.

        Raises:
            RunNotFoundError: there is no readable one, or the run is of another kind.
        """
        return self.config_of(FineTuneConfig)

    def race(self) -> tuple[str, ...]:
        """The ids of the runs that take turns with this one, itself included; empty where it trains alone.

        Raises:
            RunNotFoundError: the description cannot be read.
        """
        lanes = self.description().get("race")
        return tuple(lane for lane in lanes if _ID.fullmatch(str(lane))) if isinstance(lanes, list) else ()

    def log_tail(self, num_lines: int) -> str:
        """The last lines of the worker's log; empty if there is none."""
        try:
            with open(self.log, "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 64 * 1024))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-num_lines:])
        except FileNotFoundError:
            return ""


def new_folder(runs_home: Path) -> RunFolder:
    """An empty folder under a fresh id. It is no run before it has a description."""
    while True:
        path = runs_home / "runs" / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        (path / "checkpoints").mkdir()
        return RunFolder(path)


def find(runs_home: Path, run_id: str) -> RunFolder:
    """The run of that id.

    Raises:
        RunNotFoundError: the id is malformed or names no run.
    """
    folder = RunFolder(runs_home / "runs" / run_id)
    # An id comes from an address bar: only what has an id's exact form ever becomes a path.
    if not _ID.fullmatch(run_id) or not (folder.path / "config.json").is_file():
        raise RunNotFoundError(
            f"There is no run {run_id!r} here. It may have been deleted, or belong to another folder."
        )
    return folder


def newest(runs_home: Path) -> Iterator[RunFolder]:
    """Every run, the newest first."""
    try:
        names = sorted(os.listdir(runs_home / "runs"), reverse=True)
    except FileNotFoundError:
        return
    for name in names:
        folder = RunFolder(runs_home / "runs" / name)
        if _ID.fullmatch(name) and (folder.path / "config.json").is_file():
            yield folder


def step_format(folder: RunFolder) -> StepFormat:
    """How the run records its steps; as a fine-tuning where its description cannot be read."""
    try:
        return STEP_FORMATS[folder.kind]
    except RunNotFoundError:
        return STEP_FORMATS["fine_tune"]


class RunWriter:
    """Appends one attempt's events. Belongs to the worker that holds the run's lock."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.attempt = (folder.attempts() or [0])[-1] + 1
        self._steps = folder.steps(self.attempt).open("xb", buffering=0)
        self._events = folder.events.open("ab", buffering=0)
        self._format = step_format(folder)
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
        if isinstance(event, Step | LinearStep):
            self.last_step = event.step
            self._pending += self._format.pack(event)
            if now - self._flushed >= _FLUSH_EVERY_S:
                self.flush()
            return
        if isinstance(event, Evaluating | Extracting):
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


class RunReader:
    """Follows a run as it grows: each `poll` reads only what is new. Any number of threads may share one."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.events: list[RareEvent] = []
        self._dtype = step_format(folder).dtype
        # Every step once and in order: a structured array with the fields of its kind's `StepFormat`, replaced at every
        # poll that finds more. Take it once for what belongs together, and do not write to it.
        self.steps: NDArray[np.void] = np.empty(0, self._dtype)
        self._event_times: list[float] = []
        self._steps = np.empty(1024, self._dtype)
        self._num_steps = 0
        self._attempt = 0
        self._step_offset = 0
        self._event_offset = 0
        self._news = time.monotonic()
        self._mutex = threading.Lock()

    @property
    def last_event(self) -> RareEvent | None:
        """The newest of the rare events."""
        return self.events[-1] if self.events else None

    def time_of(self, event: RareEvent) -> float:
        """When an event of `events` was written, in seconds of Unix time."""
        return self._event_times[next(index for index, known in enumerate(self.events) if known is event)]

    @property
    def quiet_s(self) -> float:
        """Seconds since a poll last found something new, by a clock that nobody sets."""
        return time.monotonic() - self._news

    def is_live(self) -> bool:
        """Whether a worker holds the run, or is about to."""
        return locks.is_held(self.folder.lock)

    def poll(self) -> None:
        """Read what has come since the last call."""
        with self._mutex:
            before = (self._event_offset, self._attempt, self._step_offset)
            self._read_events()
            self._read_steps()
            if (self._event_offset, self._attempt, self._step_offset) != before:
                self._news = time.monotonic()

    def _read_events(self) -> None:
        try:
            with open(self.folder.events, "rb") as file:
                file.seek(self._event_offset)
                new = file.read()
        except FileNotFoundError:
            return
        complete = new[: new.rfind(b"\n") + 1]
        self._event_offset += len(complete)
        for line in complete.splitlines():
            try:
                values = json.loads(line)
            except ValueError:
                continue  # a damaged line costs that line alone
            event = events.from_dict(values) if isinstance(values, dict) else None
            if event is not None:
                written = values.get("time")
                # The time first: whoever finds the event finds its time, too.
                self._event_times.append(float(written) if isinstance(written, int | float) else 0.0)
                self.events.append(event)

    def _read_steps(self) -> None:
        for attempt in self.folder.attempts():
            if attempt < self._attempt:
                continue
            if attempt > self._attempt:
                self._attempt, self._step_offset = attempt, 0
            with open(self.folder.steps(attempt), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                new_bytes = (size - self._step_offset) // self._dtype.itemsize * self._dtype.itemsize
                if new_bytes <= 0:
                    continue
                data = os.pread(file.fileno(), new_bytes, self._step_offset)
            new = np.frombuffer(data[: len(data) // self._dtype.itemsize * self._dtype.itemsize], self._dtype)
            if self._step_offset == 0:  # a resume supersedes what was recorded after its starting point
                self._num_steps = int(np.searchsorted(self._steps["step"][: self._num_steps], new["step"][0]))
            self._step_offset += new.nbytes
            self._append(new)

    def _append(self, new: NDArray[np.void]) -> None:
        needed = self._num_steps + len(new)
        starts_attempt = self._step_offset == new.nbytes
        if needed > len(self._steps) or starts_attempt:
            # A fresh array: a viewer may still look at the steps that a new attempt supersedes.
            grown = np.empty(max(2 * needed, 1024), self._dtype)
            grown[: self._num_steps] = self._steps[: self._num_steps]
            self._steps = grown
        self._steps[self._num_steps : needed] = new
        self._num_steps = needed
        self.steps = self._steps[:needed]
