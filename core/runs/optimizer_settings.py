"""The settings of an optimizer: what decides how each step changes the weights."""

from dataclasses import dataclass

from core.runs.quantities import BelowOne, NotNegative
from core.runs.settings import Number, Range, setting

LEARNING_RATE = Range(0, 10, excludes_minimum=True)
WEIGHT_DECAY = Range(0, 1)
MOMENTUM = Number(label="Momentum", help="How much of the last step's direction is kept.", allowed=Range(0, 0.999))


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """Those of stochastic gradient descent. Checked by the configuration that they belong to."""

    learning_rate: NotNegative = setting(
        1e-2, Number(label="Learning rate", help="How far each step moves the weights.", allowed=LEARNING_RATE)
    )
    momentum: BelowOne = setting(0.9, MOMENTUM)
    weight_decay: NotNegative = setting(
        1e-2,
        Number(label="Weight decay", help="How strongly weights are pulled towards zero.", allowed=WEIGHT_DECAY),
    )
