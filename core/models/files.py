"""Reading tensors from files, the only place that calls `torch.load`. A file is hostile until checked."""

import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from core.errors import WeightsFileError


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
        return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged or forged pickle makes the reader raise nearly anything
        raise WeightsFileError(
            f"{path.name} is no checkpoint that can be read safely: a file of tensors, as "
            "torch.save(model.state_dict(), …) writes it, was expected."
        ) from error


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file.

    Raises:
        WeightsFileError: the file cannot be read, or holds no state dict.
    """
    contents = read_file(path)
    if (
        not isinstance(contents, dict)
        or not contents
        or not all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in contents.items())
    ):
        raise WeightsFileError(
            f"{path.name} holds no state dict: a dictionary from layer names to tensors was expected."
        )
    return contents
