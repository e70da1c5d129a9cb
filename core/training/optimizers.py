"""Building optimizers. Knows nothing of data or steps."""

import torch
from torch import nn

from core.runs.optimizer_settings import OptimizerSettings


def make_optimizer(model: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """SGD over the parameters that learn: a frozen one, handed over, would still shrink by weight decay."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # One fused kernel instead of several passes over memory; the same update.
    return torch.optim.SGD(
        learning,
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        fused=True,
    )
