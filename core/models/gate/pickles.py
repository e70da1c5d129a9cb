"""What a pickle of `torch.save` describes, found out by following its opcodes. Nothing is imported, nothing called.

Of all that a pickle can name, only what makes tensors and plain values is understood, as PyTorch's own reader with
`weights_only=True` has it. The rest is refused by name.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from core.models.gate.limits import EXPECTED, MAX_OPCODES, NAME_COST, TOO_LONG, RefusedError
from core.models.gate.named import (
    CALLS,
    OLD_TENSORS,
    STORAGES,
    VALUES,
    Instance,
    Name,
    Storage,
    Tensor,
    make_dictionary,
)
from core.words import shown


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
        target.update(make_dictionary(zip(values[::2], values[1::2], strict=True)))

    def _name(self, argument: str) -> None:
        module, _, attribute = argument.partition(" ")
        name = f"{'builtins' if module == '__builtin__' else module}.{attribute}"
        known = name in CALLS or name in STORAGES or name in OLD_TENSORS or name in self.classes
        if not known and not name.startswith(VALUES):
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
        self.stack.append(CALLS[name](*arguments))

    def _new(self, _: Any) -> None:
        of, arguments = self._pop(2)
        if arguments or of.text not in self.classes | OLD_TENSORS:
            self._make(of.text, arguments)
        else:
            self.stack.append(Instance(of.text))

    def _build(self, _: Any) -> None:
        (state,) = self._pop(1)
        target = self.stack[-1]
        if isinstance(target, Instance):
            target.state = Tensor(*state) if target.of in OLD_TENSORS else state
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
        self.storages[key] = Storage(STORAGES[of.text], key, location if isinstance(location, str) else "")
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
