"""The settings that say what of a network learns, beside how deep: how fast where, and what does not change."""

from dataclasses import dataclass
from typing import Literal

from core.runs.quantities import BelowOne, Count, NotNegative, Positive
from core.runs.settings import Choice, Number, Range, setting

BatchNorm = Literal["train", "eval"]
Freezing = Literal["layers", "gradients"]


@dataclass(frozen=True, kw_only=True)
class LearningSettings:
    """How the layers that learn do so. Checked by the configuration that they belong to."""

    depth: Positive = setting(
        1,
        Number(
            label="Trainable blocks",
            help="How many blocks learn beside the new last layer, counted from it. Used by “Depth” alone.",
            allowed=Range(1, 200),
            is_whole=True,
        ),
    )
    thaw_every: Count = setting(
        0,
        Number(
            label="Thaw a stage every … epochs",
            help="Gradual unfreezing: the new last layer is trained alone for so many epochs, and after each time as "
            "many one more stage with it. 0 trains all of it from the start.",
            allowed=Range(0, 1_000),
            is_whole=True,
        ),
    )
    backbone_rate: NotNegative = setting(
        1.0,
        Number(
            label="Backbone's share of the rate",
            help="Layers before the new last layer learn at the learning rate times this.",
            allowed=Range(0, 10, excludes_minimum=True),
        ),
    )
    layer_decay: NotNegative = setting(
        1.0,
        Number(
            label="Layer decay",
            help="Each block learns at the rate of the block behind it times this: what is close to the photos changes "
            "least.",
            allowed=Range(0, 1, excludes_minimum=True),
        ),
    )
    batch_norm: BatchNorm = setting(
        "train",
        Choice(
            label="BatchNorm of trainable layers",
            help="Whether it normalises by each batch and learns from it, or by the averages saved with its weights.",
            options={"train": "By the batch", "eval": "By its averages"},
        ),
    )
    head_dropout: BelowOne = setting(
        0.0,
        Number(
            label="Head dropout",
            help="The share of features that are left out at random before the new last layer; 0 is none.",
            allowed=Range(0, 0.9),
        ),
    )
    freezing: Freezing = setting(
        "layers",
        Choice(
            label="Frozen layers",
            help="They stay as they are; or they are only left without gradients, as in the lesson: then BatchNorm "
            "still learns its statistics, and dropout drops. That cannot be computed ahead, and is slower.",
            options={"layers": "Do not change", "gradients": "Have no gradients"},
        ),
    )
