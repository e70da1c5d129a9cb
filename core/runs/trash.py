"""Deleting with a way back: a deleted run lies in `<home>/trash/<id>` until it is restored or removed for good.

A folder moves in one rename, so it is wholly in one place or the other. In the trash, its modification time is the
time of its deletion.
"""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from core.durable import sync_folder
from core.errors import RunNotFoundError, TrashError
from core.runs import locks
from core.runs.overview import clean, size_bytes
from core.runs.store import RunFolder

_LET_GO_S = 1.0  # a worker that has written its last event lets go of the lock a moment later
_GOING = ".going-"  # begins the name of what is being removed for good: nobody can restore a half


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
    if not folder.path.is_dir():
        raise TrashError(f"The run {folder.id} is not there any more.")
    try:
        lock = locks.hold(folder.lock, patience_s=_LET_GO_S)
    except BlockingIOError as error:
        raise TrashError(f"“{_name(folder)}” is still training. Stop it, then delete it.") from error
    except OSError as error:
        raise _cannot_move(folder, "deleted", error) from error
    try:
        os.utime(folder.path)
        _move(folder.path, runs_home / "trash" / folder.id)
    except OSError as error:
        raise _cannot_move(folder, "deleted", error) from error
    finally:
        os.close(lock)


def restore(runs_home: Path, run_id: str) -> RunFolder:
    """Move a run back among the others.

    Raises:
        TrashError: it is not in the trash any more, or cannot be moved.
    """
    if run_id not in _ids(runs_home):
        raise TrashError(f"The run {run_id} is not in the trash any more, so it cannot be restored.")
    folder = RunFolder(runs_home / "runs" / run_id)
    try:
        _move(runs_home / "trash" / run_id, folder.path)
    except OSError as error:
        raise _cannot_move(folder, "restored", error) from error
    return folder


def deleted_runs(runs_home: Path) -> list[DeletedRun]:
    """What lies in the trash, the latest deletion first."""
    found: list[DeletedRun] = []
    for run_id in _ids(runs_home):
        folder = RunFolder(runs_home / "trash" / run_id)
        try:
            deleted = folder.path.stat().st_mtime
        except FileNotFoundError:
            continue  # restored in another tab
        found.append(DeletedRun(id=run_id, name=_name(folder), size_bytes=size_bytes(folder.path), deleted=deleted))
    return sorted(found, key=lambda run: run.deleted, reverse=True)


def purge(runs_home: Path, *, older_than_s: float) -> None:
    """Remove for good what was deleted at least that many seconds ago.

    Raises:
        TrashError: something cannot be removed.
    """
    path = runs_home / "trash"
    latest = time.time() - older_than_s
    try:
        for run in deleted_runs(runs_home):
            if run.deleted <= latest:
                os.rename(path / run.id, path / f"{_GOING}{run.id}")
        for name in os.listdir(path) if path.is_dir() else []:
            if name.startswith(_GOING):
                shutil.rmtree(path / name)
    except FileNotFoundError:
        pass  # another tab was faster
    except OSError as error:
        raise TrashError(f"Not everything in the trash could be removed: {error.strerror}.") from error


def _ids(runs_home: Path) -> list[str]:
    try:
        with os.scandir(runs_home / "trash") as entries:
            return [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(_GOING)]
    except FileNotFoundError:
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


def _cannot_move(folder: RunFolder, what: str, error: OSError) -> TrashError:
    return TrashError(f"The run {folder.id} cannot be {what}: {error.strerror}.")
