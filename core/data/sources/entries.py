"""What an archive of photos may hold, whatever its format, and what of it is refused before a byte of it is unpacked.

An archive is hostile until checked. One that would write outside of a folder, or hold more than it says, is refused as
a whole, in one sentence: nobody makes such a file by accident. Nothing is ever extracted; photos are read one by one.
"""

import lzma
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.data.sources.layouts import is_too_deep
from core.errors import DataSetError
from core.words import shown

MAX_ENTRIES = 300_000  # files and folders
# Photos are compressed already: an archive that grows a hundredfold holds something else.
_MAX_GROWTH = 100
_GROWTH_FREE = 2**30
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
# What the readers of archives raise where one is damaged; a number that is far too large ends in one of the first two.
UNPACKING = (
    *(OverflowError, MemoryError, OSError, EOFError, ValueError, RuntimeError, LookupError),
    *(struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError),
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file in an archive."""

    path: str  # relative, its parts divided by one "/" each, none of them "."
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


class Check:
    """What must hold of every entry, and of all together."""

    def __init__(self, name: str, archive_size: int) -> None:
        self._name = name
        self.most = max(_GROWTH_FREE, _MAX_GROWTH * archive_size)  # bytes that the whole may unpack to
        self._known: dict[str, tuple[str, bool]] = {}
        self._count, self._size = 0, 0

    def kind(self, path: str, is_special: bool, is_link: bool) -> None:
        """Raises: DataSetError, if it is neither a file nor a folder."""
        if is_special:
            what = "a link" if is_link else "a device"
            raise self.refused(f"“{shown(path)}” in it is {what}, not a file")

    def name(self, raw: str) -> None:
        """Raises: DataSetError, if an entry may not have this name, as the archive writes it."""
        if "\0" in raw or "\\" in raw or raw.startswith("/") or raw[1:2] == ":":
            raise self.refused(f"“{shown(raw)}” in it is no path inside of a folder")
        if is_too_deep(raw):
            raise self.refused(f"“{shown(raw, most=40)}” in it lies in more folders than any disk has")
        if ".." in raw and ".." in raw.split("/"):
            raise self.refused(f"“{shown(raw)}” in it leads out of its folder")
        if raw.casefold().endswith(_ARCHIVES):
            raise self.refused(f"“{shown(raw)}” in it is an archive, too. Unpack that first")

    def entry(self, raw: str, size: int, is_folder: bool) -> str:
        """The plain path of an entry.

        Raises:
            DataSetError: the entry cannot be, or is one too many.
        """
        self._count += 1
        if self._count > MAX_ENTRIES:
            raise self.refused(f"it holds more than {MAX_ENTRIES:,} files. Unpack it, and give the folder")
        self.name(raw)
        path = plain_path(raw)
        if not is_folder and (not path or raw.endswith("/")):
            raise self.refused(f"“{shown(raw)}” in it is no path inside of a folder")
        folded = path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()
        other = self._known.get(folded)
        if other and not (is_folder and other[1]):
            raise self.refused(f"“{shown(other[0])}” and “{shown(raw)}” in it are one file on many disks")
        self._known[folded] = (raw, is_folder)
        self._size += max(size, 0)
        self.unpacked(self._size)
        return path

    def unpacked(self, size: int) -> None:
        """Raises: DataSetError, if so many bytes are too many."""
        if size > self.most:
            raise self.refused(f"it would unpack to more than {self.most / 2**30:,.0f} GB")

    def refused(self, why: str) -> DataSetError:
        """A sentence, or two, of an archive that nobody makes by accident."""
        return DataSetError(f"{self._name} is refused: {why}.")


def plain_path(raw: str) -> str:
    """A path without what means nothing: "./", as `tar -C pets .` writes before each, and doubled slashes."""
    if "//" not in raw and "./" not in raw and raw[-1:] not in "/.":
        return raw  # as nearly all are
    return "/".join([part for part in raw.split("/") if part not in ("", ".")])


def damaged(name: str, path: str = "") -> DataSetError:
    """Of an archive, at a file in it, if that is known."""
    where = f" at “{shown(path)}”" if path else ""
    return DataSetError(f"{name} is damaged{where}. Copy or download it again.")


def several(name: str) -> DataSetError:
    """Of archives that lie one behind the other: only one of them would be seen."""
    return DataSetError(f"{name} is refused: it is two archives, one behind the other. Unpack it, and give the folder.")
