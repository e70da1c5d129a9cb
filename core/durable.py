"""Files that are whole whatever happens, and disks that say what is wrong with them. Knows nothing of runs."""

import errno
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from core.errors import StorageError

_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}")  # what `replace_file` calls a file until it is whole
_FULL = (errno.ENOSPC, errno.EDQUOT)


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Put a whole file in place atomically: after a crash there is the old one or the new one, never a part.

    Raises:
        OSError: the disk refuses, whatever `write` has made of its refusal.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(beside, "wb") as file:
            watched = _Watched(file)
            try:
                write(cast(BinaryIO, watched))
            except Exception as error:
                # Writers in C++ report any trouble as a fault of their own: "[enforce fail at inline_container.cc]".
                raise watched.refusal or error from error
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames inside a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear_unfinished(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder. Only for whoever alone may write there."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)


@contextmanager
def said_plainly(task: str, path: Path) -> Iterator[None]:
    """Say in one sentence what a disk refuses. `task` is what then cannot be done: "The run cannot be started".

    Raises:
        StorageError: instead of an `OSError`, but for `BlockingIOError`, which speaks of a lock and not of a disk.
    """
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        raise StorageError(f"{task}: {explain(error, path)}") from error


def explain(error: OSError, path: Path) -> str:
    """What is wrong with the disk of `path`, and what to do, as the end of a sentence."""
    if error.errno in _FULL:
        return (
            f"the disk of {path} is full. Free some space, for example by deleting runs for good on the page Runs, and "
            "try again."
        )
    reason = error.strerror or type(error).__name__
    return f"{path} does not allow it ({reason}). Make it writable, or set UNFREEZE_HOME to another folder."


class _Watched:
    """A file that remembers why it could not be written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.refusal: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.refusal = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
