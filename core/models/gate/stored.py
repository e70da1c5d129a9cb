"""Where the numbers of a tensor lie in a file, checked against the file. Plain values; never imports torch."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.models.gate.limits import EXPANSION_FOR_FREE, MAX_DIMENSIONS, MAX_EXPANSION, RefusedError
from core.words import shown, size

# Bytes of a number, by its type's name in torch; what is not here cannot be weights of a network.
ITEM_SIZES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2} | {
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
}

ALL_SIZES = ITEM_SIZES | {"bool": 1, "complex64": 8, "complex128": 16}


class OpenFile:
    """A file that stays open, and so the same one, for as long as somebody holds one of its tensors."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115
        self.num_bytes = os.fstat(self._file.fileno()).st_size

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def read(self, start: int, count: int) -> bytes:
        """Up to `count` bytes from `start` on."""
        self._file.seek(start)
        return self._file.read(count)

    def read_into(self, target: memoryview, start: int) -> None:
        """Fill `target` with the bytes from `start` on.

        Raises:
            RefusedError: the file has become shorter.
        """
        self._file.seek(start)
        while target:
            count = self._file.readinto(target)
            if not count:
                raise RefusedError("became shorter while it was read: choose it again when it is complete.")
            target = target[count:]


@dataclass(frozen=True, kw_only=True)
class StoredTensor:
    """One tensor of a file: its shape, and where its numbers are. They are within the file."""

    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in numbers, none negative
    start: int  # of the first number, in bytes from the start of the file
    span: int  # numbers from the first to the last one, with those in between that are others'
    file: OpenFile = field(repr=False)

    @property
    def num_bytes(self) -> int:
        """What the tensor takes once it is copied out."""
        return math.prod(self.shape) * ITEM_SIZES[self.dtype]

    @property
    def span_bytes(self) -> int:
        """What is read of the file for it."""
        return self.span * ITEM_SIZES[self.dtype]


@dataclass(frozen=True)
class Unreadable:
    """A tensor that no network can be built from, and what it is: "a sparse tensor"."""

    what: str


def locate(
    file: OpenFile, name: str, dtype: str, place: tuple[int, int], offset: Any, shape: Any, strides: Any
) -> StoredTensor | Unreadable:
    """The tensor `name`, whose storage lies at `place`, (start, bytes) in the file; the rest as the file says it.

    Raises:
        RefusedError: the numbers would lie outside of the storage.
        ValueError: these are no sizes.
    """
    if dtype not in ITEM_SIZES:
        return Unreadable(f"a tensor of {shown(dtype)} numbers")
    shape, strides = whole_numbers(shape), whole_numbers(strides)
    (offset,) = whole_numbers((offset,))
    if len(shape) != len(strides):
        raise ValueError("other strides than dimensions")
    if math.prod(length for length in shape if length) >= 2**63:  # even where another length is 0
        raise ValueError("no sizes")
    is_empty = 0 in shape
    span = 0 if is_empty else 1 + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    start, num_bytes = place
    if not is_empty and (offset + span) * ITEM_SIZES[dtype] > num_bytes:
        raise RefusedError(f"is damaged: its tensor {shown(name)} reaches beyond what is stored of it.")
    first = start if is_empty else start + offset * ITEM_SIZES[dtype]
    return StoredTensor(dtype=dtype, shape=shape, strides=strides, start=first, span=span, file=file)


def whole_numbers(values: Any) -> tuple[int, ...]:
    """The sizes that a file gives.

    Raises:
        ValueError: these are none.
    """
    if not isinstance(values, tuple | list) or len(values) > MAX_DIMENSIONS:
        raise ValueError("no sizes")
    if not all(type(value) is int and 0 <= value < 2**63 for value in values):
        raise ValueError("no sizes")
    return tuple(values)


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a tensor whose numbers lie one behind the other."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def check_sizes(tensors: list[tuple[str, StoredTensor]], file_bytes: int) -> None:
    """Compare what tensors take with what is stored of them.

    Raises:
        RefusedError: together they are far larger than the file.
    """
    allowed = MAX_EXPANSION * file_bytes + EXPANSION_FOR_FREE
    total = sum(tensor.num_bytes for _, tensor in tensors)
    if total > allowed:
        name, largest = max(tensors, key=lambda entry: entry[1].num_bytes)
        raise RefusedError(
            f"is not what it seems: its tensors take {size(total)}, {shown(name)} alone {size(largest.num_bytes)}, but "
            f"the file has {size(file_bytes)}. Save plain copies of them: tensor.clone()."
        )
    # Each is read with all that lies between its numbers, which may be the whole file.
    if (total := sum(tensor.span_bytes for _, tensor in tensors)) > allowed:
        raise RefusedError(
            f"is not what it seems: its tensors overlap, and reading them takes {size(total)}, but the file has "
            f"{size(file_bytes)}. Save plain copies of them: tensor.clone()."
        )
