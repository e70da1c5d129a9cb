"""Whether tensors of a file are the weights that a network needs. Compares shapes first, and looks at numbers last."""

from collections.abc import Mapping

import torch
from torch import Tensor

from core.errors import WeightsFileError
from core.models.files import read_tensor
from core.models.gate.limits import MAX_CLASSES
from core.models.gate.stored import StoredTensor, Unreadable
from core.words import shown

AnyTensor = Tensor | StoredTensor | Unreadable


def check_classes(head: AnyTensor | None, default: int, source: str) -> int:
    """For how many classes a network is, by the weights of its head; `default` where they are no head's.

    Raises:
        WeightsFileError: there are none, or far too many.
    """
    if head is None or isinstance(head, Unreadable) or len(head.shape) not in (2, 4):
        return default
    num_classes: int = head.shape[0]
    if not 1 <= num_classes <= MAX_CLASSES:
        raise WeightsFileError(
            f"{source} cannot be used: its last layer has {num_classes:,} classes; 1 to {MAX_CLASSES:,} are possible."
        )
    return num_classes


def check_shapes(weights: Mapping[str, AnyTensor], expected: Mapping[str, Tensor], *, source: str, label: str) -> None:
    """Compare names and shapes with those of the network's own state dict. No number is read.

    Raises:
        WeightsFileError: a tensor is missing, has another shape, is one too many, or is no plain tensor.
    """
    for name, tensor in weights.items():
        if isinstance(tensor, Unreadable):
            raise WeightsFileError(
                f"{source} cannot be used: {shown(name)} is {tensor.what}. Save the network's plain float32 weights."
            )
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items() if not isinstance(tensor, Unreadable)}
    misfits = [name for name, tensor in expected.items() if shapes.get(name) != tuple(tensor.shape)]
    unknown = len(shapes.keys() - expected.keys())
    if not misfits and not unknown:
        return
    fitting = len(expected) - len(misfits)
    parts = [
        f"of the {len(expected)} tensors expected, {fitting} are there with the right shape, and {unknown} others have "
        "no place in it."
    ]
    if other := next((name for name in misfits if name in shapes), None):
        named = f"{other} is {_sizes(shapes[other])}, but it should be {_sizes(expected[other].shape)}."
        parts = [named] if fitting == len(expected) - 1 and not unknown else [*parts, named]
    raise WeightsFileError(
        f"{source} does not fit {label}: {' '.join(parts)} Choose the network that the file was saved from."
    )


def as_weight(tensor: AnyTensor, *, name: str, expected: Mapping[str, Tensor], source: str) -> Tensor:
    """One tensor as the network needs it: float32 or int64, contiguous, sound, and nobody else's.

    Raises:
        WeightsFileError: the numbers are of another kind, or none that a network can compute with.
    """
    if isinstance(tensor, Tensor):
        found = tensor.detach().clone(memory_format=torch.contiguous_format)
    else:
        found = read_tensor(tensor, name, source)
    problem = _problem_of_kind(found, expected[name])
    weight = found.to(expected[name].dtype) if problem is None else found
    problem = problem or _problem_of_numbers(weight, found, name, expected)
    if problem is not None:
        raise WeightsFileError(f"{source} cannot be used: {shown(name)} {problem}")
    return weight


def _problem_of_kind(found: Tensor, expected: Tensor) -> str | None:
    """What is wrong with a tensor's type, or None.

    Whole numbers in place of weights are those of a quantized network, whose scale stands elsewhere: as they are, they
    would be other weights. A count that became a fraction is read if it is still a whole number.
    """
    if expected.is_floating_point() and not found.is_floating_point():
        kind = str(found.dtype).removeprefix("torch.")
        return f"holds whole numbers ({kind}), as a quantized network does. Save the network's float32 weights."
    if not expected.is_floating_point() and found.is_floating_point() and not torch.equal(found, found.round()):
        return "should hold whole numbers, but it does not. Save the network's state dict again."
    return None


def _problem_of_numbers(weight: Tensor, found: Tensor, name: str, expected: Mapping[str, Tensor]) -> str | None:
    """What is wrong with a tensor's numbers, or None."""
    if not weight.numel():
        return None
    if weight.is_floating_point():
        if found.isnan().any():
            return "holds NaN, which is not a number. The network was damaged before it was saved."
        if found.isinf().any():
            return "holds infinite numbers. The network was damaged before it was saved."
        if weight.isinf().any():
            return "holds numbers too large for float32."
        if name.endswith("running_var") and weight.min() < 0:
            return "holds a negative variance, which is not possible. The network was damaged before it was saved."
        return None
    if weight.min() < 0 or weight.max() >= _limit(name, expected):
        return "holds numbers that are not possible there. The network was damaged before it was saved."
    return None


def _limit(name: str, expected: Mapping[str, Tensor]) -> int:
    """What whole numbers must be less than: transformers look up the rows of a table by them."""
    block = name.removesuffix("relative_position_index")
    if (table := expected.get(f"{block}relative_position_bias_table")) is not None:
        return len(table)
    if (table := expected.get(f"{block}relative_coords_table")) is not None:
        return table.shape[1] * table.shape[2]
    return 2**62


def _sizes(shape: tuple[int, ...]) -> str:
    """ "64 x 3 x 7 x 7", "a single number"."""
    return " x ".join(f"{length:,}" for length in shape) or "a single number"
