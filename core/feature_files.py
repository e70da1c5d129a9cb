"""What frozen parts of networks have computed, in files that all runs share. Knows no network, and never imports torch.

    <home>/features/<key>/values   a row for each photo of a data set; of those that nobody has computed yet, a hole
    <home>/features/<key>/sums     a checksum for each row, 0 where there is none

A key stands for all that features depend on, so that whoever has the same one computes the same bytes. A row counts
where its checksum is that of its bytes: whatever a crash, a full disk or another hand has left there, is computed anew.
"""

import errno
import logging
import math
import os
import re
import secrets
import shutil
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BUDGET_SETTING = "UNFREEZE_FEATURES_GB"
_BUDGET_GB = 10.0
_KEEP_FREE_BYTES = 10**9  # of the disk, for the runs
_GOING = ".going-"  # begins the name of a key's folder that is being removed
_KEY = re.compile(r"[0-9a-f]{64}")
_log = logging.getLogger(__name__)


class OnDisk(NamedTuple):
    """What lies there."""

    num_keys: int
    num_bytes: int


class Wanted(NamedTuple):
    """What a run wants to keep."""

    key: str
    num_rows: int  # of the data set
    used_rows: int  # of those, at most: the others stay holes
    row_bytes: int


class FeatureFiles:
    """Those of a home. Together they stay within a budget: what was not used for longest goes first."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "features"

    @property
    def on_disk(self) -> OnDisk:
        """What is there now."""
        taken = [_bytes_of(folder) for folder in self._folders()]
        return OnDisk(len(taken), sum(taken))

    def clear(self) -> None:
        """Remove all. Runs that use them go on, and compute again what they need again.

        Raises:
            OSError: the disk refuses.
        """
        for folder in self._folders():
            _remove(folder)

    def open(self, *wanted: Wanted) -> list["FeatureFile | None"]:
        """The files of what a run wants, empty ones where there are none. None, and a word in the log: it has no room.

        A file is opened though it holds rows of another size, as only another hand can leave them: they do not count.
        """
        try:
            allowed = self._make_room(wanted)
        except OSError as error:
            _log.warning("features are not kept on the disk: %s", error.strerror or error)
            return [None] * len(wanted)
        return [self._open(each) if each in allowed else None for each in wanted]

    def _open(self, wanted: Wanted) -> "FeatureFile | None":
        folder = self._folder / wanted.key
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if folder.is_symlink():
                raise OSError(errno.ELOOP, "A link lies in their place", str(folder))
            os.utime(folder)
            return FeatureFile(folder, wanted.num_rows, wanted.row_bytes)
        except OSError as error:
            _log.warning("features are not kept on the disk: %s", error.strerror or error)
            return None

    def _make_room(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """Remove what was not used for longest, until what is wanted is within the budget. Returns what can be.

        Raises:
            OSError: the disk is almost full, or refuses.
        """
        budget, allowed, reserved = budget_bytes(), list[Wanted](), 0
        for each in wanted:
            assert _KEY.fullmatch(each.key), each
            needed = max(each.used_rows * each.row_bytes, _bytes_of(self._folder / each.key))
            if reserved + needed <= budget:
                allowed, reserved = [*allowed, each], reserved + needed
            else:
                _log.warning(
                    "features are not kept on the disk: they would take %s bytes, and %s are allowed, see %s",
                    *(f"{number:,}" for number in (reserved + needed, budget)),
                    BUDGET_SETTING,
                )
        own = {self._folder / each.key for each in allowed}
        others = {other: _bytes_of(other) for other in self._folders() if other not in own}
        oldest_first = sorted(others, key=_used)
        while oldest_first and sum(others.values()) + reserved > budget:
            oldest = oldest_first.pop(0)
            _remove(oldest)
            del others[oldest]
        self._folder.mkdir(parents=True, exist_ok=True)
        to_come = reserved - sum(map(_bytes_of, own))
        if shutil.disk_usage(self._folder).free - to_come < _KEEP_FREE_BYTES:
            raise OSError("the disk is almost full")
        return allowed

    def _folders(self) -> list[Path]:
        try:
            return [path for path in self._folder.iterdir() if _KEY.fullmatch(path.name) and not path.is_symlink()]
        except (FileNotFoundError, NotADirectoryError):
            return []


class FeatureFile:
    """The features of one key. Several runs may read and write it at a time: they write the same bytes."""

    def __init__(self, folder: Path, num_rows: int, row_bytes: int) -> None:
        """Make it where there is none.

        Raises:
            OSError: the disk refuses.
        """
        self._folder, self._row_bytes = folder, row_bytes
        with self._opened("values", is_new=True), self._opened("sums", is_new=True) as sums:
            if os.fstat(sums).st_size != 4 * num_rows:
                os.ftruncate(sums, 0)
                os.ftruncate(sums, 4 * num_rows)

    def read(self, rows: NDArray[np.int64], into: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Read (rows, row_bytes) that are there. Returns which; the others of `into` hold anything.

        What the disk cannot read, is not there.
        """
        is_there = np.zeros(len(rows), bool)
        with suppress(OSError), self._opened("values") as values, self._opened("sums") as sums:
            for index, row in enumerate(rows.tolist()):
                told = int.from_bytes(os.pread(sums, 4, 4 * row), "little")
                if told and os.preadv(values, [into[index]], row * self._row_bytes) == self._row_bytes:
                    is_there[index] = told == _sum_of(into[index])
        return is_there

    def write(self, rows: NDArray[np.int64], from_: NDArray[np.uint8]) -> None:
        """Keep (rows, row_bytes).

        Raises:
            OSError: the disk refuses: it is full, or the file was removed.
        """
        with self._opened("values") as values, self._opened("sums") as sums:
            for row, value in zip(rows.tolist(), from_, strict=True):
                if os.pwrite(values, value.data, row * self._row_bytes) == self._row_bytes:
                    os.pwrite(sums, _sum_of(value).to_bytes(4, "little"), 4 * row)

    @contextmanager
    def _opened(self, name: str, *, is_new: bool = False) -> Iterator[int]:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self._folder / name, flags | os.O_CREAT if is_new else flags, 0o666)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "It is no file", name)
            yield descriptor
        finally:
            os.close(descriptor)


def budget_bytes() -> int:
    """What all of them may take, as `UNFREEZE_FEATURES_GB` says: 0 keeps none."""
    said = os.environ.get(BUDGET_SETTING, "")
    with suppress(ValueError):
        gigabytes = float(said or _BUDGET_GB)
        if 0 <= gigabytes < math.inf:
            return int(gigabytes * 1e9)
    _log.warning("%s must be a number of gigabytes, got %r: %g is used", BUDGET_SETTING, said[:20], _BUDGET_GB)
    return int(_BUDGET_GB * 1e9)


def _remove(folder: Path) -> None:
    """Put a key's folder aside, where nobody writes into it any more, and remove it."""
    aside = folder.with_name(f"{_GOING}{secrets.token_hex(8)}")
    with suppress(FileNotFoundError):  # somebody else has removed it
        os.rename(folder, aside)
    for left in folder.parent.glob(f"{_GOING}*"):  # by somebody who was killed, too
        shutil.rmtree(left, ignore_errors=left != aside)


def _sum_of(value: NDArray[np.uint8]) -> int:
    return zlib.crc32(value.data) or 1  # 0 is what a hole reads as


def _bytes_of(folder: Path) -> int:
    """What it takes on the disk, where holes take nothing."""
    with suppress(OSError):
        return sum(512 * entry.stat(follow_symlinks=False).st_blocks for entry in os.scandir(folder))
    return 0


def _used(folder: Path) -> float:
    with suppress(OSError):
        return folder.stat().st_mtime
    return 0.0
