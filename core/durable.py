"""Files that are whole whatever happens, and disks that say what is wrong with them. Knows nothing of runs."""

import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, cast

from core.errors import StorageError

_UNFINISHED = re.compile(r"\.(.+)\.[0-9a-f]{8}")  # what `replace_file` calls a file until it is whole
_FULL = (errno.ENOSPC, errno.EDQUOT)
_IN_THE_WAY = (errno.EEXIST, errno.ENOTEMPTY)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
_TOO_MANY = (errno.EMFILE, errno.ENFILE)


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Put a whole file in place atomically: after a crash there is the old one or the new one, never a part.

    Everything happens relative to the folder as it was opened: one that is moved meanwhile takes the file along. What
    writers of the same file have left that were killed is removed.

    Raises:
        OSError: the disk refuses, whatever `write` has made of its refusal.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _clear_unfinished(folder, of=path.name)
        name, descriptor = _create_beside(path.name, folder)
        try:
            with open(descriptor, "wb") as file:
                _write_through(file, write)
                os.replace(name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            raise
        os.fsync(folder)
    finally:
        os.close(folder)


def _create_beside(name: str, folder: int) -> tuple[str, int]:
    """A file under a passing name. It is locked for as long as it is open, which tells it from one left behind."""
    while True:
        passing = f".{name}.{secrets.token_hex(4)}"
        descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:  # else it was cleared away before it was locked
                return passing, descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _write_through(file: BinaryIO, write: Callable[[BinaryIO], object]) -> None:
    watched = _Watched(file)
    try:
        write(cast(BinaryIO, watched))
    except Exception as error:
        # Writers in C++ report any trouble as a fault of their own: "[enforce fail at inline_container.cc]".
        raise watched.refusal or error from error
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep whoever else asks for this, in any process, waiting: to change a file there by what it says.

    Raises:
        OSError: there is no such folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make renames inside a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear_unfinished(path: Path) -> None:
    """Remove what writers that were killed have left in a folder; a file that is being written stays."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _clear_unfinished(folder)
    finally:
        os.close(folder)


def _clear_unfinished(folder: int, *, of: str | None = None) -> None:
    """See `clear_unfinished`; only what was to become the file `of`, where one is named. What cannot be removed, such
    as another user's file, stays: it is in nobody's way."""
    for entry in list(os.scandir(folder)):
        match = _UNFINISHED.fullmatch(entry.name)
        if match and of in (None, match[1]) and entry.is_file(follow_symlinks=False):
            with suppress(OSError):
                _clear(entry.name, folder)


def _clear(name: str, folder: int) -> None:
    descriptor = os.open(name, os.O_RDONLY, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=folder)
    finally:
        os.close(descriptor)


def open_file(path: Path | str) -> BufferedReader:
    """Open a file to read it.

    Raises:
        OSError: it cannot be opened, or is no file. A pipe of that name is refused at once: reading it would wait.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
            raise OSError(code, os.strerror(code) if code == errno.EISDIR else "It is no file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def open_to_append(path: Path, length: int) -> BinaryIO:
    """A file without what stands behind that many bytes.

    Raises:
        OSError: it cannot be opened, or a link lies in its place: what that leads to is not ours to change.
    """
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+b")
    file.truncate(length)
    file.seek(length)
    return file


def read_file(path: Path | str, *, at_most: int) -> bytes:
    """The contents of a small file.

    Raises:
        OSError: it cannot be read, is no file, or holds more bytes than `at_most`.
    """
    with open_file(path) as file:
        contents = file.read(at_most + 1)
    if len(contents) > at_most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return contents


@contextmanager
def said_plainly(task: str, path: Path, *, setting: str = "UNFREEZE_HOME") -> Iterator[None]:
    """Say in one sentence what a disk refuses. `task` is what then cannot be done: "The run cannot be started".
    `setting` names the variable of the environment that chooses another folder.

    Raises:
        StorageError: instead of an `OSError`, but for `BlockingIOError`, which speaks of a lock and not of a disk.
    """
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        raise StorageError(f"{task}: {explain(error, path, setting=setting)}") from error


def explain(error: OSError, path: Path, *, setting: str = "UNFREEZE_HOME") -> str:
    """What is wrong with the disk of `path`, and what to do, as the end of a sentence."""
    if error.errno in _FULL:
        return (
            f"the disk of {path} is full. Free some space, for example by deleting runs or data sets for good, and try "
            "again."
        )
    if error.errno in _TOO_MANY:
        return f"too many files are open ({error.strerror}). Close other programs, or start Unfreeze again."
    if error.errno in _IN_THE_WAY:
        return f"something is in the way at {path} ({error.strerror}). Move it to another place, and try again."
    if isinstance(error, TimeoutError):
        return f"another process has kept {path} busy for too long. Try again."
    reason = error.strerror or type(error).__name__
    if error.errno in _NOT_ALLOWED:
        return f"{path} does not allow it ({reason}). Make it writable, or set {setting} to another folder."
    return f"{path} cannot be used ({reason}). Try again, or set {setting} to another folder."


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
