"""Files of tensors as nobody should send them: some that hold the same numbers in odd ways, and many that are refused.

Each writer takes a path and a plain state dict. For those that are refused, a part of the sentence stands beside it.
"""

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

State = dict[str, Tensor]
Writer = Callable[[Path, State], object]


def first_weight(state: State) -> str:
    """The name of a weight of more than one dimension."""
    return next(name for name, tensor in state.items() if tensor.ndim > 1)


def strided(tensor: Tensor) -> Tensor:
    """Every second number of a larger tensor, as pruning leaves it behind."""
    return tensor.repeat_interleave(2, 0)[::2] if tensor.ndim else tensor


def transposed(tensor: Tensor) -> Tensor:
    """The same numbers, the last dimension first in memory."""
    return tensor.mT.contiguous().mT if tensor.ndim > 1 else tensor


def expanded(tensor: Tensor) -> Tensor:
    """One number for all, where all are the same: strides of zero."""
    is_constant = tensor.numel() > 1 and bool((tensor == tensor.flatten()[0]).all())
    return tensor.flatten()[0].clone().expand(tensor.shape) if is_constant else tensor


def doubled(tensor: Tensor) -> Tensor:
    """The same numbers in float64."""
    return tensor.double() if tensor.is_floating_point() else tensor


def channels_last(tensor: Tensor) -> Tensor:
    """As training on a CPU lays images' weights out."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


ODD_WAYS = (strided, transposed, expanded, doubled, channels_last)


def oddly(state: State) -> State:
    """The same numbers, each tensor in another odd way, and some in one storage."""
    odd = {name: ODD_WAYS[index % len(ODD_WAYS)](tensor) for index, (name, tensor) in enumerate(state.items())}
    floats = [name for index, name in enumerate(state) if state[name].dtype == torch.float32 and index % 7 == 0]
    shared = torch.cat([state[name].flatten() for name in floats]).split([state[name].numel() for name in floats])
    return odd | {name: part.view(state[name].shape) for name, part in zip(floats, shared, strict=True)}


def save(path: Path, state: Any) -> None:
    torch.save(state, path)


def save_legacy(path: Path, state: State) -> None:
    torch.save(state, path, _use_new_zipfile_serialization=False)


def save_safetensors(path: Path, state: State) -> None:
    safetensors.torch.save_file({name: tensor.clone().contiguous() for name, tensor in state.items()}, path)


FORMATS: dict[str, Writer] = {"zip": save, "legacy": save_legacy, "safetensors": save_safetensors}


def changing(change: Callable[[Tensor], Any], name: str = "") -> Writer:
    """A file in which one tensor, by the end of its name, is another one."""

    def write(path: Path, state: State) -> None:
        chosen = next(key for key in state if key.endswith(name)) if name else first_weight(state)
        save(path, {**state, chosen: change(state[chosen])})

    return write


def one_number(value: float) -> Callable[[Tensor], Tensor]:
    """The tensor with one number replaced."""

    def change(tensor: Tensor) -> Tensor:
        changed = tensor.clone()
        changed.view(-1)[-1] = value
        return changed

    return change


def head(change: Callable[[Tensor], Tensor]) -> Writer:
    """A file whose last matrix is another one."""

    def write(path: Path, state: State) -> None:
        name = [key for key, tensor in state.items() if tensor.ndim == 2][-1]
        save(path, {**state, name: change(state[name])})

    return write


def rewrite(path: Path, state: State, compression: int = zipfile.ZIP_STORED, *, pickled: bytes | None = None) -> None:
    """The archive of `torch.save`, packed anew: compressed, or with another description."""
    file = io.BytesIO()
    torch.save(state, file)
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(path, "w", compression) as target:
        for name in source.namelist():
            is_pickle = name.endswith("data.pkl")
            target.writestr(name, pickled if pickled is not None and is_pickle else source.read(name))


def described_by(pickled: bytes) -> Writer:
    """An archive with that description."""
    return lambda path, state: rewrite(path, state, pickled=b"\x80\x02" + pickled)


def deflated(path: Path, state: State) -> None:
    rewrite(path, state, zipfile.ZIP_DEFLATED)


def overlapping_slices(path: Path, state: State) -> None:
    """Every tensor strides through one storage that is the whole file, as the headers tell."""
    storage = torch.zeros(1_000_000)
    save(path, [storage[index % 500 :: 999] for index in range(500)])


def old_pickles(path: Path, state: State) -> None:
    """As torch.save wrote before version 1.6: several pickles, each just short enough."""
    system = b"\x80\x02" + b"]" * 300_000 + b"}X\r\x00\x00\x00little_endian\x88s."
    pickles = [
        pickle.dumps(0x1950A86A20F9469CFC6C, 2),
        b"\x80\x02" + b"]" * 300_000 + pickle.dumps(1001, 2)[2:],
        system,
    ]
    path.write_bytes(b"".join(pickles))


def torchscript(path: Path, state: State) -> None:
    """An archive with a program's constants and compressed code."""
    rewrite(path, state)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/constants.pkl", b"\x80\x02).")
        archive.writestr("archive/code/__torch__.py", "pass\n" * 100)


def overlapping(path: Path, state: State) -> None:
    """Two members of the directory are the same bytes of the file."""
    rewrite(path, state)
    data = path.read_bytes()
    at, end = data.index(b"PK\1\2"), data.rindex(b"PK\5\6")
    entries = data[at:end].split(b"PK\1\2")[1:]
    directory = b"".join(b"PK\1\2" + entry for entry in [*entries, entries[1]])
    closing = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(entries) + 1, len(entries) + 1, len(directory), at, 0)
    path.write_bytes(data[:at] + directory + closing)


def cut_off(path: Path, state: State) -> None:
    save(path, state)
    path.write_bytes(path.read_bytes()[:-1000])


def many_members(path: Path, state: State) -> None:
    """A directory that claims a million members."""
    rewrite(path, state)
    data = bytearray(path.read_bytes())
    struct.pack_into("<2H", data, data.rindex(b"PK\5\6") + 8, 65_535, 65_535)
    path.write_bytes(data)


def with_json(header: Any, num_bytes: int = 8) -> Writer:
    """A file of safetensors with that header, given as JSON or as text."""

    def write(path: Path, state: State) -> None:
        text = (header if isinstance(header, str) else json.dumps(header)).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(num_bytes))

    return write


def long_json(path: Path, state: State) -> None:
    """A header of as many bytes as 900,000 entries take; the file is sparse."""
    path.write_bytes(struct.pack("<Q", 60_000_000) + b'{"')
    os.truncate(path, 70_000_000)


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


class Foreign:
    """Unpickled, it would call a function."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("/tmp/never",)


def colliding_keys(path: Path, state: State) -> None:
    """Numbers whose hashes are alike: a dictionary of 20,000 of them takes twelve seconds."""
    torch.save({number * (2**61 - 1): 0 for number in range(300)} | dict(state), path)


def negated(tensor: Tensor) -> Tensor:
    """A view that says "negate me when you read me"."""
    return torch.complex(tensor, tensor).conj().imag


def quantized(tensor: Tensor) -> Tensor:
    return torch.ops.aten.quantize_per_tensor(tensor, 0.1, 0, torch.qint8)


_ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
# A list that is inside itself; a tuple of tuples of tuples, which has 2**60 ends; copies of a list, again and again.
_INSIDE_ITSELF = b"]q\x00h\x00a."
_BUSHY_KEY = b"}" + b")" + b"2\x86".replace(b"2", b"q\x00h\x00") * 60 + b"K\x01s."
_COPIES = (
    b"("
    + b"ccollections\nOrderedDict\nq\x01]q\x00("
    + b"K\x01K\x02\x86" * 1000
    + b"e"
    + b"h\x01h\x00\x85R" * 1000
    + b"t."
)

REFUSED: dict[str, tuple[Writer, str]] = {
    "complex": (changing(lambda tensor: tensor.to(torch.complex64)), "complex64 numbers"),
    "sparse": (changing(lambda tensor: tensor.to_sparse()), "is a sparse tensor"),
    "meta": (changing(lambda tensor: tensor.to("meta")), "of the meta device"),
    "quantized": (changing(quantized), "is a quantized tensor"),
    "negated": (changing(negated), "still to be negated"),
    "bool": (changing(lambda tensor: tensor > 0), "bool numbers"),
    "float8": (changing(lambda tensor: tensor.to(torch.float8_e4m3fn)), "float8_e4m3fn numbers"),
    "whole numbers": (changing(lambda tensor: tensor.to(torch.int8)), "holds whole numbers (int8)"),
    "NaN": (changing(one_number(float("nan"))), "holds NaN"),
    "infinite": (changing(one_number(float("inf"))), "holds infinite numbers"),
    "beyond float32": (changing(lambda tensor: tensor.double() * 1e300), "too large for float32"),
    "scalar": (changing(lambda tensor: torch.zeros(())), "is a single number, but it should be"),
    "empty": (changing(lambda tensor: torch.zeros(0, 512)), "is 0 x 512, but it should be"),
    "no classes": (head(lambda weight: weight[:0]), "0 classes; 1 to 100,000 are possible"),
    "10^9 classes": (head(lambda weight: torch.zeros(10**9, 0)), "1,000,000,000 classes; 1 to 100,000"),
    "expanded far": (head(lambda weight: torch.zeros(()).expand(2 * 10**9, weight.shape[1])), "is not what it seems"),
    "shared by many": (
        lambda path, state: save(path, [torch.zeros(2**20).expand(9, 2**20)] * 9),
        "is not what it seems",
    ),
    "many tensors": (lambda path, state: save(path, [torch.zeros(1)] * 10_100), "more than 10,000 tensors"),
    "many opcodes": (described_by(b"]" * 600_000 + b"."), "describes more than any network"),
    "many names": (described_by(b"(" + b"ctorch\nint\n" * 100_000 + b"t."), "describes more than any network"),
    "many opcodes in parts": (old_pickles, "describes more than any network"),
    "overlapping slices": (overlapping_slices, "its tensors overlap, and reading them takes 2 GB"),
    "long description": (described_by(b"]" * 5_000_000 + b"."), "describes more than any network"),
    "copies": (described_by(_COPIES), "describes more than any network"),
    "inside itself": (described_by(_INSIDE_ITSELF), "nested more than 32 levels deep"),
    "bushy key": (described_by(_BUSHY_KEY), "is damaged"),
    "nested": (lambda path, state: save(path, {"weights": nested(200)}), "nested more than 32 levels deep"),
    "nested deeper": (described_by(b"]" * 100_000 + b"a" * 99_999 + b"."), "nested more than 32 levels deep"),
    "long name": (lambda path, state: save(path, {"x" * 1000: torch.zeros(1)}), "a name of 1,000 letters"),
    "code": (lambda path, state: save(path, {"x": Foreign()}), "it asks for posix.mkdir"),
    "NumPy scalar": (lambda path, state: save(path, {"x": torch.zeros(1).numpy()[0]}), "it asks for numpy"),
    "keys that collide": (colliding_keys, "no checkpoint that can be read"),
    "deflated": (deflated, "is compressed or encrypted"),
    "overlapping members": (overlapping, "overlaps with another one"),
    "many members": (many_members, "has more than 10,100 parts"),
    "cut off": (cut_off, "its end is missing"),
    "TorchScript": (torchscript, "holds a TorchScript program"),
    "plain pickle": (lambda path, state: path.write_bytes(pickle.dumps([1])), "is no checkpoint"),
    "HTML": (lambda path, state: path.write_text("<html>404</html>"), "is no checkpoint"),
    "nothing": (lambda path, state: path.write_bytes(b""), "is empty"),
    "no tensors": (lambda path, state: save(path, {"a": 1}), "holds no state dict"),
    "JSON too long": (long_json, "describes more than any network"),
    "JSON nested": (with_json('{"a":' + "[" * 100_000 + "]" * 100_000 + "}"), "is damaged"),
    "JSON number": (with_json('{"a":' + "9" * 10_000 + "}"), "is damaged"),
    "JSON twice": (with_json(f'{{"a":{json.dumps(_ENTRY)},"a":{json.dumps(_ENTRY)}}}'), "is damaged"),
    "JSON overlapping": (with_json({"a": _ENTRY, "b": _ENTRY}), "its tensors overlap"),
    "JSON beyond": (with_json({"a": _ENTRY}, 3), "is cut off"),
    "JSON sizes": (with_json({"a": {**_ENTRY, "shape": [2**62, 2**62]}}), "is damaged"),
    "JSON bytes": (with_json({"a": {**_ENTRY, "data_offsets": [0, 8]}}), "other bytes than its shape needs"),
    "JSON negative": (with_json({"a": {**_ENTRY, "shape": [-1]}}), "is damaged"),
}
# These need BatchNorm.
REFUSED_STATISTICS: dict[str, tuple[Writer, str]] = {
    "negative variance": (changing(one_number(-1e-3), "running_var"), "holds a negative variance"),
    "half a batch": (changing(lambda tensor: tensor + 0.5, "num_batches_tracked"), "should hold whole numbers"),
    "negative count": (
        changing(lambda tensor: tensor - 5, "num_batches_tracked"),
        "numbers that are not possible there",
    ),
}
