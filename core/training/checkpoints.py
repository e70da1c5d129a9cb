"""One file that holds a trained network and explains itself. Knows the format, not how training goes.

A checkpoint is one dict that loads with `weights_only=True`:

    format         2; a 1 has a transform of `core.data.first_transforms`
    architecture   a name of the catalog
    classes        names, in the order of the logits
    transform      the evaluation transform's values
    weights        the state dict, float32, on the CPU
    configuration  the run's settings
    data_digest    of the photos, labels and sides that it was trained on; earlier versions wrote none
    metrics        epoch, step, validation accuracy (None without validation photos)
    training       what resuming needs beside the rest: optimizer, position, clock, best epoch. Not in `best.pt`
"""

import errno
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.data.first_transforms import FirstTransform
from core.data.transforms import EvaluationTransform, Transform
from core.durable import replace_file
from core.errors import WeightsFileError
from core.models import build, heads
from core.models.files import is_state_dict, load
from core.models.gate.headers import read_headers
from core.training.fields import are_classes, check_fields, check_image_size, is_architecture
from core.words import shown

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


def on_cpu(values: Any) -> Any:
    """The same nested dictionaries and lists, with tensors that a machine without the device can read."""
    if isinstance(values, Tensor):
        return values.detach().cpu()
    if isinstance(values, dict):
        return {name: on_cpu(value) for name, value in values.items()}
    return [on_cpu(value) for value in values] if isinstance(values, list) else values


def plain(tensor: Tensor) -> Tensor:
    """As anybody can read it: on the CPU, contiguous."""
    return tensor.detach().cpu().contiguous()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's contents, with tensors on the CPU.

    Raises:
        WeightsFileError: the file cannot be read, or is no checkpoint of Unfreeze.
    """
    described = _describe(path)
    try:
        read_transform(described["transform"])
        check_fields(described)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise WeightsFileError(f"{shown(path.name)} is damaged: what it says of its run is not possible.") from error
    contents: dict[str, Any] = load(described, path.name)
    return contents


def load_network(path: Path) -> TrainedNetwork:
    """The network of a checkpoint, ready to predict.

    Raises:
        WeightsFileError: the file cannot be read, or is no checkpoint of Unfreeze.
    """
    contents = _describe(path)
    architecture, weights, classes = contents["architecture"], contents["weights"], contents["classes"]
    damaged = WeightsFileError(f"{shown(path.name)} is damaged: what it says of its network does not fit together.")
    # Whoever made the file may have written anything into it.
    if not is_architecture(architecture) or not is_state_dict(weights) or not are_classes(classes):
        raise damaged
    try:
        transform = read_transform(contents["transform"])
        check_image_size(architecture, transform.image_size)
    except ValueError as error:
        raise WeightsFileError(
            f"{shown(path.name)} is damaged: its image size, mean or deviation is not possible."
        ) from error
    model = build.build_for_weights(architecture, weights, shown(path.name)).eval()
    if len(classes) != len(heads.get_head(model, architecture).weight):
        raise damaged
    return TrainedNetwork(model=model, classes=tuple(classes), transform=transform)


def _describe(path: Path) -> dict[str, Any]:
    """A checkpoint's contents before a tensor is read.

    Raises:
        WeightsFileError: the file cannot be read, or is no checkpoint of Unfreeze.
    """
    contents = read_headers(path)
    expected = {"architecture", "classes", "transform", "weights", "configuration", "metrics"}
    version = contents.get("format") if isinstance(contents, dict) else None
    if type(version) is not int or version not in _READABLE or not expected <= set(contents):
        raise WeightsFileError(
            f"{shown(path.name)} is no checkpoint of Unfreeze: one that a run has written was expected."
        )
    return dict(contents)


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

    Raises:
        OSError: the disk cannot be read, which says nothing of the file.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                is_stored = all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())
                return is_stored and archive.testzip() is None
        except (EOFError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error):
            return False
        except OSError as error:
            if error.errno == errno.EINVAL:  # a place in the file that no file can have
                return False
            raise


def is_checkpoint(contents: Any) -> bool:
    """Whether a file's contents claim to be a checkpoint of Unfreeze."""
    return isinstance(contents, dict) and "format" in contents and "weights" in contents
