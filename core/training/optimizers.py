"""Building optimizers. Knows nothing of data or steps."""

from collections.abc import Iterable

import torch
from torch import nn

from core.runs.optimizer_settings import OptimizerSettings


def make_optimizer(
    groups: Iterable[tuple[float, list[nn.Parameter]]], settings: OptimizerSettings
) -> torch.optim.Optimizer:
    """SGD over the parameters that learn alone: a frozen one, handed over, would still shrink by weight decay.

    Each group has its own share of the learning rate.
    """
    # One fused kernel instead of several passes over memory; the same update.
    return torch.optim.SGD(
        [{"params": parameters, "lr": share * settings.learning_rate} for share, parameters in groups],
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        fused=True,
    )
