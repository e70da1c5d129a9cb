"""Where dropped files lie until something is made of them: on the disk, a folder for each drop. Never imports torch.

A drop's token is a secret of the session that began it. A file comes under a passing name, and gets its number and its
line in the drop's index once it is whole. One that is removed keeps its line and loses its file, so that nothing that
others read is ever written anew.
"""

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread

from core import drop_index
from core.drop_index import Incoming as Incoming  # callers need to know no more
from core.durable import explain, said_plainly
from core.errors import DropFullError, DropNotFoundError, NoRoomForUploadError, UploadRefusedError
from core.words import shown, size

MAX_FILE_BYTES = 64 * 10**9
MAX_FILES = 20_000  # of one drop
KEEP_FREE_BYTES = 10**9  # of the disk, for the runs
_MAX_NAME = 4_096  # characters, folders included
_MAX_PART = 255  # of one folder's or file's name, as on most disks
_WRITE_BYTES = 2**20  # at a time: each write costs a change of threads
_TOKEN = re.compile(r"[0-9a-f]{32}")
_GOING = ".going-"  # begins the name of a drop that is being removed
_GONE = "What the file was dropped on is not there any more. Reload the page, and drop it again."


def new_drop(home: Path) -> str:
    """Make place for files to come. Returns its token, which nobody can guess.

    Raises:
        StorageError: the disk refuses.
    """
    token = secrets.token_hex(16)
    with said_plainly("Dropped files have no place", home):
        (home / "incoming" / token).mkdir(parents=True)
    return token


def files(home: Path, token: str) -> list[Incoming]:
    """The files of a drop that have come whole, in that order; none of a malformed or unknown token.

    Raises:
        StorageError: the disk refuses.
    """
    folder = _folder(home, token)
    if folder is None:
        return []
    with said_plainly("The dropped files cannot be listed", folder):
        try:
            told = drop_index.read(folder, (folder / drop_index.NAME).stat().st_size)
            there = set(os.listdir(folder))
        except FileNotFoundError:
            return []
    return [file for file in told if file.id in there]


def remove(home: Path, token: str, *ids: str) -> None:
    """Remove some files of a drop, as far as they are there.

    Raises:
        StorageError: the disk refuses.
    """
    folder = _folder(home, token)
    if folder is None:
        return
    with said_plainly("A dropped file cannot be removed", folder):
        for file_id in filter(drop_index.ID.fullmatch, ids):
            (folder / file_id).unlink(missing_ok=True)


def discard(home: Path, token: str) -> None:
    """Remove a drop with all of its files, those included that are still on their way.

    Raises:
        StorageError: the disk refuses.
    """
    folder = _folder(home, token)
    if folder is not None:
        with said_plainly("The dropped files cannot be removed", folder):
            _remove(folder)


def purge(home: Path, *, older_than_s: float) -> None:
    """Remove the drops that nobody has touched for so long, and what a server that was killed has left of others.

    Raises:
        StorageError: the disk refuses.
    """
    latest = time.time() - older_than_s
    with said_plainly("Old dropped files cannot be removed", home / "incoming"):
        for name in os.listdir(home / "incoming") if (home / "incoming").is_dir() else []:
            folder = home / "incoming" / name
            if name.startswith(_GOING):
                _remove(folder)
            elif _TOKEN.fullmatch(name) and _touched(folder) <= latest:
                discard(home, name)


def check(home: Path, token: str, name: str, num_bytes: int) -> None:
    """See whether a file of that size would be taken in.

    Raises:
        UploadRefusedError: it would not; the message says why.
    """
    folder = _folder(home, token)
    if folder is None or not folder.is_dir():
        raise DropNotFoundError(_GONE)
    if num_bytes > MAX_FILE_BYTES:
        raise _too_large(name)
    with _refused_plainly(folder):
        _check_number(folder, drop_index.next_number(folder))
        free = shutil.disk_usage(folder).free
    if free - num_bytes < KEEP_FREE_BYTES:
        raise NoRoomForUploadError(
            f"{shown(name)} has {size(num_bytes)}, and the disk of {folder.parent} has room for "
            f"{size(max(0, free - KEEP_FREE_BYTES))}. Free some space, and drop it again."
        )


async def receive(
    home: Path, token: str, slot: str, name: str, length: int | None, chunks: AsyncIterator[bytes]
) -> Incoming:
    """Take in a file as it comes, `length` bytes where that is known. One that is cut off leaves nothing.

    Raises:
        UploadRefusedError: it is not taken; the message says why.
        Exception: whatever `chunks` raises.
    """
    if not drop_index.SLOT.fullmatch(slot):
        raise DropNotFoundError(_GONE)
    folder = home / "incoming" / token
    passing = folder / f".{secrets.token_hex(8)}"
    file = await to_thread.run_sync(_begin, home, token, name, length, passing)
    try:
        with file:
            num_bytes, last = await _write_most(file, name, chunks, folder)
            if length is not None and num_bytes != length:
                raise UploadRefusedError(f"{shown(name)} did not come whole. Drop it again.")
            return await to_thread.run_sync(_finish, file, last, passing, _cut(name), num_bytes, slot)
    finally:
        with suppress(FileNotFoundError):
            passing.unlink()


def _begin(home: Path, token: str, name: str, length: int | None, passing: Path) -> BinaryIO:
    check(home, token, name, length or 0)
    with _refused_plainly(passing.parent):
        return open(passing, "xb", buffering=0)


def _finish(file: BinaryIO, last: Sequence[bytes], passing: Path, name: str, num_bytes: int, slot: str) -> Incoming:
    """All that is left to do once the last piece has come, in one go: most files are small, and there are many."""
    _write(file, last, passing.parent)
    with _refused_plainly(passing.parent):
        os.fsync(file.fileno())
        return _place(passing, name, num_bytes, slot)


async def _write_most(
    file: BinaryIO, name: str, chunks: AsyncIterator[bytes], folder: Path
) -> tuple[int, Sequence[bytes]]:
    """Write what comes, about a megabyte at a time, and beside the event loop. Returns how many bytes there were, and
    those that are still to be written.
    """
    gathered: list[bytes] = []
    written = waiting = 0
    async for chunk in chunks:
        gathered.append(chunk)
        waiting += len(chunk)
        if written + waiting > MAX_FILE_BYTES:
            raise _too_large(name)
        if waiting >= _WRITE_BYTES:
            await to_thread.run_sync(_write, file, gathered, folder)
            written, waiting, gathered = written + waiting, 0, []
    return written + waiting, gathered


def _write(file: BinaryIO, gathered: Sequence[bytes], folder: Path) -> None:
    """Others write to the same disk, and a drop may be removed: both are looked at each time."""
    with _refused_plainly(folder):
        if not os.fstat(file.fileno()).st_nlink:
            raise FileNotFoundError
        if shutil.disk_usage(folder).free < KEEP_FREE_BYTES:
            raise NoRoomForUploadError(
                f"The disk of {folder.parent} is almost full: {size(KEEP_FREE_BYTES)} must stay free for the runs. "
                "Free some space, and drop the files again."
            )
        data = memoryview(b"".join(gathered))
        while data:
            data = data[file.write(data) :]


def _place(passing: Path, name: str, num_bytes: int, slot: str) -> Incoming:
    """Give a whole file its number and its line. A file without a line, as a crash may leave it, makes room."""
    folder = passing.parent
    with open(folder / drop_index.NAME, "a+b", buffering=0) as index:
        fcntl.flock(index, fcntl.LOCK_EX)
        number = drop_index.next_number(folder)
        _check_number(folder, number)
        placed = Incoming(folder / f"{number:06d}", name, num_bytes, slot, f"{number:06d}")
        os.rename(passing, placed.path)
        try:
            drop_index.append(index, placed)
        except BaseException:
            placed.path.unlink(missing_ok=True)
            raise
    return placed


def _check_number(folder: Path, number: int) -> None:
    """Removed files make room for others, as long as there are numbers."""
    if number <= MAX_FILES:
        return
    num_there = sum(bool(drop_index.ID.fullmatch(entry)) for entry in os.listdir(folder))
    if num_there >= MAX_FILES or number > drop_index.MAX_NUMBER:
        raise DropFullError(
            f"At most {MAX_FILES:,} files can be dropped one by one. Put them into a zip file, and drop that."
        )


def _cut(name: str) -> str:
    """A name no longer than a disk would have it, of whole characters. Its end tells what it is, and stays."""
    name = name.encode(errors="replace").decode()
    return "/".join(part[-_MAX_PART:] for part in name[-_MAX_NAME:].split("/"))


def _folder(home: Path, token: str) -> Path | None:
    """Only what has a token's exact form ever becomes a path."""
    return home / "incoming" / token if _TOKEN.fullmatch(token) else None


def _touched(folder: Path) -> float:
    """When something was last written in a drop, in seconds of Unix time."""
    try:
        with os.scandir(folder) as entries:
            times = [entry.stat(follow_symlinks=False).st_mtime for entry in entries]
        return max([folder.stat().st_mtime, *times])
    except FileNotFoundError:
        return 0.0  # somebody else removes it


def _remove(folder: Path) -> None:
    """Take it out of everybody's way first: what is still being written then finds no folder to end in."""
    going = folder if folder.name.startswith(_GOING) else folder.with_name(f"{_GOING}{folder.name}")
    with suppress(FileNotFoundError):
        os.rename(folder, going)
    with suppress(FileNotFoundError):
        shutil.rmtree(going)


def _too_large(name: str) -> UploadRefusedError:
    return UploadRefusedError(f"{shown(name)} is too large: a file may have at most {size(MAX_FILE_BYTES)}.")


@contextmanager
def _refused_plainly(folder: Path) -> Iterator[None]:
    """Say in one sentence what the disk refuses."""
    try:
        yield
    except FileNotFoundError as error:
        raise DropNotFoundError(_GONE) from error
    except OSError as error:
        raise NoRoomForUploadError(f"The file cannot be kept: {explain(error, folder.parent)}") from error
