"""The settings of an optimizer: what decides how each step changes the weights."""

from dataclasses import dataclass
from typing import Literal

from core.runs.quantities import BelowOne, Count, NotNegative, Positive
from core.runs.settings import Choice, Number, Range, setting

LEARNING_RATE = Range(0, 10, excludes_minimum=True)
WEIGHT_DECAY = Range(0, 1)
MOMENTUM = Number(label="Momentum", help="How much of the last step's direction is kept.", allowed=Range(0, 0.999))
Algorithm = Literal["sgd", "nesterov", "adamw", "adam"]
Schedule = Literal["constant", "cosine", "linear", "step", "one_cycle", "plateau"]
Decayed = Literal["all", "weights"]


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """Those of gradient descent. Checked by the configuration that they belong to."""

    algorithm: Algorithm = setting(
        "sgd",
        Choice(
            label="Optimizer",
            help="SGD follows the gradient; AdamW and Adam give each parameter a step size of its own, and need a far "
            "smaller learning rate.",
            options={"sgd": "SGD", "nesterov": "SGD, Nesterov", "adamw": "AdamW", "adam": "Adam"},
        ),
    )
    learning_rate: NotNegative = setting(
        1e-2, Number(label="Learning rate", help="How far each step moves the weights.", allowed=LEARNING_RATE)
    )
    schedule: Schedule = setting(
        "constant",
        Choice(
            label="Schedule",
            help="How the learning rate goes on: it stays; falls to nothing in a curve or a line; falls to a tenth "
            "twice; rises for a third of the run and falls again; or falls to a tenth whenever no epoch was better "
            "for a while.",
            options={
                "constant": "Constant",
                "cosine": "Cosine",
                "linear": "Linear",
                "step": "Steps",
                "one_cycle": "One-cycle",
                "plateau": "Plateau",
            },
        ),
    )
    plateau_epochs: Count = setting(
        2,
        Number(
            label="Epochs before the rate falls",
            help="How many epochs in a row may be no better than the best, on validation photos, before the learning "
            "rate falls to a tenth.",
            allowed=Range(0, 100),
            is_whole=True,
        ),
    )
    warm_up: BelowOne = setting(
        0.0,
        Number(
            label="Warm-up",
            help="The share of all steps in which the learning rate rises to its full height. One-cycle has its own.",
            allowed=Range(0, 0.9),
        ),
    )
    momentum: BelowOne = setting(0.9, MOMENTUM)
    weight_decay: NotNegative = setting(
        1e-2,
        Number(label="Weight decay", help="How strongly weights are pulled towards zero.", allowed=WEIGHT_DECAY),
    )
    decayed: Decayed = setting(
        "all",
        Choice(
            label="Weight decay of",
            help="All parameters, or only weights: then biases, and the scales of normalisation, are left alone.",
            options={"all": "All parameters", "weights": "Weights alone"},
        ),
    )
    label_smoothing: BelowOne = setting(
        0.0,
        Number(
            label="Label smoothing",
            help="The share of the target that all classes have alike: the network learns to be less sure.",
            allowed=Range(0, 0.9),
        ),
    )
    balance: NotNegative = setting(
        0.0,
        Number(
            label="Class balance",
            help="How much more a photo of a rare class counts: 0 counts all photos alike, 1 all classes alike, 0.5 is "
            "between the two. Rare classes are recognised more often, and accuracy over all photos may fall a little.",
            allowed=Range(0, 1),
        ),
    )
    accumulation: Positive = setting(
        1,
        Number(
            label="Pieces of a batch",
            help="Gradient accumulation: a batch is computed in so many pieces, one after the other, and learnt from "
            "together. That takes less memory, and more time. BatchNorm by the batch sees each piece alone.",
            allowed=Range(1, 1_024),
            is_whole=True,
        ),
    )
    gradient_clip: NotNegative = setting(
        0.0,
        Number(
            label="Gradient clipping",
            help="The largest norm that all gradients of a step may have together; 0 is any.",
            allowed=Range(0, 1_000),
        ),
    )
