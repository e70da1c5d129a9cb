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

    def balanced(logits: Tensor, targets: Tensor) -> Tensor:
        # torch's own weighting counts the share that smoothing gives to rare classes for more than the label itself.
        of_photos = targets @ weights if targets.is_floating_point() else weights[targets]
        return (loss(logits, targets, reduction="none") * of_photos).mean()

    return balanced


def class_weights(labels: Tensor, num_classes: int, balance: float) -> Tensor:
    """(classes,) frequency^-balance, such that the photos' mean is 1."""
    counts = torch.bincount(labels.cpu(), minlength=num_classes).double()
    weights = counts.clamp(min=1) ** -balance
    return (weights * counts.sum() / (weights * counts).sum()).float().to(labels.device)
