"""What a file of tensors says it holds: of `torch.save`, of today or of before 2020, or of safetensors.

What a file is, its content says, not its name. Read without torch, and without a single number of a tensor.
"""

import io
import json
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from core.errors import ReadingError, WeightsFileError
from core.models.gate import archive
from core.models.gate.limits import (
    EXPECTED,
    MAX_DEPTH,
    MAX_HEADER_BYTES,
    MAX_NAME_LENGTH,
    MAX_TENSORS,
    MAX_VALUES,
    TOO_LONG,
    TOO_MANY,
    RefusedError,
)
from core.models.gate.named import Instance, Storage, Tensor
from core.models.gate.pickles import Allowance, unpickle
from core.models.gate.stored import (
    ALL_SIZES,
    OpenFile,
    StoredTensor,
    Unreadable,
    check_sizes,
    contiguous,
    locate,
    whole_numbers,
)
from core.words import shown

CUT_OFF = "is cut off: it ends before its tensors do. Copy or download it again."
Places = Mapping[str, tuple[int, int]]  # of storages by their keys: (start, bytes)

_ZIP = b"PK\3\4"
_LEGACY = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")  # the pickle of a number that old files begin with
_JSON_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool"} | {
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
}


def read_headers(path: Path, *, name: str = "", classes: frozenset[str] = frozenset()) -> Any:
    """What a file holds: plain values, with a `StoredTensor` in place of every tensor, or `Unreadable`.

    `name` is what messages call it, and `classes` are those of whole modules that it may hold. Takes less than a second
    and little memory, whatever is in the file.

    Raises:
        WeightsFileError: the file is missing, damaged, or holds something else than plain values and tensors.
        ReadingError: the disk does not give it.
    """
    called = shown(name or path.name)
    if os.path.isdir(path):
        raise WeightsFileError(f"{shown(path)} is a folder. Name the file of weights that lies in it.")
    if not os.path.isfile(path):  # False for what cannot be a path, too
        raise WeightsFileError(
            f"There is no file {shown(path)}. Check the path, as seen from the computer that runs Unfreeze."
        )
    try:
        return _read(OpenFile(path), classes)
    except RefusedError as refused:
        raise WeightsFileError(f"{called} {refused}") from refused
    except OSError as error:  # which says nothing of what is in the file
        raise ReadingError(f"{called} cannot be read: {error.strerror}. Make it readable, and try again.") from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged or forged file breaks its reader in any way
        raise WeightsFileError(f"{called} is damaged, or no checkpoint that can be read. {EXPECTED}") from error


def _read(file: OpenFile, classes: frozenset[str]) -> Any:
    if not file.num_bytes:
        raise RefusedError(f"is empty. {EXPECTED}")
    start = file.read(0, len(_LEGACY))
    if start.startswith(_ZIP):
        return _read_zip(file, classes)
    if start == _LEGACY:
        return _read_legacy(file, classes)
    if start[8:9] == b"{":
        return _read_safetensors(file)
    raise RefusedError(f"is no checkpoint that can be read safely. {EXPECTED}")


def _read_zip(file: OpenFile, classes: frozenset[str]) -> Any:
    members = archive.members(file)
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise RefusedError(f"is an archive without tensors. {EXPECTED}")
    folder = pickles[0].removesuffix("data.pkl")
    if (order := members.get(f"{folder}byteorder")) and file.read(order[0], min(order[1], 8)) != b"little":
        raise RefusedError("was written on a computer with another order of bytes. Save it again on this one.")
    start, num_bytes = members[pickles[0]]
    if num_bytes > MAX_HEADER_BYTES:
        raise RefusedError(TOO_LONG)
    found = unpickle(io.BytesIO(file.read(start, num_bytes)), Allowance(), classes=classes)
    places = {key: members[f"{folder}data/{key}"] for key, of in found.storages.items() if of.location != "meta"}
    return _describe(found.value, file, places)


def _read_legacy(file: OpenFile, classes: frozenset[str]) -> Any:
    """A file from before PyTorch 1.6: five pickles, then the storages, each with its length before it."""
    stream, allowance = io.BytesIO(file.read(0, MAX_HEADER_BYTES)), Allowance()
    _, version, system = (unpickle(stream, allowance).value for _ in range(3))
    if version != 1001 or not system["little_endian"]:
        raise RefusedError("was written in a way that is not known. Save it again with torch.save.")
    found = unpickle(stream, allowance, classes=classes)
    keys = unpickle(stream, allowance).value
    position = stream.tell()
    places: dict[str, tuple[int, int]] = {}
    for key in keys:
        dtype = found.storages[key].dtype
        if dtype not in ALL_SIZES:
            raise RefusedError(f"holds {dtype} tensors, which cannot be read. {EXPECTED}")
        (count,) = struct.unpack("<Q", file.read(position, 8).ljust(8, b"\xff"))
        places[key] = position + 8, count * ALL_SIZES[dtype]
        position = sum(places[key])
        if position > file.num_bytes:
            raise RefusedError(CUT_OFF)
    return _describe(found.value, file, places)


def _read_safetensors(file: OpenFile) -> Any:
    (length,) = struct.unpack("<Q", file.read(0, 8))
    if length > file.num_bytes - 8:
        raise RefusedError(CUT_OFF)
    if length > MAX_HEADER_BYTES:
        raise RefusedError(TOO_LONG)
    entries = json.loads(file.read(8, length), object_pairs_hook=_without_repeats)
    entries.pop("__metadata__", None)
    tensors = {name: _entry(file, 8 + length, name, entry) for name, entry in entries.items()}
    ends = sorted(tuple(entry["data_offsets"]) for entry in entries.values())
    if any(start < end for (_, end), (start, _) in pairwise(ends)):
        raise RefusedError("is damaged: its tensors overlap.")
    return _describe(tensors, file, {})


def _entry(file: OpenFile, base: int, name: str, entry: dict[str, Any]) -> StoredTensor | Unreadable:
    start, end = whole_numbers(entry["data_offsets"])
    if base + max(start, end) > file.num_bytes:
        raise RefusedError(CUT_OFF)
    dtype, shape = _JSON_DTYPES.get(entry["dtype"], entry["dtype"]), whole_numbers(entry["shape"])
    tensor = locate(file, name, dtype, (base + start, end - start), 0, shape, contiguous(shape))
    if isinstance(tensor, StoredTensor) and tensor.num_bytes != end - start:
        raise RefusedError(f"is damaged: {shown(name)} has other bytes than its shape needs.")
    return tensor


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_TENSORS + 1:
        raise RefusedError(TOO_MANY)
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a name twice")
    return entries


def _describe(value: Any, file: OpenFile, places: Places) -> Any:
    """What was found, with every tensor where it lies.

    Raises:
        RefusedError: it is more, deeper, or larger than any network.
    """
    walk = _Walk(file, places)
    described = walk.follow(value, "", 0)
    check_sizes(walk.tensors, file.num_bytes)
    return described


@dataclass
class _Walk:
    """Goes through all that a file describes, once, and counts."""

    file: OpenFile
    places: Places
    tensors: list[tuple[str, StoredTensor]] = field(default_factory=list)  # with their dotted names
    num_values: int = 0

    def follow(self, value: Any, name: str, depth: int) -> Any:
        """A copy of a value in which tensors are located."""
        self.num_values += 1
        if depth > MAX_DEPTH:
            raise RefusedError(f"is nested more than {MAX_DEPTH} levels deep, which no checkpoint of a network is.")
        if self.num_values > MAX_VALUES:
            raise RefusedError(TOO_LONG)
        if isinstance(value, dict):
            return dict(self._inside(value.items(), name, depth))
        if isinstance(value, list | tuple):
            return type(value)(inner for _, inner in self._inside(enumerate(value), name, depth))
        if isinstance(value, Instance):
            state = self.follow(value.state, name, depth + 1)
            return state if isinstance(state, StoredTensor) else Instance(value.of, state)
        if isinstance(value, Tensor):
            value = self._locate(value, name)
        if isinstance(value, StoredTensor):
            self.tensors.append((name, value))
            if len(self.tensors) > MAX_TENSORS:
                raise RefusedError(TOO_MANY)
        return value

    def _inside(self, entries: Iterable[tuple[Any, Any]], name: str, depth: int) -> Iterable[tuple[Any, Any]]:
        for key, value in entries:
            full = f"{name}.{key}" if name else str(key)
            if len(full) > MAX_NAME_LENGTH:
                raise RefusedError(f"holds a name of {len(full):,} letters, {shown(full)}, which no network has.")
            yield key, self.follow(value, full, depth + 1)

    def _locate(self, tensor: Tensor, name: str) -> StoredTensor | Unreadable:
        storage = tensor.storage
        if not isinstance(storage, Storage):
            raise TypeError("a tensor of no storage")
        if storage.location == "meta":
            return Unreadable("a tensor without numbers, of the meta device")
        dtype = tensor.dtype or storage.dtype
        return locate(self.file, name, dtype, self.places[storage.key], tensor.offset, tensor.shape, tensor.strides)
