"""How far a packing has come, and how long it will take. Pure: from what it has reported."""

from dataclasses import dataclass

from core.runs.pack_events import Comparing, PackStarted
from core.runs.snapshot import Snapshot
from core.runs.status import Status

_READING = 0.95  # share of the bar; the rest is for the comparison of all photos
_WINDOW_S = 20.0  # over which the rate is taken
_LEAST_S = 1.0


@dataclass(frozen=True, kw_only=True)
class PackProgress:
    """How far a packing has come."""

    fraction: float  # of the work, 0 to 1
    files: int  # looked at
    total_files: int | None  # None before it has begun
    photos: int  # of the files
    files_per_second: float | None
    remaining_s: float | None  # until all files are read; None where nothing tells
    comparing: float | None  # how far the search for near duplicates is, once it has begun


def progress(run: Snapshot) -> PackProgress:
    """What a look at a packing tells."""
    started = next((event for event in reversed(run.events) if isinstance(event, PackStarted)), None)
    steps = run.steps
    files, photos = (int(steps["step"][-1]), int(steps["photos"][-1])) if len(steps) else (0, 0)
    newest = run.last_event
    comparing = newest.done if isinstance(newest, Comparing) else None
    total = started.files if started else None
    rate = _rate(run)
    share = files / total if total else 0.0
    fraction = _READING * share if comparing is None else _READING + (1 - _READING) * comparing
    return PackProgress(
        fraction=1.0 if run.status is Status.FINISHED else min(fraction, 0.999),
        files=files,
        total_files=total,
        photos=photos,
        files_per_second=rate,
        remaining_s=(total - files) / rate if total is not None and rate else None,
        comparing=comparing,
    )


def _rate(run: Snapshot) -> float | None:
    """Files a second of late, by the run's own clock."""
    seconds, files = run.steps["seconds"], run.steps["step"]
    if len(seconds) < 2 or seconds[-1] - seconds[0] < _LEAST_S:
        return None
    first = min(int((seconds < seconds[-1] - _WINDOW_S).sum()), len(seconds) - 2)
    elapsed = float(seconds[-1] - seconds[first])
    return float(files[-1] - files[first]) / elapsed if elapsed > 0 else None
