"""The directory of a zip archive, as `torch.save` writes one: where its members lie. Decompresses nothing.

Python's `zipfile` would read a directory of any length, and accept members that share their bytes.
"""

import struct
from dataclasses import dataclass

from core.models.gate.limits import EXPECTED, MAX_HEADER_BYTES, MAX_MEMBERS, MAX_NAME_LENGTH, RefusedError
from core.models.gate.stored import OpenFile
from core.words import shown

_END, _END_64, _END_64_LOCATOR, _ENTRY, _LOCAL = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2", b"PK\3\4"
_LONGEST_END = 22 + 2**16  # with the longest comment
_IN_EXTRA = 2**32 - 1  # stands where a number has no room and is found among the extra fields
_DAMAGED = "is damaged: its end is missing, or its parts do not fit together. A whole file of tensors was expected."


@dataclass(frozen=True)
class _Member:
    name: str
    header: int  # where its own header starts
    start: int
    num_bytes: int


def members(file: OpenFile) -> dict[str, tuple[int, int]]:
    """(start, bytes) of every member by its name. They are stored as they are, and none touches another.

    Raises:
        RefusedError: the archive is damaged, compressed, or too large.
    """
    directory, end = _directory(file)
    if b"/constants.pkl" in directory:
        raise RefusedError(f"holds a TorchScript program. {EXPECTED}")
    found = sorted(_entries(file, directory), key=lambda member: member.header)
    places: dict[str, tuple[int, int]] = {}
    before = 0
    for member in found:
        if member.header < before or member.name in places:
            raise RefusedError(f"is damaged: its part {shown(member.name)} overlaps with another one.")
        before = member.start + member.num_bytes
        places[member.name] = member.start, member.num_bytes
    if before > end:
        raise RefusedError(_DAMAGED)
    return places


def _directory(file: OpenFile) -> tuple[bytes, int]:
    """The directory's bytes, and where it starts."""
    base = max(file.num_bytes - _LONGEST_END, 0)
    tail = file.read(base, _LONGEST_END)
    at = tail.rfind(_END)
    if at < 0:
        raise RefusedError(_DAMAGED)
    count, num_bytes, start = struct.unpack_from("<H2L", tail, at + 10)
    if at >= 20 and tail[at - 20 : at - 16] == _END_64_LOCATOR:
        (where,) = struct.unpack_from("<Q", tail, at - 12)
        end = file.read(min(where, file.num_bytes), 56)
        if end[:4] != _END_64:
            raise RefusedError(_DAMAGED)
        count, num_bytes, start = struct.unpack_from("<3Q", end, 32)
    if count > MAX_MEMBERS or num_bytes > MAX_HEADER_BYTES:
        raise RefusedError(f"has more than {MAX_MEMBERS:,} parts, which no network of Unfreeze needs.")
    if start + num_bytes > file.num_bytes:
        raise RefusedError(_DAMAGED)
    return file.read(start, num_bytes), start


def _entries(file: OpenFile, directory: bytes) -> list[_Member]:
    found: list[_Member] = []
    position = 0
    while position < len(directory):
        if len(found) == MAX_MEMBERS or directory[position : position + 4] != _ENTRY:
            raise RefusedError(_DAMAGED)
        flags, method = struct.unpack_from("<2H", directory, position + 8)
        packed, num_bytes = struct.unpack_from("<2L", directory, position + 20)
        lengths = struct.unpack_from("<3H", directory, position + 28)
        (header,) = struct.unpack_from("<L", directory, position + 42)
        raw = directory[position + 46 : position + 46 + lengths[0]]
        extra = directory[position + 46 + lengths[0] : position + 46 + lengths[0] + lengths[1]]
        num_bytes, packed, header = _long_numbers(extra, num_bytes, packed, header)
        if method or flags & 1 or packed != num_bytes:
            raise RefusedError(
                "is compressed or encrypted, which torch.save does not do: save it again with torch.save."
            )
        found.append(_member(file, raw, header, num_bytes))
        position += 46 + sum(lengths)
    return found


def _long_numbers(extra: bytes, *numbers: int) -> list[int]:
    """The numbers of an entry, with those that had no room in it."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            long = iter(struct.unpack_from(f"<{length // 8}Q", extra, position + 4))
            return [next(long) if number == _IN_EXTRA else number for number in numbers]
        position += 4 + length
    return list(numbers)


def _member(file: OpenFile, raw: bytes, header: int, num_bytes: int) -> _Member:
    """A member whose own header says what the directory says of it."""
    local = file.read(min(header, file.num_bytes), 30 + len(raw))
    if len(raw) > MAX_NAME_LENGTH or local[:4] != _LOCAL or local[30:] != raw:
        raise RefusedError(_DAMAGED)
    name_length, extra_length = struct.unpack_from("<2H", local, 26)
    start = header + 30 + name_length + extra_length
    if name_length != len(raw) or start + num_bytes > file.num_bytes:
        raise RefusedError(_DAMAGED)
    return _Member(raw.decode(), header, start, num_bytes)
