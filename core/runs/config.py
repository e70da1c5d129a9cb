"""What a run is asked to do: the settings of a fine-tuning, and of a linear fit. Knows nothing of how it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.data import library
from core.models import blocks
from core.models.catalog import ARCHITECTURES
from core.runs.augmentation_settings import AugmentationSettings
from core.runs.goal_settings import GoalSettings
from core.runs.learning_settings import LearningSettings
from core.runs.optimizer_settings import LEARNING_RATE, MOMENTUM, WEIGHT_DECAY, OptimizerSettings
from core.runs.quantities import MOST_EPOCHS, MOST_MINUTES, BelowOne, Count, NotNegative, Positive
from core.runs.run_config import RunConfig
from core.runs.settings import Choice, Number, Range, Text, group, setting, settings_of

Mode = Literal["frozen", "last_stage", "blocks", "full"]
Weights = Literal["pretrained", "file", "random"]
Augmentation = Literal["none", "random_resized_crop"]
Precision = Literal["auto", "float32", "bfloat16"]

_SEED = Range(0, 2**31 - 1)


@dataclass(frozen=True, kw_only=True)
class FineTuneConfig(RunConfig):
    """Everything that decides how a fine-tuning goes.

    The defaults are the product's own: a good model within a minute on two CPU cores.

    Raises:
        ValueError: a setting outside its range; the message names it, its range and the value.
    """

    KIND = "fine_tune"

    architecture: str = setting(
        "efficientnet_lite0",
        Choice(
            label="Network",
            help="The network to fine-tune.",
            options={name: known.label for name, known in ARCHITECTURES.items()},
        ),
    )
    weights: Weights = setting(
        "pretrained",
        Choice(
            label="Weights to start from",
            help="What the network knows before it learns.",
            options={"pretrained": "ImageNet", "file": "From a file", "random": "Random"},
        ),
    )
    weights_file: str | None = setting(
        None, Text(label="File", help="A state dict (.pth, .pt or .safetensors) on the computer that runs Unfreeze.")
    )
    data: str = setting(
        "cifar10_sample",
        Choice(
            label="Photos",
            help="What the network learns from.",
            options=library.Labels(),
        ),
    )
    mode: Mode = setting(
        "frozen",
        Choice(
            label="What learns",
            help="The new last layer alone; with it the last stage, the blocks that work at the lowest resolution; as "
            "many blocks as you say; or every layer.",
            options={"frozen": "Frozen", "last_stage": "Last stage", "blocks": "Depth", "full": "Full"},
        ),
    )
    augmentation: Augmentation = setting(
        "none",
        Choice(
            label="Crops",
            help="Random crops show a different part of every photo each time. They make a frozen network compute it "
            "anew.",
            options={"none": "Middle", "random_resized_crop": "Random crops"},
        ),
    )
    augmenting: AugmentationSettings = group(AugmentationSettings)
    image_size: Positive = setting(
        224,
        Number(
            label="Image size",
            help="Pixels to which photos are resized, each way. Most networks were trained at 224.",
            allowed=Range(32, 512),
            is_whole=True,
        ),
    )
    epochs: Positive = setting(
        20,
        Number(
            label="Epochs",
            help="How often the network sees every training photo.",
            allowed=Range(1, MOST_EPOCHS),
            is_whole=True,
        ),
    )
    minutes: NotNegative = setting(
        0.0,
        Number(
            label="Minutes",
            help="Trains for as many epochs as fit into so many minutes of training, in place of a number that you "
            "choose. How many these are is measured at the start, and then stays. 0 goes by the number of epochs.",
            allowed=Range(0, MOST_MINUTES),
        ),
    )
    batch_size: Positive = setting(
        32, Number(label="Batch size", help="Photos in one step.", allowed=Range(1, 1_024), is_whole=True)
    )
    optimizer: OptimizerSettings = group(OptimizerSettings)
    learning: LearningSettings = group(LearningSettings)
    goal: GoalSettings = group(GoalSettings)
    seed: Count = setting(
        0,
        Number(
            label="Seed", help="The same seed gives the same new layer, order and crops.", allowed=_SEED, is_whole=True
        ),
    )
    device: str = setting("auto", Text(label="Device", help="The processor or graphics card that trains."))
    precision: Precision = setting(
        "auto",
        Choice(
            label="Precision",
            help="How exactly training computes. Validation and test always use float32.",
            options={"auto": "Automatic", "float32": "float32", "bfloat16": "bfloat16"},
        ),
    )

    def check(self) -> None:
        """See `RunConfig.check`."""
        super().check()
        image_size = ARCHITECTURES[self.architecture].image_size
        if image_size not in (None, self.image_size):
            raise ValueError(f"image_size must be {image_size} for {self.architecture}, got {self.image_size}")
        if self.image_size < (least := ARCHITECTURES[self.architecture].min_image_size):
            raise ValueError(f"image_size must be at least {least} for {self.architecture}, got {self.image_size}")
        if (self.weights == "file") != bool(self.weights_file):
            raise ValueError("weights_file must be given exactly when weights is 'file'")
        most = len(blocks.blocks_of(self.architecture)) - 1
        if self.mode == "blocks" and self.learning.depth > most:
            raise ValueError(f"depth must be at most {most} for {self.architecture}, got {self.learning.depth}")

    @property
    def default_name(self) -> str:
        """See `RunConfig.default_name`."""
        photos = "" if self.data == type(self).data else f", {self.in_words('data')}"
        return f"{ARCHITECTURES[self.architecture].label}, {self.what_learns}{photos}"

    @property
    def what_learns(self) -> str:
        """In a word or two, for the middle of a line."""
        return what_learns(self.to_dict())

    @property
    def first_block(self) -> int:
        """The first block of the network that learns in the end, see `core.models.blocks`."""
        return self.first_block_at(self.epochs - 1)

    def first_block_at(self, epoch: int) -> int:
        """The first block that learns in an epoch, which counts from 0. After the last one, all is as it was there."""
        first = blocks.first_to_learn(self.architecture, self.mode, self.learning.depth)
        if not (every := self.learning.thaw_every):
            return first
        return max(first, blocks.first_thawed(self.architecture, min(epoch, self.epochs - 1) // every))

    @property
    def is_augmented(self) -> bool:
        """Whether each epoch sees other pixels of the same photos: then nothing of them can be computed ahead."""
        return self.augmentation != "none" or bool(self.augmenting.changes)

    @property
    def has_body(self) -> bool:
        """Whether part of the network only computes, and stays as it is."""
        return self.first_block > 0 and self.learning.freezing == "layers"

    @property
    def computing_epochs(self) -> int:
        """How many of a plan's epochs compute features that later ones use again; 0 where every epoch must."""
        return (self.augmenting.views if self.is_augmented else 1) if self.has_body else 0

    def parameters_that_learn(self, num_classes: int) -> int:
        """How many there are with a head for so many classes."""
        own = blocks.blocks_of(self.architecture)[self.first_block : -1]
        return sum(block.parameters for block in own) + ARCHITECTURES[self.architecture].head_parameters(num_classes)

    @property
    def disk_bytes(self) -> int:
        """What `core.training.keeper` keeps, and what is being written beside it.

        In float32: a whole network for `best.pt`, and three states with what the optimizer
        remembers of each parameter that is trained.
        """
        known = ARCHITECTURES[self.architecture]
        learning = self.parameters_that_learn(known.num_classes)
        memory = learning * (2 if self.optimizer.algorithm in ("adamw", "adam") else 1)
        if self.goal.averaging:  # of the widest tail, which is all where nothing is a body
            memory += learning if self.has_body else known.parameters
        if self.has_body:
            return 4 * (2 * known.parameters + 3 * (2 * learning + memory))
        return 4 * (known.parameters + 3 * (known.parameters + memory))


def what_learns(values: Mapping[str, Any]) -> str:
    """In a word or two, for the middle of a line; from the settings in a run's file, which may say anything.

    Empty where they say nothing of it, as those of other kinds of runs.
    """
    if "mode" not in values:
        return ""
    mode, depth, about = values["mode"], values.get("depth"), settings_of(FineTuneConfig)["mode"]
    if about.problem_with("mode", mode):
        return about.in_words(mode)
    words = about.in_words(mode).lower()
    if mode == "blocks" and type(depth) is int:
        words = "last block" if depth == 1 else f"last {depth:,} blocks"
    return f"{words}, gradual" if values.get("thaw_every") and mode != "frozen" else words


def epochs_are_open(values: Mapping[str, Any]) -> bool:
    """Whether it is still to be decided how many epochs fit into some minutes; from the settings in a run's file."""
    return bool(values.get("minutes")) and values.get("epochs") == MOST_EPOCHS


MAX_LANES = 4
# What runs of a race share: then every lane sees the same photos in the same batches, from the same new layer on.
SHARED_IN_A_RACE = ("data", "batch_size", "seed", "device")


def check_race(configs: Sequence[FineTuneConfig]) -> None:
    """Whether these runs can race.

    Raises:
        ValueError: too few or too many, two that are the same, or some that differ in what a race shares.
    """
    if not 2 <= len(configs) <= MAX_LANES:
        raise ValueError(f"a race needs 2 to {MAX_LANES} runs, got {len(configs)}")
    for name in SHARED_IN_A_RACE:
        values = {str(config.value_of(name)) for config in configs}
        if len(values) > 1:
            raise ValueError(f"{name} must be the same in every run of a race, got {' and '.join(sorted(values))}")
    if len(set(configs)) < len(configs):
        raise ValueError("two runs of a race have the same settings twice: change what learns, or a setting, of one")


@dataclass(frozen=True, kw_only=True)
class LinearFitConfig(RunConfig):
    """Everything that decides how a linear fit goes. The defaults are the course's.

    Raises:
        ValueError: a setting outside its range; the message names it, its range and the value.
    """

    KIND = "linear_fit"

    epochs: Positive = setting(
        1_000,
        Number(
            label="Epochs",
            help="Steps of the training: each one looks at all 30 points.",
            allowed=Range(1, 20_000),
            is_whole=True,
        ),
    )
    learning_rate: NotNegative = setting(
        1e-4,
        Number(
            label="Learning rate",
            help="How far each step moves weight and bias against their gradients.",
            allowed=LEARNING_RATE,
        ),
    )
    momentum: BelowOne = setting(0.9, MOMENTUM)
    weight_decay: NotNegative = setting(
        1e-2,
        Number(
            label="Weight decay",
            help="How strongly weight and bias are pulled towards zero.",
            allowed=WEIGHT_DECAY,
        ),
    )
    seed: Count = setting(
        0,
        Number(
            label="Seed",
            help="Draws the points, their noise, and the weight and bias to start from.",
            allowed=_SEED,
            is_whole=True,
        ),
    )

    @property
    def default_name(self) -> str:
        """See `RunConfig.default_name`."""
        return f"Linear fit, seed {self.seed}"
