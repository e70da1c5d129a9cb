"""Decodes many files with all cores, and gives back what became of them in their order.

A file that crashes its reader, or keeps it busy without end, costs itself alone: the others of its block are read anew.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotInTimeError
from dataclasses import dataclass, field, replace
from pathlib import Path

from loky.process_executor import BrokenProcessPool, ProcessPoolExecutor, ShutdownExecutorError

from core.data.pack_rule import PackRule
from core.data.sources.source import Found
from core.helper_process import end_with
from core.packing.decode import Decoder, Packed, most_bytes, refused
from core.packing.slots import SLOT_BYTES, Slots, mapped
from core.words import shown

_BLOCK_FILES, _BLOCK_BYTES = 256, 2**20
_AHEAD = 3  # blocks for each process: enough that none ever waits, few enough for memory to stay flat
_WAITING_BYTES = 256 * 2**20  # of files as they are, which may be large
_BLOCK_S = 120.0  # for a block; a photo of the largest size takes some seconds
_IDLE_S = 60
_LOST = (BrokenProcessPool, ShutdownExecutorError, CancelledError, NotInTimeError)  # no fault of what was asked
_Answer = Future[list[Packed]]
_Known = Callable[[Found], Packed | None]


@dataclass(eq=False)
class _Block:
    """Some files that are decoded at a time, and what became of those of which it was known before."""

    number: int
    files: list[Found] = field(default_factory=list)
    known: list[Packed | None] = field(default_factory=list)
    num_bytes: int = 0  # that have to be read
    most_bytes: int = 0  # that they can take once they are decoded

    @property
    def unknown(self) -> list[Found]:
        return [file for file, packed in zip(self.files, self.known, strict=True) if packed is None]


def decoded(found: Iterable[Found], rule: PackRule, known: _Known, room: Path) -> Iterator[list[Packed]]:
    """What became of these files, in their order, some at a time. Those that are `known` are not decoded again.

    Their pixels lie in a file beside the path `room`, and there only until the next ones are asked for.

    Raises:
        OSError: the disk refuses.
    """
    pool = _Pool(rule, room)
    waiting: deque[tuple[_Block, _Answer]] = deque()
    try:
        for block in _blocks(found, rule, known):
            waiting.append((block, pool.submit(block.unknown, pool.slots.start_of(block.number))))
            while len(waiting) >= pool.slots.count or sum(block.num_bytes for block, _ in waiting) > _WAITING_BYTES:
                yield pool.result(*waiting.popleft())
        while waiting:
            yield pool.result(*waiting.popleft())
    finally:
        pool.end()


class _Pool:
    def __init__(self, rule: PackRule, room: Path) -> None:
        self._processes = os.cpu_count() or 1
        self.slots = Slots(room, _AHEAD * self._processes)
        self._prepared = (os.getpid(), self.slots.path, rule)
        self._executor = self._new()

    def submit(self, files: Sequence[Found], start: int) -> _Answer:
        """Have files decoded into the slots, from `start` on."""
        try:
            answer: _Answer = self._executor.submit(_decode, files, start)
        except (BrokenProcessPool, ShutdownExecutorError):
            self._renew()
            answer = self._executor.submit(_decode, files, start)
        return answer

    def result(self, block: _Block, answer: _Answer) -> list[Packed]:
        """What became of a block's files."""
        start = self.slots.start_of(block.number)
        try:
            made = answer.result(timeout=_BLOCK_S)
        except _LOST as error:
            if isinstance(error, NotInTimeError):  # or the next file would wait behind the one that hangs
                self._renew()
            made = self._one_by_one(block.unknown, start)
        fresh = iter(self._with_pixels(made, start))
        return [packed or next(fresh) for packed in block.known]

    def _one_by_one(self, files: Sequence[Found], start: int) -> list[Packed]:
        made: list[Packed] = []
        for file in files:
            made.append(self._alone(file, start))
            start += made[-1].record.num_bytes
        return made

    def _alone(self, file: Found, start: int) -> Packed:
        try:
            return self.submit([file], start).result(timeout=_BLOCK_S)[0]
        except _LOST:
            self._renew()
            return refused(
                f"{shown(file.path)} crashed what reads photos, or kept it busy for too long. Save it anew as a PNG or "
                "JPEG."
            )

    def _with_pixels(self, made: Iterable[Packed], start: int) -> Iterator[Packed]:
        for packed in made:
            record = packed.record
            pixels = self.slots.pixels[start : start + record.num_bytes].reshape(record.height, record.width, 3)
            start += record.num_bytes
            yield packed if record.problem else replace(packed, pixels=pixels)

    def _renew(self) -> None:
        # Only once nobody writes into the slots any more: the same ones are filled anew.
        self._executor.shutdown(wait=True, kill_workers=True)
        self._executor = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            max_workers=self._processes,
            timeout=_IDLE_S,
            env={"OMP_NUM_THREADS": "1"},
            initializer=_prepare,
            initargs=self._prepared,
        )

    def end(self) -> None:
        """Let the processes go, whatever they are at."""
        self._executor.shutdown(wait=False, kill_workers=True)
        self.slots.remove()


_decoder: Decoder  # of a process that decodes


def _prepare(parent: int, slots: Path, rule: PackRule) -> None:
    """Have this process decode, and end with its parent."""
    global _decoder
    end_with(parent)
    _decoder = Decoder(mapped(slots), rule)


def _decode(files: Sequence[Found], start: int) -> list[Packed]:
    return _decoder(files, start)


def _blocks(found: Iterable[Found], rule: PackRule, known: _Known) -> Iterator[_Block]:
    """So many files at a time that handing them over costs little, and not more than has room in a slot."""
    block = _Block(0)
    for file in found:
        packed = refused(file.problem, is_lost=file.is_lost) if file.problem else known(file)
        most = 0 if packed else most_bytes(file, rule)
        is_full = block.most_bytes + most > SLOT_BYTES or block.num_bytes >= _BLOCK_BYTES
        if is_full or len(block.files) >= _BLOCK_FILES:
            yield block
            block = _Block(block.number + 1)
        block.files.append(file)
        block.known.append(packed)
        block.num_bytes += len(file.data)
        block.most_bytes += most
    if block.files:
        yield block
