"""Building optimizers. Knows nothing of data or steps."""

import torch
from torch import nn


def make_optimizer(
    model: nn.Module, *, learning_rate: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """SGD over the parameters that learn: a frozen one, handed over, would still shrink by weight decay."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # One fused kernel instead of several passes over memory; the same update.
    return torch.optim.SGD(learning, lr=learning_rate, momentum=momentum, weight_decay=weight_decay, fused=True)
