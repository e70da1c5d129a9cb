"""What a run is asked to do: frozen settings that are valid from birth. Knows nothing of how it is done."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Self, get_args

from core.data.sources import SOURCES
from core.models.catalog import ARCHITECTURES
from core.runs.checked import build

Mode = Literal["frozen", "full"]
Weights = Literal["pretrained", "file", "random"]
Augmentation = Literal["none", "random_resized_crop"]
Precision = Literal["auto", "float32", "bfloat16"]


class Range(NamedTuple):
    """The values a number may take: both ends included, but for a minimum that is excluded."""

    minimum: float
    maximum: float
    excludes_minimum: bool = False

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        above = value > self.minimum if self.excludes_minimum else value >= self.minimum
        return above and value <= self.maximum  # False for NaN, too

    def __str__(self) -> str:
        if self.excludes_minimum:
            return f"greater than {self.minimum:,} and at most {self.maximum:,}"
        return f"between {self.minimum:,} and {self.maximum:,}"


class RunConfig:
    """What all kinds of run have in common: they become plain values, and come back from them."""

    KIND: ClassVar[str]  # the name on disk
    LABEL: ClassVar[str]  # what a person calls it

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`; settings that this version does not know are left out.

        Raises:
            ValueError: a setting is of another type, or out of its range.
        """
        return build(cls, values)


RANGES: dict[str, Range] = {
    "epochs": Range(1, 1_000),
    "batch_size": Range(1, 1_024),
    "learning_rate": Range(0, 10, excludes_minimum=True),
    "momentum": Range(0, 0.999),
    "weight_decay": Range(0, 1),
    "image_size": Range(32, 512),
    "seed": Range(0, 2**31 - 1),
}

INTEGERS = ("epochs", "batch_size", "image_size", "seed")

_CHOICES: dict[str, tuple[str, ...]] = {
    "architecture": tuple(ARCHITECTURES),
    "data": tuple(SOURCES),
    "mode": get_args(Mode),
    "weights": get_args(Weights),
    "augmentation": get_args(Augmentation),
    "precision": get_args(Precision),
}


@dataclass(frozen=True, kw_only=True)
class FineTuneConfig(RunConfig):
    """Everything that decides how a fine-tuning goes.

    The defaults are the product's own: a good model within a minute on two CPU cores.

    Raises:
        ValueError: a setting outside its range; the message names it, its range and the value.
    """

    KIND = "fine_tune"
    LABEL = "fine-tuning"

    architecture: str = "efficientnet_lite0"
    weights: Weights = "pretrained"
    weights_file: str | None = None
    data: str = "cifar10_sample"
    mode: Mode = "frozen"
    augmentation: Augmentation = "none"
    image_size: int = 224
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-2
    momentum: float = 0.9
    weight_decay: float = 1e-2
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name in RANGES:
            if problem := problem_with(name, getattr(self, name)):
                raise ValueError(problem)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        image_size = ARCHITECTURES[self.architecture].image_size
        if image_size not in (None, self.image_size):
            raise ValueError(f"image_size must be {image_size} for {self.architecture}, got {self.image_size}")
        if self.image_size < (least := ARCHITECTURES[self.architecture].min_image_size):
            raise ValueError(f"image_size must be at least {least} for {self.architecture}, got {self.image_size}")
        if (self.weights == "file") != bool(self.weights_file):
            raise ValueError("weights_file must be given exactly when weights is 'file'")


MAX_LANES = 4
# What runs of a race share: then every lane sees the same photos in the same batches, from the same new layer on.
_SHARED_IN_A_RACE = ("data", "batch_size", "seed", "device")


def check_race(configs: Sequence[FineTuneConfig]) -> None:
    """Whether these runs can race.

    Raises:
        ValueError: too few or too many, two that are the same, or some that differ in what a race shares.
    """
    if not 2 <= len(configs) <= MAX_LANES:
        raise ValueError(f"a race needs 2 to {MAX_LANES} lanes, got {len(configs)}")
    for name in _SHARED_IN_A_RACE:
        values = {str(getattr(config, name)) for config in configs}
        if len(values) > 1:
            raise ValueError(f"{name} must be the same in every lane of a race, got {' and '.join(sorted(values))}")
    if len(set(configs)) < len(configs):
        raise ValueError("two lanes of a race must differ in something, got the same settings twice")


LINEAR_RANGES: dict[str, Range] = {
    "epochs": Range(1, 20_000),
    "learning_rate": Range(0, 10, excludes_minimum=True),
    "momentum": Range(0, 0.999),
    "weight_decay": Range(0, 1),
    "seed": Range(0, 2**31 - 1),
}


@dataclass(frozen=True, kw_only=True)
class LinearFitConfig(RunConfig):
    """Everything that decides how a linear fit goes. The defaults are the course's.

    Raises:
        ValueError: a setting outside its range; the message names it, its range and the value.
    """

    KIND = "linear_fit"
    LABEL = "linear fit"

    epochs: int = 1_000
    learning_rate: float = 1e-4
    momentum: float = 0.9
    weight_decay: float = 1e-2
    seed: int = 0  # of the points, the noise and the first parameters

    def __post_init__(self) -> None:
        for name, allowed in LINEAR_RANGES.items():
            if problem := problem_with(name, getattr(self, name), allowed):
                raise ValueError(problem)


CONFIGS: dict[str, type[RunConfig]] = {kind.KIND: kind for kind in (FineTuneConfig, LinearFitConfig)}


def problem_with(name: str, value: float, allowed: Range | None = None) -> str | None:
    """What is wrong with a number for the setting `name`, in one sentence, or None.

    `allowed` is by default what a fine-tuning allows.
    """
    allowed = allowed or RANGES[name]
    if value in allowed:
        is_whole = name not in INTEGERS or isinstance(value, int)
        return None if is_whole else f"{name} must be a whole number, got {value}"
    if allowed.excludes_minimum and isinstance(value, int | float) and value <= allowed.minimum:
        return f"{name} must be > {allowed.minimum:g}, got {value:g}"
    return f"{name} must be {allowed}, got {value}"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings under a name, one set for each way to fine-tune."""

    label: str
    description: str
    frozen: dict[str, Any]
    full: dict[str, Any]
    race: dict[str, Any]  # for both, side by side

    def settings(self, mode: Mode | Literal["race"]) -> dict[str, Any]:
        """The settings that this preset fills in."""
        return {"frozen": self.frozen, "full": self.full, "race": self.race}[mode]


# The lesson's training settings, exactly.
_LESSON = {
    "augmentation": "random_resized_crop",
    "image_size": 224,
    "epochs": 3,
    "batch_size": 32,
    "learning_rate": 1e-4,
    "momentum": 0.9,
    "weight_decay": 1e-2,
}
_QUICK = {
    "augmentation": "none",
    "image_size": 224,
    "epochs": 20,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "momentum": 0.9,
    "weight_decay": 1e-2,
}

PRESETS: dict[str, Preset] = {
    "quick": Preset(
        label="Quick start",
        description="A good model soon. Without random crops, a frozen network is computed once and then learns fast.",
        frozen=_QUICK,
        # Gentler: at 1e-2, the first epoch undoes more of the pretrained layers than the next two learn again.
        full={**_QUICK, "epochs": 3, "learning_rate": 3e-3},
        race={**_QUICK, "epochs": 3, "learning_rate": 3e-3},
    ),
    "lesson": Preset(
        label="Lesson",
        description="The course's settings: random crops, a small learning rate, three epochs. To compare both ways.",
        frozen=_LESSON,
        full=_LESSON,
        race=_LESSON,
    ),
}
