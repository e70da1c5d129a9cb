"""Deleting with a way back: a deleted run lies in `<home>/trash/<id>` until it is restored or removed for good.

A folder moves in one rename, so it is wholly in one place or the other. In the trash, its modification time is the
time of its deletion.

A clock may jump. What is too old by it is removed only if it was too old when the dashboard was last started, too: one
wrong clock alone costs nothing.
"""

import errno
import math
import os
import shutil
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.durable import clear_unfinished, explain, sync_folder
from core.errors import RunNotFoundError, TrashError
from core.runs import locks, overview
from core.runs.folder import RunFolder
from core.runs.overview import clean

KEEP_DAYS = 7  # that a deleted run lies in the trash, at least
_LET_GO_S = 1.0  # a worker that has written its last event lets go of the lock a moment later
_GOING = ".going-"  # begins the name of what is being removed for good: nobody can restore a half
_LAST_PURGE = ".last-purge"  # a file of the home; its modification time is that of the last purge of old runs
_NO_LOCK = (errno.EISDIR, errno.ELOOP, errno.ENXIO)  # what stands in the lock's place is none: nobody can hold it
_purging = threading.Lock()
_purged: dict[Path, str] = {}  # the homes whose old runs were removed, and what went wrong


@dataclass(frozen=True, kw_only=True)
class DeletedRun:
    """One run in the trash."""

    id: str
    name: str
    size_bytes: int
    deleted: float  # seconds of Unix time


def delete(runs_home: Path, folder: RunFolder) -> None:
    """Move a run to the trash. Its lock is held meanwhile, so nobody resumes it.

    Raises:
        TrashError: the run is alive, is not there any more, or cannot be moved.
    """
    if not os.path.isdir(folder.path):
        raise TrashError(f"The run {folder.id} is not there any more.")
    with _said_plainly(f"The run {folder.id} cannot be deleted", runs_home / "trash"), _held(folder):
        with suppress(OSError):  # what cannot be cleared away goes along
            clear_unfinished(folder.path)
        os.utime(folder.path)
        _move(folder.path, runs_home / "trash" / folder.id)


@contextmanager
def _held(folder: RunFolder) -> Iterator[None]:
    """The run's lock, where it has one."""
    lock = _lock_of(folder)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _lock_of(folder: RunFolder) -> int | None:
    try:
        return locks.hold(folder.lock, patience_s=_LET_GO_S)
    except BlockingIOError as error:
        raise TrashError(f"“{_name(folder)}” is still training. Stop it, then delete it.") from error
    except OSError as error:
        if error.errno in _NO_LOCK:
            return None
        raise


def restore(runs_home: Path, run_id: str) -> RunFolder:
    """Move a run back among the others.

    Raises:
        TrashError: it is not in the trash any more, or cannot be moved.
    """
    if run_id not in _ids(runs_home):
        raise TrashError(f"The run {run_id} is not in the trash any more, so it cannot be restored.")
    folder = RunFolder(runs_home / "runs" / run_id)
    with _said_plainly(f"The run {run_id} cannot be restored", folder.path):
        _move(runs_home / "trash" / run_id, folder.path)
    return folder


def deleted_runs(runs_home: Path) -> list[DeletedRun]:
    """What lies in the trash, the latest deletion first."""
    found: list[DeletedRun] = []
    for run_id in _ids(runs_home):
        folder = RunFolder(runs_home / "trash" / run_id)
        try:
            deleted = folder.path.stat().st_mtime
        except OSError:
            continue  # restored in another tab
        size = overview.size_bytes(folder.path)
        found.append(DeletedRun(id=run_id, name=_name(folder), size_bytes=size, deleted=deleted))
    return sorted(found, key=lambda run: run.deleted, reverse=True)


def size_bytes(runs_home: Path) -> int:
    """What removing everything in the trash for good would free."""
    return overview.size_bytes(runs_home / "trash")


def remove(runs_home: Path, run_ids: Collection[str]) -> None:
    """Remove these runs for good, as far as they lie in the trash.

    Raises:
        TrashError: something cannot be removed.
    """
    _remove(runs_home, [run for run in deleted_runs(runs_home) if run.id in run_ids])


def purge(runs_home: Path, *, older_than_s: float) -> None:
    """Remove for good what was deleted more than that many seconds ago, both now and at the last purge.

    Raises:
        TrashError: something cannot be removed.
    """
    marker = runs_home / _LAST_PURGE
    try:
        latest = min(time.time(), marker.stat().st_mtime) - older_than_s
    except OSError:
        latest = -math.inf
    _remove(runs_home, [run for run in deleted_runs(runs_home) if run.deleted <= latest])
    if _ids(runs_home):
        with _said_plainly("The trash cannot be looked after", runs_home):
            marker.touch()


def purge_once(runs_home: Path) -> str:
    """Remove what was deleted a week ago, once in the life of this process. Returns what went wrong, if anything."""
    with _purging:
        if runs_home not in _purged:
            _purged[runs_home] = ""
            try:
                purge(runs_home, older_than_s=KEEP_DAYS * 24 * 3600.0)
            except TrashError as error:
                _purged[runs_home] = str(error)
        return _purged[runs_home]


def _remove(runs_home: Path, deleted: list[DeletedRun]) -> None:
    path = runs_home / "trash"
    with _said_plainly("Not everything in the trash could be removed", path):
        for run in deleted:
            with suppress(FileNotFoundError):  # restored, or removed for good, in another tab
                os.rename(path / run.id, path / f"{_GOING}{run.id}")
        for name in os.listdir(path) if path.is_dir() else []:
            if name.startswith(_GOING):
                _remove_for_good(path / name)


def _remove_for_good(path: Path) -> None:
    """Remove a file or a folder, of which somebody else may remove parts at the same time."""
    while os.path.lexists(path):
        with suppress(FileNotFoundError):
            path.unlink() if path.is_symlink() else shutil.rmtree(path)


def _ids(runs_home: Path) -> list[str]:
    try:
        with os.scandir(runs_home / "trash") as entries:
            return [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(_GOING)]
    except OSError:
        return []


def _name(folder: RunFolder) -> str:
    try:
        return clean(folder.description()["name"])
    except RunNotFoundError:
        return folder.id


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.rename(source, target)
    sync_folder(target.parent)
    sync_folder(source.parent)


@contextmanager
def _said_plainly(task: str, path: Path) -> Iterator[None]:
    """Say in one sentence what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise TrashError(f"{task}: {explain(error, path)}") from error
