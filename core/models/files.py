"""Reading tensors from files, the only place that calls `torch.load`. A file is hostile until checked."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from core.errors import WeightsFileError
from core.models.lesson import LinearModel

# All that a whole module may be made of. A file that somebody's own script wrote names that script's `LinearModel`:
# it is built from our class.
MODULE_CLASSES: tuple[Callable[..., Any] | tuple[Callable[..., Any], str], ...] = (
    LinearModel,
    (LinearModel, f"__main__.{LinearModel.__name__}"),
    *(getattr(nn.modules, name) for name in nn.modules.__all__),
)
_MAX_NAMED = 3


def read_file(path: Path) -> Any:
    """What a `.pth`, `.pt` or `.safetensors` file holds, on the CPU. Runs none of the code that a pickle may carry.

    Raises:
        WeightsFileError: the file is missing, unreadable, or holds something else than plain values and tensors.
    """
    if not os.path.isfile(path):  # False for what cannot be a path, too
        raise WeightsFileError(
            f"There is no file {path}. Check the path, as seen from the computer that runs Unfreeze."
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return _load(path)
    except MemoryError:
        raise
    except Exception as error:  # a damaged or forged pickle makes the reader raise nearly anything
        raise WeightsFileError(
            f"{path.name} is no checkpoint that can be read safely: a file of tensors, as "
            "torch.save(model.state_dict(), …) writes it, was expected."
        ) from error


def read_module(path: Path, *, name: str) -> Any:
    """What a `.pth` file holds that may be a whole module of `MODULE_CLASSES`, or tensors. `name` is for messages.

    Raises:
        WeightsFileError: the file asks for other classes, or is none that `torch.save` wrote.
    """
    try:
        return _load(path, MODULE_CLASSES)
    except MemoryError:
        raise
    except Exception as error:  # a damaged or forged pickle makes the reader raise nearly anything
        if unsafe := _not_allowed(path):
            raise WeightsFileError(
                f"{name} was not loaded: it asks for {unsafe}, but only tensors, LinearModel and PyTorch's own layers "
                "are allowed, because unpickling anything else can run code."
            ) from error
        raise WeightsFileError(
            f"{name} cannot be loaded safely: it is damaged, or torch.save did not write it. Choose a .pth file of "
            "a LinearModel."
        ) from error


def _load(path: Path, classes: Sequence[Callable[..., Any] | tuple[Callable[..., Any], str]] = ()) -> Any:
    with safe_globals(list(classes)):
        return torch.load(path, map_location="cpu", weights_only=True)


def _not_allowed(path: Path) -> str:
    """What a file asks for beyond `MODULE_CLASSES`; empty where nothing can be said."""
    try:
        with safe_globals(list(MODULE_CLASSES)):
            names = sorted(get_unsafe_globals_in_checkpoint(path))
    except Exception:  # whatever is wrong with the file has been found already
        return ""
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(name[:80] for name in names[:_MAX_NAMED]) + more


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file.

    Raises:
        WeightsFileError: the file cannot be read, or holds no state dict.
    """
    contents = read_file(path)
    if not is_state_dict(contents):
        raise WeightsFileError(
            f"{path.name} holds no state dict: a dictionary from layer names to tensors was expected."
        )
    return contents


def is_state_dict(contents: Any) -> TypeGuard[dict[str, Tensor]]:
    """Whether these are named tensors, at least one."""
    if not isinstance(contents, dict) or not contents:
        return False
    return all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in contents.items())
