"""Building optimizers, and setting their rates. Knows nothing of data or losses."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from core.runs.optimizer_settings import OptimizerSettings
from core.runs.schedules import share_of_rate

# What each remembers of a parameter, beside its values.
MEMORY = {
    "sgd": {"momentum_buffer"},
    "nesterov": {"momentum_buffer"},
    "adamw": {"step", "exp_avg", "exp_avg_sq"},
    "adam": {"step", "exp_avg", "exp_avg_sq"},
}


class Learning(NamedTuple):
    """A parameter that learns."""

    parameter: nn.Parameter
    share: float  # of the learning rate
    phase: int = 0  # in which it begins to
    is_weight: bool = True  # of a linear or convolutional layer: no bias, no scale, no position


def make_optimizer(learning: Iterable[Learning], settings: OptimizerSettings) -> torch.optim.Optimizer:
    """One over the parameters that learn alone: a frozen one, handed over, would still shrink by weight decay.

    What begins in one phase is a group of its own: a fused step takes either none or all of a group for new.
    """
    groups: dict[tuple[float, float, int], list[nn.Parameter]] = {}
    for parameter, share, phase, is_weight in learning:
        is_decayed = settings.decayed == "all" or is_weight
        groups.setdefault((share, settings.weight_decay if is_decayed else 0.0, phase), []).append(parameter)
    made = [
        {"params": parameters, "lr": share * settings.learning_rate, "share": share, "weight_decay": decay}
        for (share, decay, _), parameters in groups.items()
    ]
    optimizer = _BUILD[settings.algorithm](made, settings)
    if settings.gradient_clip:
        _clip_before_steps(optimizer, settings.gradient_clip)
    return optimizer


def _clip_before_steps(optimizer: torch.optim.Optimizer, most: float) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]

    def clip(*_: Any) -> None:
        nn.utils.clip_grad_norm_(parameters, most)

    optimizer.register_step_pre_hook(clip)


def set_rates(
    optimizer: torch.optim.Optimizer,
    settings: OptimizerSettings,
    step: int,
    total_steps: int,
    scores: Sequence[float | None] = (),
) -> float:
    """Give every parameter its learning rate for a step, see `share_of_rate`. Returns that of the head."""
    rate = settings.learning_rate * share_of_rate(settings, step, total_steps, scores)
    for group in optimizer.param_groups:
        group["lr"] = group["share"] * rate
    return rate


def _sgd(groups: list[dict[str, Any]], settings: OptimizerSettings) -> torch.optim.Optimizer:
    # One fused kernel instead of several passes over memory; the same update.
    is_nesterov = settings.algorithm == "nesterov" and settings.momentum > 0
    return torch.optim.SGD(groups, momentum=settings.momentum, nesterov=is_nesterov, fused=True)


def _adamw(groups: list[dict[str, Any]], settings: OptimizerSettings) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, fused=True)


def _adam(groups: list[dict[str, Any]], settings: OptimizerSettings) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, fused=True)


_BUILD = {"sgd": _sgd, "nesterov": _sgd, "adamw": _adamw, "adam": _adam}
