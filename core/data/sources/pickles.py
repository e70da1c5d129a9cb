"""Reads the few pickles in which CIFAR is published, and runs nothing of them. Knows nothing of what they mean.

A pickle is a program. This machine has only the steps that those files take, as cPickle of Python 2 and `protocol=2` of
Python 3 write them: it puts dicts, lists, tuples, text and numbers together, and arrays of bytes. Whatever else a
pickle names is refused before it is looked up. Pickle's own Unpickler would not do, whatever it may find: two bytes
make it reserve gigabytes for its memo.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# CIFAR-100 takes 400,000 steps to put 50,000 photos' names and labels together.
MAX_STEPS = 2_000_000


@dataclass(kw_only=True)
class _Array:
    """An array of bytes on its way."""

    values: NDArray[np.uint8] | None = None


class _ByteType:
    """The type of an array's values: bytes."""


class _RefusedError(ValueError):
    """A pickle that does what these files do not; a few words say what."""


class _Machine:
    """Executes a pickle step by step. Anything amiss raises one of `_AMISS`."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._encodable = len(data)  # characters; else a text taken from the memo is encoded a million times

    def run(self) -> object:
        """What the pickle puts together."""
        for _ in range(MAX_STEPS):
            step = self._byte()
            if step == _STOP:
                return self._stack.pop()
            _STEPS[step](self)
        raise _RefusedError("it takes too many steps")

    def _take(self, length: int) -> bytes:
        """The next bytes, all of which must be there."""
        end = self._at + length
        if end > len(self._data):
            raise _RefusedError("it ends too early")
        taken, self._at = self._data[self._at : end], end
        return taken

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _number(self, form: str) -> int:
        value: int = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return value

    def _line(self) -> str:
        end = self._data.index(b"\n", self._at, self._at + 100)
        line, self._at = self._data[self._at : end].decode("ascii"), end + 1
        return line

    def _protocol(self) -> None:
        if self._byte() != 2:
            raise _RefusedError("it is written in another version of the format")

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _since_mark(self) -> list[Any]:
        """What lies above the last mark; it is taken off."""
        mark = self._marks.pop()
        values = self._stack[mark:]
        del self._stack[mark:]
        return values

    def _tuple(self, length: int) -> None:
        values = tuple(self._stack[-length:])
        if len(values) != length:
            raise _RefusedError("it is damaged")
        self._stack[-length:] = [values]

    def _append(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise _RefusedError("it adds to what is no list")
        target.extend(values)

    def _set(self, pairs: list[Any]) -> None:
        target, keys, values = self._stack[-1], pairs[::2], pairs[1::2]
        if type(target) is not dict or any(type(key) not in (bytes, str) for key in keys):
            raise _RefusedError("it is no dict of named values")
        target.update(zip(keys, values, strict=True))

    def _global(self) -> None:
        name = (self._line(), self._line())
        if name not in _BUILDERS:
            raise _RefusedError("it wants to run something")
        self._push(_BUILDERS[name])

    def _reduce(self) -> None:
        arguments, builder = self._stack.pop(), self._stack.pop()
        if not any(builder is known for known in _BUILDERS.values()) or type(arguments) is not tuple:
            raise _RefusedError("it wants to run something")
        if builder is _encoded:
            self._encodable -= len(arguments[0])
            if self._encodable < 0:
                raise _RefusedError("it says the same again and again")
        self._push(builder(*arguments))

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, _Array):
            target.values = _values(*state)
        elif not isinstance(target, _ByteType):
            raise _RefusedError("it changes what is no array")


def _values(_: int, shape: tuple[int, ...], values: object, is_by_columns: bool, data: bytes) -> NDArray[np.uint8]:
    """An array of bytes from its state: a version, its shape, type and order, and the bytes themselves."""
    if not isinstance(values, _ByteType) or is_by_columns or type(data) is not bytes:
        raise _RefusedError("it has another array than one of bytes")
    return np.frombuffer(data, np.uint8).reshape([int(length) for length in shape])


def _byte_type(name: object, *_: object) -> _ByteType:
    if name not in ("u1", b"u1", "|u1", b"|u1"):
        raise _RefusedError("it has another array than one of bytes")
    return _ByteType()


def _array(*_: object) -> _Array:
    return _Array()


def _array_class(*_: object) -> object:
    raise _RefusedError("it makes an array in an unusual way")


def _encoded(text: str, encoding: str) -> bytes:
    """Bytes as Python 3 writes them for Python 2."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise _RefusedError("it has text in an unusual encoding")
    return text.encode("latin-1")


def _no_bytes(*_: object) -> bytes:
    return b""


# What a pickle may name, and what is done instead.
_BUILDERS: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy", "ndarray"): _array_class,
    ("numpy", "dtype"): _byte_type,
    ("_codecs", "encode"): _encoded,
    ("__builtin__", "bytes"): _no_bytes,
}
_STOP = ord(".")
# The steps by their codes, as `pickletools` documents them.
_STEPS: dict[int, Callable[[_Machine], None]] = {
    0x80: lambda m: m._protocol(),
    ord("("): lambda m: m._marks.append(len(m._stack)),
    ord("}"): lambda m: m._push({}),
    ord("]"): lambda m: m._push([]),
    ord(")"): lambda m: m._push(()),
    ord("N"): lambda m: m._push(None),
    0x88: lambda m: m._push(True),
    0x89: lambda m: m._push(False),
    ord("K"): lambda m: m._push(m._byte()),
    ord("M"): lambda m: m._push(m._number("<H")),
    ord("J"): lambda m: m._push(m._number("<i")),
    0x8A: lambda m: m._push(int.from_bytes(m._take(m._byte()), "little", signed=True)),
    ord("U"): lambda m: m._push(m._take(m._byte())),
    ord("T"): lambda m: m._push(m._take(m._number("<I"))),
    ord("X"): lambda m: m._push(m._take(m._number("<I")).decode()),
    ord("q"): lambda m: m._memo.update({m._byte(): m._stack[-1]}),
    ord("r"): lambda m: m._memo.update({m._number("<I"): m._stack[-1]}),
    ord("h"): lambda m: m._push(m._memo[m._byte()]),
    ord("j"): lambda m: m._push(m._memo[m._number("<I")]),
    ord("a"): lambda m: m._append([m._stack.pop()]),
    ord("e"): lambda m: m._append(m._since_mark()),
    ord("s"): lambda m: m._set([m._stack.pop(-2), m._stack.pop()]),
    ord("u"): lambda m: m._set(m._since_mark()),
    0x85: lambda m: m._tuple(1),
    0x86: lambda m: m._tuple(2),
    0x87: lambda m: m._tuple(3),
    ord("t"): lambda m: m._push(tuple(m._since_mark())),
    ord("c"): lambda m: m._global(),
    ord("R"): lambda m: m._reduce(),
    ord("b"): lambda m: m._build(),
}
# What goes wrong where a pickle is none of these.
_AMISS = (ValueError, IndexError, KeyError, TypeError, struct.error, OverflowError, AttributeError)


def read_pickle(data: bytes) -> dict[str, object]:
    """The dict that a pickle holds, its names as text; arrays of bytes are NumPy's.

    Raises:
        ValueError: it is another kind of pickle, or none; a few words say why.
    """
    try:
        found = _Machine(data).run()
    except _RefusedError:
        raise
    except _AMISS as error:
        raise _RefusedError("it is damaged") from error
    if type(found) is not dict:
        raise _RefusedError("it holds no named values")
    values = ((name, value.values if isinstance(value, _Array) else value) for name, value in found.items())
    return {name if isinstance(name, str) else name.decode("latin-1"): value for name, value in values}
