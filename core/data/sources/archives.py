"""Zip and tar files of photos: what they hold, and what of it is refused before a byte of it is unpacked. Pure.

An archive is hostile until checked. One that would write outside of a folder, or hold more than it says, is refused as
a whole, in one sentence: nobody makes such a file by accident. Nothing is ever extracted; photos are read one by one.
"""

import lzma
import os
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.data.sources import tars
from core.data.sources.layouts import is_ignored
from core.durable import open_file
from core.errors import DataSetError
from core.words import shown

MAX_ENTRIES = 300_000
# Photos are compressed already: an archive that grows a hundredfold holds something else.
_MAX_GROWTH = 100
_GROWTH_FREE = 2**30
_MAX_DIRECTORY = 256 * 2**20
_MAX_PATH, _MAX_PARTS = 4_096, 100
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
_ZIP, _END, _END_64 = b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06"
_LOCAL_HEADER = 30  # bytes, before an entry's name
# What the readers of archives raise where one is damaged.
_UNPACKING = (
    *(OSError, EOFError, ValueError, RuntimeError, OverflowError, MemoryError),
    *(struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError),
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file in an archive."""

    path: str
    size: int  # bytes, unpacked


class Archive:
    """An archive that was found harmless. `entries` are its files in the order in which they are best read."""

    entries: Sequence[Entry]

    def contents(self, paths: Iterable[str], *, at_most: int) -> Iterator[tuple[str, bytes]]:
        """Path and contents of these entries, in the order of `entries`; no more than `at_most` + 1 bytes of each.

        Raises:
            DataSetError: the archive is damaged there.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let the file go."""
        raise NotImplementedError


def open_archive(path: Path, name: str = "") -> Archive:
    """Look through an archive's directory. `name` is what messages call it, if not by its own name.

    Raises:
        DataSetError: it is none, is damaged, or holds what no archive of photos does; the message names it.
        OSError: the disk refuses.
    """
    name = name or shown(path.name)
    file = open_file(path)
    try:
        start = file.read(4)
        file.seek(0)
        if start in (_ZIP, _END):
            return _Zip(file, name)
        return _Tar(file, name)
    except BaseException:
        file.close()
        raise


class _Zip(Archive):
    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name, self._file = name, file
        size = os.fstat(file.fileno()).st_size
        _check_directory(file, size, name)
        try:
            self._zip = zipfile.ZipFile(file)
        except _UNPACKING as error:
            raise DataSetError(f"{name} is damaged: it has no directory. Copy or download it again.") from error
        infos = sorted(self._zip.infolist(), key=lambda info: info.header_offset)
        check = _Check(name, size)
        for info in infos:
            mode = stat.S_IFMT(info.external_attr >> 16)
            check.kind(info.orig_filename, mode not in (0, stat.S_IFREG, stat.S_IFDIR), mode == stat.S_IFLNK)
            if info.flag_bits & 0x1:
                raise DataSetError(f"{name} is encrypted. Unpack it, and give the folder.")
            if info.compress_type not in _METHODS:
                raise DataSetError(
                    f"{name} is compressed in a way that is not read here. Unpack it, and give the folder."
                )
            check.path(info.orig_filename, info.file_size, is_folder=info.is_dir())
            if info.filename != info.orig_filename:  # which some programs unpack under the one, some under the other
                raise DataSetError(f"{name} is refused: “{shown(info.filename)}” in it has another name, too.")
        self._check_overlap(infos)
        files = {_normal(info.filename): info for info in infos if not info.is_dir()}
        self._infos = {path: info for path, info in files.items() if not is_ignored(path)}
        self.entries = [Entry(path=path, size=info.file_size) for path, info in self._infos.items()]

    def _check_overlap(self, infos: Sequence[zipfile.ZipInfo]) -> None:
        """Each entry must end before the next one begins: else a small file unpacks to a huge one."""
        ends = [info.header_offset + _LOCAL_HEADER + len(info.orig_filename) + info.compress_size for info in infos]
        begins = [*(info.header_offset for info in infos[1:]), *([self._zip.start_dir] if infos else [])]
        if any(end > begin for end, begin in zip(ends, begins, strict=True)):
            raise DataSetError(f"{self._name} is refused: files in it overlap, as in a trap for whoever unpacks it.")

    def contents(self, paths: Iterable[str], *, at_most: int) -> Iterator[tuple[str, bytes]]:
        """See `Archive.contents`."""
        wanted = set(paths)
        for path, info in self._infos.items():
            if path in wanted:
                try:
                    with self._zip.open(info) as file:
                        yield path, file.read(at_most + 1)
                except _UNPACKING as error:
                    raise _damaged(self._name, path) from error

    def close(self) -> None:
        """See `Archive.close`."""
        self._zip.close()
        self._file.close()


class _Tar(Archive):
    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name, self._file = name, file
        check = _Check(name, os.fstat(file.fileno()).st_size)
        found: list[Entry] = []
        try:
            for tar, member in tars.members(file):
                check.kind(member.name, not (member.isreg() or member.isdir()), member.issym() or member.islnk())
                check.path(member.name, member.size, is_folder=member.isdir())
                check.total(tar.offset)
                path = _normal(member.name)
                if member.isreg() and not is_ignored(path):
                    found.append(Entry(path=path, size=member.size))
        except DataSetError:
            raise
        except tars.RefusedError as error:
            raise DataSetError(f"{name} is refused: {error}. Unpack it, and give the folder.") from error
        except tarfile.ReadError as error:
            raise DataSetError(
                f"{name} is no zip or tar archive that can be read, or it is damaged. Unpack it, and give the folder."
            ) from error
        except _UNPACKING as error:
            raise DataSetError(f"{name} is damaged. Copy or download it again.") from error
        self.entries = found

    def contents(self, paths: Iterable[str], *, at_most: int) -> Iterator[tuple[str, bytes]]:
        """See `Archive.contents`."""
        wanted = set(paths)
        path = ""
        try:
            for tar, member in tars.members(self._file):
                path = _normal(member.name)
                if path in wanted and (file := tar.extractfile(member)):
                    yield path, file.read(at_most + 1)
        except _UNPACKING as error:
            raise _damaged(self._name, path) from error

    def close(self) -> None:
        """See `Archive.close`."""
        self._file.close()


def _normal(path: str) -> str:
    """An entry's path as a folder's would be: without what means the same folder, which some programs write."""
    return str(PurePosixPath(path))


class _Check:
    """What must hold of every entry, and of all together."""

    def __init__(self, name: str, archive_size: int) -> None:
        self._name = name
        self._most = max(_GROWTH_FREE, _MAX_GROWTH * archive_size)
        self._known: dict[str, tuple[str, bool]] = {}
        self._entries = self._size = 0

    def kind(self, path: str, is_special: bool, is_link: bool) -> None:
        """Raises: DataSetError, if it is neither a file nor a folder."""
        if is_special:
            what = "a link" if is_link else "a device"
            raise self._refused(f"“{shown(path)}” in it is {what}, not a file")

    def path(self, path: str, size: int, *, is_folder: bool) -> None:
        """Raises: DataSetError, if the entry cannot be, or is one too many."""
        parts = path.rstrip("/").split("/")
        if len(path) > _MAX_PATH or len(parts) > _MAX_PARTS:
            raise self._refused(f"“{shown(path, most=40)}” in it lies in more folders than any disk has")
        if "\0" in path or "\\" in path or path.startswith("/") or (len(path) > 1 and path[1] == ":"):
            raise self._refused(f"“{shown(path)}” in it is no path inside of a folder")
        if any(part in ("", "..") for part in parts) and path != "./":
            raise self._refused(f"“{shown(path)}” in it leads out of its folder")
        if path.casefold().endswith(_ARCHIVES):
            raise self._refused(f"“{shown(path)}” in it is an archive, too. Unpack that first")
        folded = unicodedata.normalize("NFC", str(PurePosixPath(path))).casefold()
        other, was_folder = self._known.setdefault(folded, (path, is_folder))
        if other is not path and not (is_folder and was_folder):
            raise self._refused(f"“{shown(other)}” and “{shown(path)}” in it are one file on many disks")
        self._entries += 1
        self._size += size
        if self._entries > MAX_ENTRIES:
            raise self._refused(f"it holds more than {MAX_ENTRIES:,} files. Unpack it, and give the folder")
        self.total(self._size)

    def total(self, size: int) -> None:
        """Raises: DataSetError, if so many bytes are more than photos unpack to."""
        if size > self._most:
            raise self._refused(f"it would unpack to more than {self._most / 2**30:,.0f} GB")

    def _refused(self, why: str) -> DataSetError:
        return DataSetError(f"{self._name} is refused: {why}.")


def _check_directory(file: BinaryIO, size: int, name: str) -> None:
    """Whether a zip's directory is small enough to be read.

    Raises:
        DataSetError: it is not.
    """
    file.seek(max(size - 2**16 - 22, 0))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise DataSetError(f"{name} is damaged: its end is missing. Copy or download it again.")
    count, length = struct.unpack_from("<HI", tail, at + 10)
    if (at_64 := tail.rfind(_END_64, 0, at)) >= 0 and len(tail) >= at_64 + 48:
        count, length = struct.unpack_from("<QQ", tail, at_64 + 32)
    if count > MAX_ENTRIES or length > _MAX_DIRECTORY:
        raise DataSetError(
            f"{name} is refused: it holds more than {MAX_ENTRIES:,} files. Unpack it, and give the folder."
        )
    file.seek(0)


def _damaged(name: str, path: str) -> DataSetError:
    return DataSetError(f"{name} is damaged at “{shown(path)}”. Copy or download it again.")
