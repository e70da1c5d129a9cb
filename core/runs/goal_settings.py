"""The settings of what a training aims at: which epoch is the best, when it ends early, whose weights are scored."""

from dataclasses import dataclass
from typing import Literal

from core.runs.quantities import BelowOne, Count
from core.runs.settings import Choice, Number, Range, setting

BestBy = Literal["accuracy", "balanced_accuracy", "loss"]


@dataclass(frozen=True, kw_only=True)
class GoalSettings:
    """How a training is judged by its validation photos. Checked by the configuration that they belong to."""

    best_by: BestBy = setting(
        "accuracy",
        Choice(
            label="Best epoch by",
            help="What says, on validation photos, which epoch is the best. Balanced accuracy counts every class "
            "alike, however many photos it has; the loss also counts how sure the network is.",
            options={"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "loss": "Loss"},
        ),
    )
    patience: Count = setting(
        0,
        Number(
            label="Stop after … epochs without a better one",
            help="Early stopping: the training ends once so many epochs in a row were not better than the best. "
            "0 never ends it early.",
            allowed=Range(0, 1_000),
            is_whole=True,
        ),
    )
    averaging: BelowOne = setting(
        0.0,
        Number(
            label="Weight averaging",
            help="How much of a moving average of the weights is kept in each step (EMA). The average is scored and "
            "kept in place of the weights. 0.99 is usual for some hundred steps, 0.999 for thousands, 0 is off.",
            allowed=Range(0, 0.99999),
        ),
    )
