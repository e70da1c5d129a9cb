"""What a list says of every run, read fast: a thousand runs in a fraction of a second. Never imports torch.

What stands in a run's two small files is remembered in the process for as long as neither changes. Only of a run that
has not ended by its own word are the lock, the newest step and the size looked at again.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from core import words
from core.durable import explain
from core.errors import RunNotFoundError
from core.runs import events, history, locks, store
from core.runs.config import epochs_are_open, what_learns
from core.runs.events import Ending, Evaluated, Failed, Finished, RareEvent
from core.runs.folder import RunFolder
from core.runs.kinds import KINDS
from core.runs.quantities import MAX_SECONDS
from core.runs.status import Status, derive_status, is_resumable

_MAX_REMEMBERED = 20_000
_MAX_SETTING = 1e9
_PASSING = (
    b'"event": "Evaluating"',
    b'"event": "Extracting"',
    b'"event": "Checkpointed"',
    b'"event": "Comparing"',
)  # most lines, and none says what a list shows


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One run in a list. Its texts are data: whatever stands in its files."""

    folder: RunFolder
    name: str
    kind: str | None = None  # None where the run cannot be read
    network: str = ""
    mode: str = ""
    race: tuple[str, ...] = ()  # the ids of the runs that it takes turns with, its own included
    image_size: float | None = None  # settings, where they are numbers
    epochs: float | None = None
    batch_size: float | None = None
    learning_rate: float | None = None
    status: Status | None = None
    is_resumable: bool = False
    best_accuracy: float | None = None  # on validation images, 0 to 1
    test_accuracy: float | None = None
    seconds: float | None = None  # the run's own clock
    is_whole: bool = True  # it did all its work: no early end, no features of an earlier run
    device: str = ""
    size_bytes: int = 0
    created: datetime | None = None  # local time
    problem: str = ""  # why the run failed, or cannot be read

    @property
    def id(self) -> str:
        """The run's id."""
        return self.folder.id

    @property
    def is_live(self) -> bool:
        """Whether more is to come."""
        return self.status is not None and self.status.is_live


def summaries(runs_home: Path) -> list[Summary]:
    """Every run, the newest first. One that cannot be read is there, too, with what is wrong with it."""
    return [summarize(folder) for folder in store.newest(runs_home)]


def summarize(folder: RunFolder) -> Summary:
    """What there is to say of one run."""
    try:
        found = _read(folder, _signature(folder))[0]
        if found.status is not Status.INTERRUPTED:
            return found
        is_live = locks.is_held(folder.lock)
        # After the lock: a worker that writes its last event and exits in between must not read as interrupted.
        found, so_far = _read(folder, _signature(folder))
        if found.status is not Status.INTERRUPTED:
            return found
        return replace(
            found,
            status=derive_status(is_live, list(so_far)),
            is_resumable=found.is_resumable and not is_live,
            seconds=_seconds(folder, so_far),
            size_bytes=size_bytes(folder.path),
        )
    except RunNotFoundError as error:
        return _unreadable(folder, str(error))
    except OSError as error:  # it is we who cannot look at the lock
        return _unreadable(folder, f"The run {folder.id} cannot be read at the moment: {explain(error, folder.lock)}")


def _unreadable(folder: RunFolder, problem: str) -> Summary:
    return replace(_known(folder), problem=clean(problem))


def size_bytes(path: Path | str) -> int:
    """What a folder takes on the disk; a file that stands in it twice, as the best checkpoint may, counts once."""
    return sum({(file.st_dev, file.st_ino): file.st_size for file in _files(path)}.values())


def clean(text: object) -> str:
    """A text from a file on one line, and with what no browser can be sent spelled out."""
    return words.message(text)


def _files(path: Path | str) -> Iterator[os.stat_result]:
    """Every file of a folder that can be looked at."""
    folders = [str(path)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:  # deleted or closed while somebody looks at it
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    yield entry.stat(follow_symlinks=False)


def _signature(folder: RunFolder) -> tuple[int, ...]:
    """Changes whenever one of the two files that a summary is made of does."""
    signature: tuple[int, ...] = ()
    for name in ("config.json", "events.jsonl"):
        try:
            file = os.stat(f"{folder.path}/{name}")
            signature += (file.st_mtime_ns, file.st_size, file.st_ino)
        except OSError:
            signature += (0, 0, 0)
    return signature


@lru_cache(maxsize=_MAX_REMEMBERED)
def _read(folder: RunFolder, signature: tuple[int, ...]) -> tuple[Summary, tuple[RareEvent, ...]]:
    """The run as its files have it, as if nobody held its lock, and the events that tell its status if somebody does.

    `signature` is what the answer is remembered by; an error is not.

    Raises:
        RunNotFoundError: it cannot be read.
    """
    found, so_far = _fill(_known(folder))
    # Most runs have ended, and then nobody asks for their events again.
    return found, so_far if found.status is Status.INTERRUPTED else ()


def _known(folder: RunFolder) -> Summary:
    """What can be said of any run; its name is its id where nothing better can be read."""
    try:
        name = clean(folder.description()["name"])
    except RunNotFoundError:
        name = folder.id
    return Summary(folder=folder, name=name, created=created(folder.id), size_bytes=size_bytes(folder.path))


def _fill(found: Summary) -> tuple[Summary, tuple[RareEvent, ...]]:
    """Add what the run's two files say."""
    folder = found.folder
    description = folder.description()
    kind, config = KINDS[description["kind"]], description.get("config")
    values = config if isinstance(config, dict) else {}
    so_far = _read_events(folder, kind.events)
    last = so_far[-1] if so_far else None
    status = derive_status(False, list(so_far))
    started = history.started(so_far)
    filled = replace(
        found,
        name=clean(description["name"]),
        kind=kind.name,
        network=clean(kind.network(values)),
        mode=clean(what_learns(values)),
        race=folder.race(),
        image_size=_setting(values.get("image_size")),
        epochs=None if epochs_are_open(values) else _setting(values.get("epochs")),
        batch_size=_setting(values.get("batch_size")),
        learning_rate=_setting(values.get("learning_rate")),
        status=status,
        is_resumable=kind.is_resumable and is_resumable(status, last),
        best_accuracy=_best_accuracy(so_far),
        test_accuracy=last.test_accuracy if isinstance(last, Finished) else None,
        seconds=_seconds(folder, so_far),
        is_whole=not (started and started.knows_features) and not (isinstance(last, Finished) and last.stopped_early),
        device=clean(started.device_label) if started else "",
        problem=clean(last.message) if isinstance(last, Failed) else "",
    )
    return filled, so_far


def _read_events(folder: RunFolder, known: Mapping[str, type[RareEvent]]) -> tuple[RareEvent, ...]:
    """The events that a summary needs: of a run that is done, how it began and how it ended."""
    lines = folder.event_lines()
    last = _parse(lines[-1], known) if lines else None
    if isinstance(last, Ending):
        beginnings = (_parse(line, known) for line in reversed(lines) if b'"event": "Started"' in line)
        started = next((event for event in beginnings if event), None)
        return (started, last) if started else (last,)
    telling = (_parse(line, known) for line in lines if not any(passing in line for passing in _PASSING))
    return tuple(event for event in telling if event)


def _parse(line: bytes, known: Mapping[str, type[RareEvent]]) -> RareEvent | None:
    read = events.from_line(line, known)
    return read[0] if read else None


def _best_accuracy(so_far: tuple[RareEvent, ...]) -> float | None:
    last = so_far[-1] if so_far else None
    if isinstance(last, Finished):
        return last.best_accuracy
    chosen = history.chosen(history.validations(so_far))
    return chosen.accuracy if chosen else None


def _seconds(folder: RunFolder, so_far: tuple[RareEvent, ...]) -> float | None:
    """The newest reading of the run's own clock."""
    last = so_far[-1] if so_far else None
    if isinstance(last, Ending):
        return last.seconds
    readings = [event.seconds for event in so_far if isinstance(event, Evaluated)]
    last_step = _last_step_seconds(folder)
    return max(readings if last_step is None else [*readings, last_step], default=None)


def _last_step_seconds(folder: RunFolder) -> float | None:
    dtype = folder.step_format().dtype
    for attempt in reversed(folder.attempts()):
        try:
            with folder.open(folder.steps(attempt)) as file:
                whole = os.fstat(file.fileno()).st_size // dtype.itemsize
                if whole:
                    record = os.pread(file.fileno(), dtype.itemsize, (whole - 1) * dtype.itemsize)
                    return _number(float(np.frombuffer(record, dtype)["seconds"][0]))
        except FileNotFoundError:
            return None  # deleted while somebody looks at it
    return None


def created(run_id: str) -> datetime | None:
    """When a run was created, as its id begins; None where that is no time."""
    date, time, _ = run_id.split("-")
    try:
        return datetime(int(date[:4]), int(date[4:6]), int(date[6:]), int(time[:2]), int(time[2:4]), int(time[4:]))
    except ValueError:
        return None


def _setting(value: object) -> float | None:
    """A setting as a list can show it; a file may hold anything."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _MAX_SETTING:
        return None
    return float(value)


def _number(value: float) -> float | None:
    """A clock's reading as a list can show it; a file may hold anything."""
    return value if 0 <= value <= MAX_SECONDS else None
