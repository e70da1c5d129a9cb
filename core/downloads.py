"""Downloads of published files for the pages: started, shown, stopped; one for each file. Never imports torch."""

import logging
import os
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from core import fetching
from core.errors import DownloadStoppedError, FileDamagedError, UnfreezeError
from core.published_file import PublishedFile

_SPEED_WINDOW_S = 10.0
_NOTE_EVERY_S = 0.2
_AT_ONCE_S = 0.25  # so long a page waits for a file to be checked before it says that it waits

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Look:
    """How it stands with a file."""

    state: Literal["absent", "running", "checking", "damaged", "here"]
    num_bytes: int = 0  # that are here
    total_bytes: int | None = None  # None while nobody has said it
    seconds_left: float | None = None
    problem: str | None = None  # why the last download has ended, or what is wrong with the file
    problem_age_s: float = 0.0  # since that download has ended


def look(file: PublishedFile) -> Look:
    """How it stands with a file. One that has changed since it was checked is checked in the background."""
    with _mutex:
        download = _downloads.get(file.path)
    if download is not None and download.is_running:
        return download.look()
    try:
        stat = file.path.stat()
    except OSError:
        num_bytes = _size(file.part)
        if download is None or download.problem is None:
            return Look(state="absent", num_bytes=num_bytes)
        age_s = time.monotonic() - download.ended_at
        return Look(state="absent", num_bytes=num_bytes, problem=download.problem, problem_age_s=age_s)
    checked = _checked(file, stat.st_mtime_ns, stat.st_size)
    try:
        checked.result(timeout=_AT_ONCE_S)
    except TimeoutError:
        return Look(state="checking", num_bytes=stat.st_size, total_bytes=stat.st_size)
    except UnfreezeError as error:
        if not isinstance(error, FileDamagedError):
            _checked.cache_clear()  # it could not be read, which leaves no trace in the file where that has changed
        refused = download.refused if download is not None else None
        return Look(state="damaged", num_bytes=stat.st_size, problem=refused or str(error))
    return Look(state="here", num_bytes=stat.st_size, total_bytes=stat.st_size)


def arrived(file: PublishedFile) -> int:
    """Bytes of a file that is on its way, whoever downloads it; 0 where nobody does, or the whole one is here."""
    return 0 if os.path.isfile(file.path) or not fetching.is_arriving(file) else _size(file.part)


def start(file: PublishedFile) -> None:
    """Download a file, or go on with it; one that is damaged is fetched anew. Returns at once."""
    with _mutex:
        running = _downloads.get(file.path)
        if running is None or not running.is_running:
            _downloads[file.path] = _Download(file)


def stop(file: PublishedFile) -> None:
    """End the download of a file. What has arrived is kept, for the next one."""
    with _mutex:
        if download := _downloads.get(file.path):
            download.is_stopped.set()


class _Download:
    """A file on its way, in a thread of its own."""

    def __init__(self, file: PublishedFile) -> None:
        self.problem: str | None = None
        self.refused: str | None = None  # why a damaged file could not be removed
        self.is_stopped = threading.Event()
        self.ended_at = 0.0  # on the clock that only goes forward
        self._file = file
        self._num_bytes = _size(file.part)
        self._total_bytes: int | None = None
        self._seen: deque[tuple[float, int]] = deque()  # when, and how many bytes: for the speed
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"download of {file.path.name}")
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive() and not self.is_stopped.is_set()

    def look(self) -> Look:
        return Look(
            state="running",
            num_bytes=self._num_bytes,
            total_bytes=self._total_bytes,
            seconds_left=self._seconds_left(),
        )

    def _run(self) -> None:
        try:
            self._clear()
            fetching.fetch(self._file, on_bytes=self._note, is_stopped=self.is_stopped.is_set)
        except DownloadStoppedError:
            pass
        except UnfreezeError as error:
            self.problem = str(error)
        except Exception:
            _log.exception("the download of %s has failed", self._file.url)
            self.problem = f"{self._file.name} could not be downloaded. The server's log says why."
        self.ended_at = time.monotonic()

    def _clear(self) -> None:
        try:
            fetching.clear_damaged(self._file)
        except UnfreezeError as error:
            self.refused = str(error)
            raise

    def _note(self, num_bytes: int, total_bytes: int | None) -> None:
        now = time.monotonic()
        self._num_bytes, self._total_bytes = num_bytes, total_bytes
        if not self._seen or now - self._seen[-1][0] > _NOTE_EVERY_S:
            self._seen.append((now, num_bytes))
            while now - self._seen[0][0] > _SPEED_WINDOW_S:
                self._seen.popleft()

    def _seconds_left(self) -> float | None:
        seen = list(self._seen)
        if self._total_bytes is None or len(seen) < 3:
            return None
        arrived, seconds = seen[-1][1] - seen[0][1], seen[-1][0] - seen[0][0]
        return (self._total_bytes - self._num_bytes) * seconds / arrived if arrived > 0 else None


_mutex = threading.Lock()
_downloads: dict[Path, _Download] = {}
_checkers = ThreadPoolExecutor(1, thread_name_prefix="checks files")  # hashing does not hold the interpreter


@lru_cache(maxsize=256)
def _checked(file: PublishedFile, _modified_ns: int, _num_bytes: int) -> "Future[None]":
    """The check of a file, begun once for each state that it is in."""
    return _checkers.submit(fetching.check, file)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
