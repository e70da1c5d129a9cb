"""One file that holds a trained network and explains itself. Knows the format, not how training goes.

A checkpoint is one dict that loads with `weights_only=True`:

    format         2; a 1 has a transform of `core.data.first_transforms`
    architecture   a name of the catalog
    classes        names, in the order of the logits
    transform      the evaluation transform's values
    weights        the state dict, float32, on the CPU
    configuration  the run's settings
    metrics        epoch, step, validation accuracy
    training       what resuming needs beside the rest: optimizer, position, clock, best epoch. Not in `best.pt`
"""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.data.first_transforms import FirstTransform
from core.data.transforms import EvaluationTransform, Transform
from core.durable import replace_file
from core.errors import WeightsFileError
from core.models import build, catalog, heads
from core.models.files import is_state_dict, read_file

FORMAT = 2
_READABLE = (1, 2)


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """A network ready to predict, with what its inputs and outputs mean."""

    model: nn.Module  # in eval mode, on the CPU
    classes: tuple[str, ...]
    transform: Transform


def write_checkpoint(path: Path, contents: dict[str, Any]) -> None:
    """Put a checkpoint in place, atomically."""
    replace_file(path, lambda file: torch.save({"format": FORMAT, **contents}, file))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's contents, with tensors on the CPU.

    Raises:
        WeightsFileError: the file cannot be read, or is no checkpoint of Unfreeze.
    """
    contents = read_file(path)
    expected = {"architecture", "classes", "transform", "weights", "configuration", "metrics"}
    if not isinstance(contents, dict) or contents.get("format") not in _READABLE or not expected <= set(contents):
        raise WeightsFileError(f"{path.name} is no checkpoint of Unfreeze: one that a run has written was expected.")
    return contents


def load_network(path: Path) -> TrainedNetwork:
    """The network of a checkpoint, ready to predict.

    Raises:
        WeightsFileError: the file cannot be read, or is no checkpoint of Unfreeze.
    """
    contents = read_checkpoint(path)
    architecture, weights, classes = contents["architecture"], contents["weights"], contents["classes"]
    damaged = WeightsFileError(f"{path.name} is damaged: what it says of its network does not fit together.")
    # Whoever made the file may have written anything into it.
    if str(architecture) not in catalog.ARCHITECTURES or not is_state_dict(weights):
        raise damaged
    model = build.build_for_weights(str(architecture), weights, path.name).eval()
    num_classes = len(heads.get_head(model, str(architecture)).weight)
    if not isinstance(classes, list) or len(classes) != num_classes or not all(isinstance(c, str) for c in classes):
        raise damaged
    try:
        transform = read_transform(contents["transform"])
    except ValueError as error:
        raise damaged from error
    return TrainedNetwork(model=model, classes=tuple(classes), transform=transform)


def read_transform(values: Any) -> Transform:
    """The transform that a checkpoint records.

    Raises:
        ValueError: these are no transform's values.
    """
    if not isinstance(values, dict):
        raise ValueError("no transform: named values were expected")
    return (EvaluationTransform if "kernel" in values else FirstTransform).from_dict(values)


def is_intact(path: Path) -> bool:
    """Whether every byte of a checkpoint is as it was written.

    `torch.save` stores a CRC-32 of each member of its zip archive, but `torch.load` does not look at them.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return False


def is_checkpoint(contents: Any) -> bool:
    """Whether a file's contents claim to be a checkpoint of Unfreeze."""
    return isinstance(contents, dict) and "format" in contents and "weights" in contents
