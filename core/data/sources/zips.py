"""Zip files of photos: their directory is read, and what it says is compared with the file. Extracts nothing."""

import os
import stat
import struct
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from core.data.sources import entries
from core.data.sources.entries import UNPACKING, Archive, Check, Entry, damaged, several
from core.data.sources.layouts import is_ignored
from core.errors import DataSetError

FIRST, END = b"PK\x03\x04", b"PK\x05\x06"  # how a zip begins, and how an empty one does
_END_64 = b"PK\x06\x06"
_MAX_DIRECTORY = 256 * 2**20
_LOCAL_HEADER = 30  # bytes, before an entry's name
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


class Zip(Archive):
    """A zip file, which it closes.

    Raises:
        DataSetError: it is damaged, or refused; the message has `name`.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name, self._file = name, file
        size = os.fstat(file.fileno()).st_size
        directory = _directory(file, size, name)
        try:
            self._zip = zipfile.ZipFile(file)
        except (NotImplementedError, *UNPACKING) as error:
            raise DataSetError(f"{name} is damaged: it has no directory. Copy or download it again.") from error
        # The directory counts from the begin of its zip. One that lies elsewhere is that of another zip, behind this
        # one or in its comment, and would hide what is in this one.
        if self._zip.start_dir != directory:
            raise several(name)
        check = Check(name, size)
        paths = {info: _checked(info, check, name) for info in self._zip.infolist()}
        infos = sorted(paths, key=lambda info: info.header_offset)
        self._check_overlap(infos)
        self._infos = {paths[info]: info for info in infos if not info.is_dir() and not is_ignored(paths[info])}
        self.entries = [Entry(path=path, size=info.file_size) for path, info in self._infos.items()]

    def _check_overlap(self, infos: Sequence[zipfile.ZipInfo]) -> None:
        """Each entry must end before the next one begins: else a small file unpacks to a huge one."""
        ends = [info.header_offset + _LOCAL_HEADER + len(info.orig_filename) + info.compress_size for info in infos]
        begins = [*(info.header_offset for info in infos), self._zip.start_dir][1:]
        if any(end > begin for end, begin in zip(ends, begins, strict=True)):
            raise DataSetError(f"{self._name} is refused: files in it overlap, as in a trap for whoever unpacks it.")

    def contents(self, paths: Iterable[str], *, at_most: int) -> Iterator[tuple[str, bytes]]:
        """See `Archive.contents`."""
        wanted = set(paths)
        for path, info in self._infos.items():
            if path in wanted:
                try:
                    with self._zip.open(info) as file:
                        data = file.read(at_most + 1)
                except (NotImplementedError, *UNPACKING) as error:
                    raise damaged(self._name, path) from error
                yield path, data

    def close(self) -> None:
        """See `Archive.close`."""
        self._zip.close()
        self._file.close()


def _checked(info: zipfile.ZipInfo, check: Check, name: str) -> str:
    """The path of an entry that may be."""
    mode = stat.S_IFMT(info.external_attr >> 16)
    check.kind(info.orig_filename, mode not in (0, stat.S_IFREG, stat.S_IFDIR), mode == stat.S_IFLNK)
    if info.flag_bits & 0x1:
        raise DataSetError(f"{name} is encrypted. Unpack it, and give the folder.")
    if info.compress_type not in _METHODS:
        raise DataSetError(f"{name} is compressed in a way that is not read here. Unpack it, and give the folder.")
    if info.filename != info.orig_filename:  # it has a second name in Unicode, which counts from Python 3.12 on
        check.name(info.orig_filename)
    return check.entry(info.filename, info.file_size, info.is_dir())


def _directory(file: BinaryIO, size: int, name: str) -> int:
    """Where a zip's directory begins, as its end says, if it is small enough to be read.

    Raises:
        DataSetError: it is not.
    """
    file.seek(max(size - 2**16 - 22, 0))
    tail = file.read()
    at = tail.rfind(END)
    if at < 0 or len(tail) < at + 22:
        raise DataSetError(f"{name} is damaged: its end is missing. Copy or download it again.")
    count, length, begin = struct.unpack_from("<HII", tail, at + 10)
    if (at_64 := tail.rfind(_END_64, 0, at)) >= 0 and len(tail) >= at_64 + 56:
        count, length, begin = struct.unpack_from("<QQQ", tail, at_64 + 32)
    if count > entries.MAX_ENTRIES or length > _MAX_DIRECTORY:
        raise DataSetError(
            f"{name} is refused: it holds more than {entries.MAX_ENTRIES:,} files. Unpack it, and give the folder."
        )
    file.seek(0)
    return int(begin)
