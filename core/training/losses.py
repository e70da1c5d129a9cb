"""What a step makes small. Knows no network, no data set and no run."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from core.runs.optimizer_settings import OptimizerSettings

# (photos, classes) logits, and (photos,) labels or (photos, classes) shares of them, to the mean over the photos.
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def make_loss(settings: OptimizerSettings, labels: Tensor, num_classes: int) -> Loss:
    """Cross-entropy in nats; where classes are balanced, a photo counts as its class does. `labels` are all photos'."""
    loss = partial(functional.cross_entropy, label_smoothing=settings.label_smoothing)
    if not settings.balance:
        return loss
    weights = class_weights(labels, num_classes, settings.balance)

    # The mean that torch takes of weighted losses would make a batch of rare classes count as one of common ones.
    def balanced(logits: Tensor, targets: Tensor) -> Tensor:
        weight = weights.to(torch.promote_types(logits.dtype, torch.float32))
        return loss(logits, targets, weight=weight, reduction="sum") / len(logits)

    return balanced


def class_weights(labels: Tensor, num_classes: int, balance: float) -> Tensor:
    """(classes,) frequency^-balance, such that the photos' mean is 1."""
    counts = torch.bincount(labels, minlength=num_classes).double().cpu()
    weights = counts.clamp(min=1) ** -balance
    return (weights * counts.sum() / (weights * counts).sum()).float().to(labels.device)
