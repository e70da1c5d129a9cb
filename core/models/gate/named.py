"""What a pickle of `torch.save` may name, and what stands in its place while the pickle is followed. Calls nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from core.models.gate.stored import Unreadable, whole_numbers


@dataclass(frozen=True)
class Name:
    """Something that the pickle names: a type of storage, a function, a class."""

    text: str


@dataclass(frozen=True)
class Storage:
    """Numbers of one type in a row. `key` says which of the file's."""

    dtype: str  # of a storage without one, "uint8": its size is in bytes
    key: str
    location: str  # "cpu", "cuda:0"; "meta" has no numbers


@dataclass(frozen=True)
class Tensor:
    """A view of a storage, as the pickle has it: nothing of it is checked."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any
    dtype: str | None = None  # where it is not the storage's


@dataclass
class Instance:
    """An object of an allowed class, or a tensor of the oldest files: both are made empty and then filled."""

    of: str
    state: Any = None


_STORAGE_DTYPES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
} | dict.fromkeys(("QInt8", "QInt32", "QUInt8", "QUInt4x2", "QUInt2x4"), "quantized")
STORAGES = {f"torch.{name}Storage": dtype for name, dtype in _STORAGE_DTYPES.items()} | {
    "torch.storage.UntypedStorage": "uint8"
}
OLD_TENSORS = {f"torch.{name}Tensor" for name in _STORAGE_DTYPES}
_UNREADABLE = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_qtensor": "a quantized tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without numbers, of the meta device",
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a class of its own",
    "torch._utils._rebuild_device_tensor_from_numpy": "a tensor of a device that is not here",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "a tensor of a device that is not here",
    "torch._tensor._rebuild_from_type_v2": "a tensor of a class of its own",
}


def _rebuild(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Any:
    """A tensor. `rest` is whether it learns, its hooks, and its postponed arithmetic."""
    if rest[2:] and rest[2]:
        return Unreadable("a tensor that is still to be negated or conjugated")
    return Tensor(storage, offset, shape, strides)


def _rebuild_with_dtype(
    storage: Any, offset: Any, shape: Any, strides: Any, learns: Any, hooks: Any, dtype: Any, *rest: Any
) -> Any:
    return Tensor(storage, offset, shape, strides, dtype.text.removeprefix("torch."))


_MAX_KEY = 2**32  # its hash is itself


def make_dictionary(pairs: Iterable[Any]) -> dict[Any, Any]:
    """A dictionary whose keys cost nothing to compare: a tuple of tuples may take for ever."""
    dictionary: dict[Any, Any] = {}
    for key, value in pairs:
        # Numbers may be chosen so that their hashes are alike, and then a dictionary of them takes for ever.
        if not isinstance(key, str) and not (type(key) is int and 0 <= key < _MAX_KEY):
            raise TypeError("no key")
        dictionary[key] = value
    return dictionary


CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _rebuild,
    "torch._utils._rebuild_tensor_v2": _rebuild,
    "torch._utils._rebuild_tensor_v3": _rebuild_with_dtype,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "torch._utils._rebuild_parameter_with_state": lambda tensor, *_: tensor,
    "torch.nn.parameter.Parameter": lambda tensor=None, *_: tensor,
    "torch.Size": lambda sizes=(): whole_numbers(sizes),
    "torch.device": lambda *_: Name("torch.device"),
    "torch.serialization._get_layout": lambda *_: Name("torch.layout"),
    "collections.OrderedDict": lambda pairs=(): make_dictionary(pairs),
    "collections.Counter": lambda counts=(): make_dictionary(counts.items() if counts else ()),
    "_codecs.encode": lambda *_: Name("bytes"),
    "builtins.set": lambda *_: Name("set"),
    "builtins.bytearray": lambda *_: Name("bytearray"),
    "builtins.complex": lambda *_: Name("complex"),
    **{name: lambda *_, what=what: Unreadable(what) for name, what in _UNREADABLE.items()},
}
# What stands for itself: types of numbers, and ways to quantize.
VALUES = (
    *("torch.float", "torch.bfloat", "torch.int", "torch.uint", "torch.bool", "torch.complex"),
    *("torch.quint", "torch.qint", "torch.per_", "torch.bits"),
)
