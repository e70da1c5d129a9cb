"""Decodes many files with all cores, and gives back what became of them in their order.

A file that crashes its reader, or keeps it busy without end, costs itself alone: the others of its block are read anew.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotInTimeError

from loky.process_executor import BrokenProcessPool, ProcessPoolExecutor, ShutdownExecutorError

from core.data.pack_rule import PackRule
from core.data.sources.source import Found
from core.helper_process import end_with
from core.packing.decode import Packed, decode, refused
from core.words import shown

_BLOCK_FILES, _BLOCK_BYTES = 256, 2**20
_AHEAD = 3  # blocks for each process: enough that none ever waits, few enough for memory to stay flat
_BLOCK_S = 120.0  # for a block; a photo of the largest size takes some seconds
_IDLE_S = 60
_LOST = (BrokenProcessPool, ShutdownExecutorError, CancelledError, NotInTimeError)  # no fault of what was asked
_Known = Callable[[Found], Packed | None]
_Block = list[tuple[Found, Packed | None]]


def decoded(found: Iterable[Found], rule: PackRule, known: _Known) -> Iterator[list[Packed]]:
    """What became of these files, in their order, some at a time. Those that are `known` are not decoded again."""
    pool = _Pool(rule)
    waiting: deque[tuple[_Block, Future[list[Packed]]]] = deque()
    try:
        for block in _blocks(found, known):
            waiting.append((block, pool.submit(_unknown(block))))
            while len(waiting) >= _AHEAD * pool.size:
                yield pool.result(*waiting.popleft())
        while waiting:
            yield pool.result(*waiting.popleft())
    finally:
        pool.end()


class _Pool:
    def __init__(self, rule: PackRule) -> None:
        self.size = os.cpu_count() or 1
        self._rule = rule
        self._executor = self._new()

    def submit(self, files: list[Found]) -> "Future[list[Packed]]":
        """Have files decoded."""
        try:
            future: Future[list[Packed]] = self._executor.submit(decode, files, self._rule)
        except (BrokenProcessPool, ShutdownExecutorError):
            self._renew()
            future = self._executor.submit(decode, files, self._rule)
        return future

    def result(self, block: _Block, future: "Future[list[Packed]]") -> list[Packed]:
        """What became of a block's files."""
        try:
            made = iter(future.result(timeout=_BLOCK_S))
        except _LOST as error:
            if isinstance(error, NotInTimeError):  # or the next file would wait behind the one that hangs
                self._renew()
            made = iter([self._alone(file) for file in _unknown(block)])
        return [packed or next(made) for _, packed in block]

    def _alone(self, file: Found) -> Packed:
        try:
            return self.submit([file]).result(timeout=_BLOCK_S)[0]
        except _LOST:
            self._renew()
            return refused(
                f"{shown(file.path)} crashed what reads photos, or kept it busy for too long. Save it anew as a PNG or "
                "JPEG."
            )

    def _renew(self) -> None:
        self.end()
        self._executor = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            max_workers=self.size,
            timeout=_IDLE_S,
            env={"OMP_NUM_THREADS": "1"},
            initializer=end_with,
            initargs=(os.getpid(),),
        )

    def end(self) -> None:
        """Let the processes go, whatever they are at."""
        self._executor.shutdown(wait=False, kill_workers=True)


def _unknown(block: _Block) -> list[Found]:
    return [file for file, packed in block if packed is None]


def _blocks(found: Iterable[Found], known: _Known) -> Iterator[_Block]:
    """So many files at a time that handing them over costs little, and not more."""
    block: _Block = []
    num_bytes = 0
    for file in found:
        packed = refused(file.problem, is_lost=file.is_lost) if file.problem else known(file)
        block.append((file, packed))
        num_bytes += len(file.data)
        if len(block) >= _BLOCK_FILES or num_bytes >= _BLOCK_BYTES:
            yield block
            block, num_bytes = [], 0
    if block:
        yield block
