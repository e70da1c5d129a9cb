"""Settings under a name: those that a beginner clicks, and the course's."""

from dataclasses import dataclass
from typing import Any, Literal

from core.runs.augmentation_settings import AugmentationSettings
from core.runs.config import Mode
from core.runs.goal_settings import GoalSettings
from core.runs.learning_settings import LearningSettings
from core.runs.optimizer_settings import OptimizerSettings
from core.runs.settings import values_of


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings under a name, one set for each way to fine-tune."""

    label: str
    description: str
    frozen: dict[str, Any]
    part: dict[str, Any]  # for the last stage, or some blocks
    full: dict[str, Any]
    race: dict[str, Any]  # for several, side by side

    def settings(self, mode: Mode | Literal["race"]) -> dict[str, Any]:
        """The settings that this preset fills in."""
        own = {"frozen": self.frozen, "full": self.full, "race": self.race}
        return own.get(mode, self.part)


# Everything that a preset decides on, so that one takes back what another has set.
_RECIPE = {
    **values_of(AugmentationSettings()),
    **values_of(OptimizerSettings()),
    **{name: value for name, value in values_of(LearningSettings()).items() if name != "depth"},
    **values_of(GoalSettings()),
    "minutes": 0.0,
}
# The lesson's training settings, exactly.
_LESSON = {
    **_RECIPE,
    "augmentation": "random_resized_crop",
    "image_size": 224,
    "epochs": 3,
    "batch_size": 32,
    "learning_rate": 1e-4,
    "momentum": 0.9,
    "weight_decay": 1e-2,
}
_QUICK = {
    **_RECIPE,
    "augmentation": "none",
    "image_size": 160,  # half the time of 224
    "epochs": 20,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "momentum": 0.9,
    "weight_decay": 1e-2,
}

# Pretrained layers keep more of what they know with small steps of AdamW, and with BatchNorm as it is. A new last layer
# knows nothing: it learns faster than they do.
_GENTLE = {
    **_QUICK,
    "epochs": 3,
    "algorithm": "adamw",
    "learning_rate": 3e-3,
    "backbone_rate": 0.1,
    "schedule": "cosine",
    "warm_up": 0.1,
    "batch_norm": "eval",
}
_STRONG = {
    **_GENTLE,
    "augmentation": "random_resized_crop",
    "crop_scale": 0.5,
    "flip": 0.5,
    "image_size": 224,
    "epochs": 6,
    "decayed": "weights",
    "label_smoothing": 0.1,
}
_SCRATCH = {
    **_RECIPE,
    "weights": "random",
    "augmentation": "random_resized_crop",
    "crop_scale": 0.3,
    "flip": 0.5,
    "image_size": 96,
    "epochs": 30,
    "batch_size": 32,
    "algorithm": "adamw",
    "learning_rate": 1e-3,
    "schedule": "cosine",
    "warm_up": 0.05,
    "weight_decay": 0.05,
    "decayed": "weights",
}

PRESETS: dict[str, Preset] = {
    "quick": Preset(
        label="Quick start",
        description="A good model soon. Without random crops, so that layers that are frozen are computed only once.",
        frozen=_QUICK,
        part=_GENTLE,
        full=_GENTLE,
        race=_GENTLE,
    ),
    "strong": Preset(
        label="Strong",
        description="The best model within some minutes: larger images and, where more than the last layer learns, "
        "photos changed at random and more epochs.",
        frozen={**_STRONG, "augmentation": "none", "crop_scale": _RECIPE["crop_scale"], "flip": 0.0, "epochs": 20},
        part=_STRONG,
        full=_STRONG,
        race=_STRONG,
    ),
    "scratch": Preset(
        label="From scratch",
        description="With random weights, MyCNN's among them: many epochs on small images, changed at random.",
        frozen=_SCRATCH,
        part=_SCRATCH,
        full=_SCRATCH,
        race=_SCRATCH,
    ),
    "lesson": Preset(
        label="Lesson",
        description="The course's settings: random crops, a small learning rate, three epochs. To compare both ways.",
        frozen=_LESSON,
        part=_LESSON,
        full=_LESSON,
        race=_LESSON,
    ),
}
