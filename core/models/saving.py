"""The two ways to save a model and to load it back: its state dict, or the whole module. Knows nothing of pages."""

import math
import tempfile
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import WeightsFileError
from core.models.files import read_module, read_state_dict
from core.models.lesson import LinearModel
from core.models.saved import FILE_NAMES, LoadedModel, NamedTensor, SavedModel, Way


def save_and_load(weight: float, bias: float) -> tuple[SavedModel, ...]:
    """Save the fitted model in both ways, and load it back from the files, as somebody else would."""
    model = _linear_model(weight, bias)
    parameters = _describe(model.named_parameters())
    with tempfile.TemporaryDirectory() as folder:
        paths: dict[Way, Path] = {way: Path(folder) / name for way, name in FILE_NAMES.items()}
        torch.save(model.state_dict(), paths["state_dict"])
        torch.save(model, paths["module"])

        from_state_dict = LinearModel()
        from_state_dict.load_state_dict(read_state_dict(paths["state_dict"]))
        from_state_dict.eval()
        from_module: LinearModel = read_module(paths["module"], name=FILE_NAMES["module"])
        from_module.eval()

        loaded: dict[Way, LinearModel] = {"state_dict": from_state_dict, "module": from_module}
        return tuple(
            SavedModel(
                way=way,
                contents=path.read_bytes(),
                parameters=parameters,
                loaded=_describe(loaded[way].named_parameters()),
            )
            for way, path in paths.items()
        )


def load_line(name: str, contents: bytes) -> LoadedModel:
    """The line in a user's file, saved in either way. `name` is what the user calls the file.

    Raises:
        WeightsFileError: the file cannot be loaded safely, or holds no line.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload.pth"
        path.write_bytes(contents)
        found = read_module(path, name=name)
    try:
        way, tensors = _tensors(found)
        if {key: tensor.numel() for key, tensor in tensors.items()} != {"weight": 1, "bias": 1}:
            raise ValueError("other tensors")
        line = LoadedModel(
            way=way,
            weight=tensors["weight"].item(),
            bias=tensors["bias"].item(),
            parameters=_describe(tensors.items()),
        )
        if not math.isfinite(line.weight) or not math.isfinite(line.bias):
            raise ValueError("not finite")
    except Exception as error:  # a forged module can lack whatever a module has
        raise WeightsFileError(
            f"{name} holds no line: a model with one weight and one bias, both finite numbers, was expected."
        ) from error
    return line


def _tensors(found: object) -> tuple[Way, dict[str, Tensor]]:
    """The named tensors of what a file held, and how it was saved."""
    if isinstance(found, nn.Module):
        return "module", dict(found.named_parameters())
    if not isinstance(found, dict) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise TypeError(f"neither a module nor a state dict: {type(found).__name__}")
    return "state_dict", found


def _linear_model(weight: float, bias: float) -> LinearModel:
    model = LinearModel()
    with torch.no_grad():
        model.weight.fill_(weight)
        model.bias.fill_(bias)
    return model


def _describe(tensors: Iterable[tuple[str, Tensor]]) -> tuple[NamedTensor, ...]:
    return tuple(
        NamedTensor(name=name, value=tensor.item(), shape=tuple(tensor.shape), requires_grad=tensor.requires_grad)
        for name, tensor in tensors
    )
