"""What a pickle of `torch.save` describes, found out by following its opcodes. Nothing is imported, nothing called.

Of all that a pickle can name, only what makes tensors and plain values is understood, as PyTorch's own reader with
`weights_only=True` has it. The rest is refused by name.
"""

import pickletools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from core.models.gate.limits import EXPECTED, MAX_OPCODES, NAME_COST, TOO_LONG, RefusedError
from core.models.gate.stored import Unreadable, whole_numbers
from core.words import shown


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
_STORAGES = {f"torch.{name}Storage": dtype for name, dtype in _STORAGE_DTYPES.items()} | {
    "torch.storage.UntypedStorage": "uint8"
}
_OLD_TENSORS = {f"torch.{name}Tensor" for name in _STORAGE_DTYPES}
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


def _dictionary(pairs: Iterable[Any]) -> dict[Any, Any]:
    """A dictionary whose keys cost nothing to compare: a tuple of tuples may take for ever."""
    dictionary: dict[Any, Any] = {}
    for key, value in pairs:
        # Numbers may be chosen so that their hashes are alike, and then a dictionary of them takes for ever.
        if not isinstance(key, str) and not (type(key) is int and 0 <= key < _MAX_KEY):
            raise TypeError("no key")
        dictionary[key] = value
    return dictionary


_CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _rebuild,
    "torch._utils._rebuild_tensor_v2": _rebuild,
    "torch._utils._rebuild_tensor_v3": _rebuild_with_dtype,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "torch._utils._rebuild_parameter_with_state": lambda tensor, *_: tensor,
    "torch.nn.parameter.Parameter": lambda tensor=None, *_: tensor,
    "torch.Size": lambda sizes=(): whole_numbers(sizes),
    "torch.device": lambda *_: Name("torch.device"),
    "torch.serialization._get_layout": lambda *_: Name("torch.layout"),
    "collections.OrderedDict": lambda pairs=(): _dictionary(pairs),
    "collections.Counter": lambda counts=(): _dictionary(counts.items() if counts else ()),
    "_codecs.encode": lambda *_: Name("bytes"),
    "builtins.set": lambda *_: Name("set"),
    "builtins.bytearray": lambda *_: Name("bytearray"),
    "builtins.complex": lambda *_: Name("complex"),
    **{name: lambda *_, what=what: Unreadable(what) for name, what in _UNREADABLE.items()},
}
# What stands for itself: types of numbers, and ways to quantize.
_VALUES = (
    *("torch.float", "torch.bfloat", "torch.int", "torch.uint", "torch.bool", "torch.complex"),
    *("torch.quint", "torch.qint", "torch.per_", "torch.bits"),
)


@dataclass
class Unpickled:
    """What a pickle describes: plain values, with Tensor, Name, Instance and Unreadable among them."""

    value: Any
    storages: dict[str, Storage]


@dataclass
class Allowance:
    """How many opcodes a file's pickles may still have, all of them together."""

    opcodes: int = MAX_OPCODES

    def spend(self, opcode: str) -> None:
        """Take what an opcode costs.

        Raises:
            RefusedError: nothing is left.
        """
        self.opcodes -= NAME_COST if opcode == "GLOBAL" else 1
        if self.opcodes < 0:
            raise RefusedError(TOO_LONG)


def unpickle(stream: BinaryIO, allowance: Allowance, *, classes: frozenset[str] = frozenset()) -> Unpickled:
    """Follow one pickle, and leave the stream behind it. `classes` are those that may be made, besides.

    Raises:
        RefusedError: the pickle asks for something that could run code, or is too long.
        Exception: nearly any other; the pickle is damaged.
    """
    machine = _Machine(classes)
    for opcode, argument, _ in pickletools.genops(stream):
        allowance.spend(opcode.name)
        follow = _FOLLOW.get(opcode.name)
        if follow is None:
            raise RefusedError(
                f"holds more than tensors and plain values, or was pickled in an unusual way. {EXPECTED}"
            )
        follow(machine, argument)
    return Unpickled(machine.stack[-1], machine.storages)


@dataclass
class _Machine:
    """The stack, the marks in it, and the memory of a pickle that is being followed."""

    classes: frozenset[str]
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memory: dict[int, Any] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)
    copied: int = 0

    def _push(self, value: Any) -> None:
        self.stack.append(value)

    def _get(self, index: int) -> None:
        self.stack.append(self.memory[index])

    def _put(self, index: int) -> None:
        self.memory[index] = self.stack[-1]

    def _pop(self, count: int) -> list[Any]:
        if not 0 <= count <= len(self.stack):
            raise IndexError("empty stack")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def _pop_mark(self) -> list[Any]:
        return self._pop(len(self.stack) - self.marks.pop())

    def _mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._pop_mark()))

    def _append(self, _: Any) -> None:
        self._extend(self._pop(1))

    def _appends(self, _: Any) -> None:
        self._extend(self._pop_mark())

    def _extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise TypeError("no list")
        target.extend(values)

    def _set_item(self, _: Any) -> None:
        self._update(self._pop(2))

    def _set_items(self, _: Any) -> None:
        self._update(self._pop_mark())

    def _update(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise TypeError("no dictionary")
        target.update(_dictionary(zip(values[::2], values[1::2], strict=True)))

    def _name(self, argument: str) -> None:
        module, _, attribute = argument.partition(" ")
        name = f"{'builtins' if module == '__builtin__' else module}.{attribute}"
        known = name in _CALLS or name in _STORAGES or name in _OLD_TENSORS or name in self.classes
        if not known and not name.startswith(_VALUES):
            raise RefusedError(self._asks_for(name))
        self.stack.append(Name(name))

    def _asks_for(self, name: str) -> str:
        if self.classes:
            return (
                f"was not loaded: it asks for {shown(name)}, but only tensors, LinearModel and PyTorch's own layers "
                "are allowed, because unpickling anything else can run code."
            )
        return f"was not read: it asks for {shown(name)}, and to unpickle that can run code. {EXPECTED}"

    def _call(self, _: Any) -> None:
        function, arguments = self._pop(2)
        self._make(function.text, arguments)

    def _make(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Follow a call. What it copies counts: a few opcodes could ask for the same copy again and again."""
        self.copied += sum(len(argument) for argument in arguments if isinstance(argument, list | tuple | dict))
        if self.copied > MAX_OPCODES:
            raise RefusedError(TOO_LONG)
        self.stack.append(_CALLS[name](*arguments))

    def _new(self, _: Any) -> None:
        of, arguments = self._pop(2)
        if arguments or of.text not in self.classes | _OLD_TENSORS:
            self._make(of.text, arguments)
        else:
            self.stack.append(Instance(of.text))

    def _build(self, _: Any) -> None:
        (state,) = self._pop(1)
        target = self.stack[-1]
        if isinstance(target, Instance):
            target.state = Tensor(*state) if target.of in _OLD_TENSORS else state
        elif type(target) is not dict:  # of an OrderedDict, PyTorch keeps notes that nothing here needs
            raise TypeError("nothing that has a state")

    def _storage(self, _: Any) -> None:
        ((kind, *rest),) = self._pop(1)
        if kind == "module":  # an old file's notes on a class, with its source
            self.stack.append(rest[0])
            return
        of, key, location, _numel, *view = rest
        if kind != "storage" or not isinstance(key, str) or any(part is not None for part in view):
            raise ValueError("no storage")
        self.storages[key] = Storage(_STORAGES[of.text], key, location if isinstance(location, str) else "")
        self.stack.append(self.storages[key])


_FOLLOW: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "STOP"), lambda machine, _: None),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"), _Machine._push),
    **dict.fromkeys(("BINUNICODE", "BINSTRING", "SHORT_BINSTRING"), _Machine._push),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _Machine._get),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine._put),
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "EMPTY_TUPLE": lambda machine, _: machine.stack.append(()),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "TUPLE1": lambda machine, _: machine.stack.append(tuple(machine._pop(1))),
    "TUPLE2": lambda machine, _: machine.stack.append(tuple(machine._pop(2))),
    "TUPLE3": lambda machine, _: machine.stack.append(tuple(machine._pop(3))),
    "MARK": _Machine._mark,
    "TUPLE": _Machine._tuple,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "GLOBAL": _Machine._name,
    "REDUCE": _Machine._call,
    "NEWOBJ": _Machine._new,
    "BUILD": _Machine._build,
    "BINPERSID": _Machine._storage,
}
