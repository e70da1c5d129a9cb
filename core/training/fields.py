"""Whether what a checkpoint says of its network and its run can be. Whoever made the file may have written anything."""

import math
from collections.abc import Mapping, Set
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from core.errors import WeightsFileError
from core.models import catalog, heads
from core.models.files import is_state_dict
from core.models.fitting import as_weight
from core.models.gate.limits import MAX_CLASSES
from core.runs.config import FineTuneConfig
from core.words import shown

_WHOLE = {"metrics": ("epoch", "step"), "training": ("epoch", "batch", "step", "best_epoch")}
_NUMBERS = {"metrics": (), "training": ("seconds",)}
_ACCURACIES = {"metrics": "validation_accuracy", "training": "best_accuracy"}  # None where none is known


def is_architecture(value: Any) -> TypeGuard[str]:
    """Whether this names a network of the catalog."""
    return isinstance(value, str) and value in catalog.ARCHITECTURES


def are_classes(value: Any) -> TypeGuard[list[str]]:
    """Whether these are names of classes."""
    return isinstance(value, list) and 0 < len(value) <= MAX_CLASSES and all(isinstance(name, str) for name in value)


def check_image_size(architecture: str, image_size: int) -> None:
    """Whether the network reads images of this size, in pixels.

    Raises:
        ValueError: it does not.
    """
    known = catalog.ARCHITECTURES[architecture]
    if known.image_size not in (None, image_size) or image_size < known.min_image_size:
        raise ValueError(f"{known.label} cannot read images of {image_size} pixels")


def check_fields(contents: dict[str, Any]) -> None:
    """Whether a run can go on from what a checkpoint says; its weights are compared with the network later.

    Raises:
        ValueError, or nearly any other: it cannot.
    """
    settings = contents["configuration"]
    if not all(isinstance(value, str | int | float | None) for value in settings.values()):
        raise ValueError("a setting that is no plain value")
    config = FineTuneConfig.from_dict(settings)
    if config.architecture != contents["architecture"] or not are_classes(contents["classes"]):
        raise ValueError("another network, or no classes")
    if not is_state_dict(contents["weights"]):
        raise ValueError("no weights")
    if not isinstance(contents.get("data_digest", ""), str):
        raise ValueError("a digest that is none")
    for part in ("metrics", "training"):
        if part in contents:
            _check_part(part, contents[part])


def _check_part(part: str, values: dict[str, Any]) -> None:
    if not all(type(values[name]) is int and 0 <= values[name] < 2**53 for name in _WHOLE[part]):
        raise ValueError(f"{part} without its counts")
    if not all(_is_number(values[name]) for name in _NUMBERS[part]):
        raise ValueError(f"{part} without its numbers")
    if values[_ACCURACIES[part]] is not None and not _is_number(values[_ACCURACIES[part]]):
        raise ValueError(f"{part} with an accuracy that is none")
    if any(values.get(name) and not is_state_dict(values[name]) for name in ("best_weights", "average")):
        raise ValueError("weights that are none")
    if type(values.get("num_pieces", 1)) is not int or not 1 <= values.get("num_pieces", 1) <= 2**20:
        raise ValueError("pieces that cannot be")
    scores = values.get("scores", [])
    if not isinstance(scores, list) or not all(
        score is None or _is_number(score) for score in (*scores, values.get("best_score"), values.get("score"))
    ):
        raise ValueError("scores that are none")
    if not isinstance(values.get("rows_hash"), str | None):
        raise ValueError("other notes than a run makes")


def check_head(head: heads.Head, classes: tuple[str, ...], source: str) -> None:
    """Whether a network answers with the classes of the data that it is to be trained on.

    Raises:
        WeightsFileError: it does not.
    """
    if len(head.weight) != len(classes):
        raise WeightsFileError(
            f"{shown(source)} is damaged: its network has {len(head.weight):,} classes, its data {len(classes):,}."
        )


def check_position(epoch: int, batch: int, step: int, steps_per_epoch: int, epochs: int, source: str) -> None:
    """Whether a training can be where a checkpoint says it is. It counts complete epochs, batches of the next, steps.

    Raises:
        WeightsFileError: it cannot.
    """
    if step != epoch * steps_per_epoch + batch or batch > steps_per_epoch or epoch > epochs:
        raise WeightsFileError(f"{shown(source)} is damaged: it is at a step where its run never is.")


def copy_weights(saved: Mapping[str, Tensor], module: nn.Module, source: str) -> dict[str, Tensor]:
    """Copies of those of a module's weights that were saved, on its device and laid out in memory like its own.

    Kernels, and so the last digits of what is computed, differ with the layout.

    Raises:
        WeightsFileError: they are not this module's.
    """
    expected = module.state_dict()
    found = {name: tensor for name, tensor in saved.items() if name in expected}
    if any(tensor.shape != expected[name].shape for name, tensor in found.items()):
        raise WeightsFileError(f"{shown(source)} is damaged: its best epoch's weights do not fit its network.")
    return {
        name: torch.empty_like(expected[name]).copy_(
            as_weight(tensor, name=name, expected=expected, source=shown(source))
        )
        for name, tensor in found.items()
    }


def under_whole_names(weights: dict[str, Tensor], architecture: str) -> dict[str, Tensor]:
    """Weights under their names in the network: earlier versions wrote those of a head alone under the head's own."""
    head = catalog.ARCHITECTURES[architecture].head
    return {name if "." in name else f"{head}.{name}": tensor for name, tensor in weights.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: Any, names: Set[str], source: str) -> None:
    """Give an optimizer the memory that a checkpoint holds of it. Its settings stay those of the configuration.

    `names` are what it remembers of a parameter. A fused kernel walks through parameter and memory side by side,
    whatever their shapes and strides are.

    Raises:
        WeightsFileError: that memory is not this optimizer's.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state = saved.get("state") if isinstance(saved, dict) else None
    if not isinstance(state, dict) or not all(_is_memory_of(parameters, names, *entry) for entry in state.items()):
        raise WeightsFileError(f"{shown(source)} is damaged: what its optimizer remembers does not fit its network.")
    memory = {
        index: {name: _laid_out_as(parameters[index], values) for name, values in entry.items()}
        for index, entry in state.items()
    }
    optimizer.load_state_dict({"state": memory, "param_groups": optimizer.state_dict()["param_groups"]})


def _laid_out_as(parameter: Tensor, values: Tensor | None) -> Tensor | None:
    """What is remembered of each of a parameter's numbers, in the order in which they lie in memory."""
    if values is None or values.shape != parameter.shape:
        return values
    return torch.empty_like(parameter, requires_grad=False).copy_(values)


def _is_memory_of(parameters: list[Tensor], names: Set[str], index: Any, memory: Any) -> bool:
    """Whether this can be what is remembered of the parameter with that index."""
    if type(index) is not int or not 0 <= index < len(parameters) or not isinstance(memory, dict):
        return False
    if memory.keys() != names:
        return False
    return all(_can_be_remembered(name, values, parameters[index]) for name, values in memory.items())


def _can_be_remembered(name: str, values: Any, parameter: Tensor) -> bool:
    if values is None:
        return name == "momentum_buffer"  # without momentum there is none
    if not isinstance(values, Tensor) or not values.is_floating_point() or not bool(values.float().isfinite().all()):
        return False
    if name == "step":  # a count
        return values.shape == () and float(values) >= 0
    return values.shape == parameter.shape and (name != "exp_avg_sq" or bool((values >= 0).all()))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
