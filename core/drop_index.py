"""The index of a drop: a line for each file that has come whole, only ever appended to. Knows no limits.

What a browser calls a file is data, and stands here; on the disk, files lie under numbers.
"""

import errno
import json
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

NAME = "index.jsonl"
SLOT = re.compile(r"[a-z0-9-]{1,40}")
ID = re.compile(r"[0-9]{6}")
MAX_NUMBER = 999_999
_TAIL_BYTES = 2**16  # holds the longest line


@dataclass(frozen=True)
class Incoming:
    """A file that has come whole. `name` is as the browser said it: hostile, and with the folders that it was in."""

    path: Path
    name: str
    num_bytes: int
    slot: str  # what it was dropped on
    id: str


@lru_cache(maxsize=4)
def read(folder: Path, num_bytes: int) -> tuple[Incoming, ...]:
    """What the first so many bytes of an index tell of. They never change, so each zone of a page has them at once.

    Raises:
        OSError: the disk refuses.
    """
    with open(folder / NAME, "rb") as index:
        lines = index.read(num_bytes).splitlines()
    # A number may have two lines, where a disk has kept one of a file that it did not keep: the later one counts.
    told = {file.id: file for file in (read_line(folder, line) for line in lines) if file}
    return tuple(told.values())


def read_line(folder: Path, line: bytes) -> Incoming | None:
    """The file that a line tells of, in this folder; None of a line that is damaged."""
    try:
        found = json.loads(line)
        file_id, name, num_bytes, slot = found["id"], found["name"], found["bytes"], found["slot"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_sound = all(isinstance(text, str) for text in (file_id, name, slot)) and isinstance(num_bytes, int)
    if not is_sound or not ID.fullmatch(file_id) or not SLOT.fullmatch(slot):
        return None
    return Incoming(folder / file_id, name, num_bytes, slot, file_id)


def next_number(folder: Path) -> int:
    """One more than that of the last file that came."""
    try:
        with open(folder / NAME, "rb") as index:
            lines = _tail(index).splitlines()
    except FileNotFoundError:
        return 1
    last = next(filter(None, (read_line(folder, line) for line in reversed(lines))), None)
    return int(last.id) + 1 if last else 1


def append(index: BinaryIO, placed: Incoming) -> None:
    """Write a line of its own, also after one of which a full disk has kept a part.

    Raises:
        OSError: the disk refuses.
    """
    line = {"id": placed.id, "name": placed.name, "bytes": placed.num_bytes, "slot": placed.slot}
    start = b"" if _tail(index)[-1:] in (b"", b"\n") else b"\n"
    written = start + json.dumps(line).encode() + b"\n"
    if index.write(written) != len(written):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _tail(index: BinaryIO) -> bytes:
    index.seek(max(0, os.fstat(index.fileno()).st_size - _TAIL_BYTES))
    return index.read(_TAIL_BYTES)
