"""Tar files of photos, compressed or not: all of their headers are read, and it is made sure that none is missing.

A tar has no directory: it is a header, a file, a header, a file, and an end of zeros. So one that was cut off looks
like a smaller one wherever its end is not asked for, and headers can be as long as they like. Extracts nothing.
"""

import bz2
import gzip
import lzma
import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import BinaryIO, cast

from core.data.sources.entries import UNPACKING, Archive, Check, Entry, damaged, plain_path, several
from core.data.sources.layouts import is_ignored
from core.errors import DataSetError

_BLOCK = tarfile.BLOCKSIZE  # 512 bytes
# What may be read to know of one file, in bytes: its header, and others before it with a long name and the like.
_MOST_HEADERS = 2**20
_HEADERS_PER_FILE = 4_096  # on the average, of many files
_MOST_FOR_ALL = 100  # things said of all files together
_ZEROS = 2**20  # bytes read at once behind the end


class _HeadersTooLongError(Exception):
    """Headers that say far more of their file than anyone wants to know."""


class _Headers:
    """A tar as it is read while its headers are: no more of it at once than `allow` allowed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.seek, self.tell = file, file.seek, file.tell
        self._spare, self._left = _MOST_HEADERS * 16, 0
        self.is_bounded = True
        self.last = b""  # what was read last
        self.allow()

    def allow(self) -> None:
        """The headers of one more file are read."""
        self._spare += _HEADERS_PER_FILE
        self._left = min(_MOST_HEADERS, self._spare)

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if self.is_bounded:
            if not 0 <= size <= self._left:
                raise _HeadersTooLongError
            self._left -= size
            self._spare -= size
        self.last = self._file.read(size)
        return self.last


class Tar(Archive):
    """A tar file, which it closes.

    Raises:
        DataSetError: it is damaged, refused, or no tar; the message has `name`.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name, self._file = name, file
        check = self._check = Check(name, os.fstat(file.fileno()).st_size)
        found: list[Entry] = []
        count = 0
        try:
            for _, member in self._members():
                count += 1
                check.kind(member.name, not (member.isreg() or member.isdir()), member.issym() or member.islnk())
                path = check.entry(member.name, member.size, member.isdir())
                if member.isreg() and not is_ignored(path):
                    found.append(Entry(path=path, size=member.size))
        except DataSetError:
            raise
        except _HeadersTooLongError as error:
            raise check.refused(
                "it says far more of a file in it than its name. Unpack it, and give the folder"
            ) from error
        except UNPACKING as error:
            if isinstance(error, tarfile.ReadError) and not count:
                raise DataSetError(
                    f"{name} is no zip or tar archive that can be read, or it is damaged. "
                    "Unpack it, and give the folder."
                ) from error
            raise damaged(name) from error
        self.entries = found

    def contents(self, paths: Iterable[str], *, at_most: int) -> Iterator[tuple[str, bytes]]:
        """See `Archive.contents`."""
        wanted = {entry.path for entry in self.entries}.intersection(paths)
        path = ""
        members = self._members()
        while wanted:
            try:
                tar, member = next(members)
                path = plain_path(member.name)
                if path not in wanted or not (file := tar.extractfile(member)):
                    continue
                data = file.read(at_most + 1)
            except DataSetError:
                raise
            except (StopIteration, _HeadersTooLongError, *UNPACKING) as error:
                raise damaged(self._name, path) from error
            wanted.discard(path)
            yield path, data

    def close(self) -> None:
        """See `Archive.close`."""
        self._file.close()

    def _members(self) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
        """What a tar holds, one after the other, up to its end.

        Raises:
            DataSetError: it has no end, or something behind it.
        """
        self._file.seek(0)
        with ExitStack() as opened:
            unpacked = _unpacked(self._file, opened)
            headers = _Headers(unpacked)
            tar = opened.enter_context(tarfile.TarFile(fileobj=cast(BinaryIO, headers)))
            end = 0
            while member := tar.next():
                tar.members = []  # type: ignore[attr-defined]  # a list of all would only take memory
                # One that is shorter than nothing would lead back to where it came from.
                if member.size < 0 or tar.offset <= end:
                    raise damaged(self._name)
                if member.issparse():  # Python's reader of such files trusts whatever their headers say
                    raise self._check.refused(
                        "a file in it has holes, which no photo has. Unpack it, and give the folder"
                    )
                if member.isreg() and member.offset_data + member.size > tar.offset:
                    raise damaged(self._name)
                if len(tar.pax_headers) > _MOST_FOR_ALL:
                    raise _HeadersTooLongError
                end = tar.offset
                self._check.unpacked(end)
                headers.is_bounded = False
                yield tar, member
                headers.is_bounded = True
                headers.allow()
            if headers.last != bytes(_BLOCK):  # it was cut off, or what follows is no header any more
                raise damaged(self._name)
            self._check_rest(unpacked, end)

    def _check_rest(self, file: BinaryIO, end: int) -> None:
        """Behind the end lie zeros, as many as the program that wrote the tar liked, or nothing that matters."""
        while rest := file.read(_ZEROS):
            end += len(rest)
            self._check.unpacked(end)
            if data := rest.lstrip(b"\0"):
                begin = (len(rest) - len(data)) // _BLOCK * _BLOCK
                try:
                    tarfile.TarInfo.frombuf(rest[begin : begin + _BLOCK], "utf-8", "surrogateescape")
                except tarfile.HeaderError:
                    return
                raise several(self._name)


def _unpacked(file: BinaryIO, opened: ExitStack) -> BinaryIO:
    """What the compression of a tar holds, if it has one."""
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, opened.enter_context(gzip.GzipFile(fileobj=file)))
    if start.startswith(b"BZh"):
        return cast(BinaryIO, opened.enter_context(bz2.BZ2File(file)))
    if start == b"\xfd7zXZ\0":
        return cast(BinaryIO, opened.enter_context(lzma.LZMAFile(file)))
    return file
