"""Reading tensors from files, the only place that calls `torch.load`. A file is hostile until checked.

What a file holds, and where, `core.models.gate` has checked before. Here its numbers are copied out: each tensor is
contiguous and has a storage of its own, whatever the file shares, repeats or strides over.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.serialization import safe_globals

from core.errors import ReadingError, WeightsFileError
from core.models.gate.headers import read_headers
from core.models.gate.limits import RefusedError
from core.models.gate.stored import StoredTensor, Unreadable
from core.models.lesson import LinearModel
from core.words import shown

# All that a whole module may be made of. A file that somebody's own script wrote names that script's `LinearModel`:
# it is built from our class.
MODULE_CLASSES: tuple[Callable[..., Any] | tuple[Callable[..., Any], str], ...] = (
    LinearModel,
    (LinearModel, f"__main__.{LinearModel.__name__}"),
    *(getattr(nn.modules, name) for name in nn.modules.__all__),
)
_MODULE_NAMES = frozenset(
    entry[1] if isinstance(entry, tuple) else f"{entry.__module__}.{entry.__qualname__}" for entry in MODULE_CLASSES
)


def read_file(path: Path) -> Any:
    """What a file holds, of `torch.save` or of safetensors, with its tensors on the CPU. Runs no code of a pickle.

    Raises:
        WeightsFileError: the file is missing, unreadable, or holds something else than plain values and tensors.
    """
    return load(read_headers(path), path.name)


def load(described: Any, source: str) -> Any:
    """What `read_headers` has described, with the tensors themselves. `source` is the file's name, for messages.

    Raises:
        WeightsFileError: a tensor is of a kind that cannot be read.
    """

    def inside(value: Any, name: str) -> Any:
        if isinstance(value, StoredTensor | Unreadable):
            return read_tensor(value, name, source)
        if isinstance(value, dict):
            return {key: inside(inner, f"{name}.{key}" if name else str(key)) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(inside(inner, f"{name}.{index}") for index, inner in enumerate(value))
        return value

    return inside(described, "")


def read_tensor(stored: StoredTensor | Unreadable, name: str, source: str) -> Tensor:
    """The numbers of one tensor, contiguous, in a storage that is its own. `name` and `source` are for messages.

    Raises:
        WeightsFileError: it is of a kind that cannot be read, or the file has changed.
        ReadingError: the disk does not give it.
    """
    if isinstance(stored, Unreadable):
        raise WeightsFileError(
            f"{shown(source)} cannot be used: {shown(name)} is {stored.what}. Save the network's plain float32 weights."
        )
    numbers = torch.empty(stored.span, dtype=getattr(torch, stored.dtype))
    try:
        stored.file.read_into(memoryview(numbers.view(torch.uint8).numpy().data), stored.start)
    except RefusedError as refused:
        raise WeightsFileError(f"{shown(source)} {refused}") from refused
    except OSError as error:
        raise ReadingError(f"{shown(source)} cannot be read: {error.strerror}. Try again.") from error
    return numbers.as_strided(stored.shape, stored.strides).clone(memory_format=torch.contiguous_format)


def read_module(path: Path, *, name: str) -> Any:
    """What a `.pth` file holds that may be a whole module of `MODULE_CLASSES`, or tensors. `name` is for messages.

    Raises:
        WeightsFileError: the file asks for other classes, or is none that `torch.save` wrote.
    """
    read_headers(path, name=name, classes=_MODULE_NAMES)
    try:
        with safe_globals(list(MODULE_CLASSES)):
            return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged or forged pickle makes the reader raise nearly anything
        raise WeightsFileError(
            f"{shown(name)} cannot be loaded safely: it is damaged, or torch.save did not write it. Choose a .pth file "
            "of a LinearModel."
        ) from error


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file.

    Raises:
        WeightsFileError: the file cannot be read, or holds no state dict.
    """
    tensors: dict[str, Tensor] = load(describe_state_dict(path), path.name)
    return tensors


def describe_state_dict(path: Path) -> dict[str, StoredTensor | Unreadable]:
    """The named tensors of a file, of which no number has been read yet.

    Raises:
        WeightsFileError: the file cannot be read, or holds no state dict.
    """
    described = read_headers(path)
    if not is_state_dict(described):
        raise WeightsFileError(
            f"{shown(path.name)} holds no state dict: a dictionary from layer names to tensors was expected."
        )
    return described


def is_state_dict(contents: Any) -> TypeGuard[dict[str, Any]]:
    """Whether these are named tensors, described or read, at least one."""
    if not isinstance(contents, dict) or not contents:
        return False
    kinds = Tensor | StoredTensor | Unreadable
    return all(isinstance(name, str) and isinstance(tensor, kinds) for name, tensor in contents.items())
