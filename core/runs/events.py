"""What a training reports: small frozen values. Knows neither how they come about nor where they go.

A step comes for every optimizer step and is kept in binary, with the fields that its kind of run declares; the other
events are rare and are kept as lines of JSON. What is read back is checked: an event has the types and ranges of its
annotations, or is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from core.runs.checked import build, conform, parse_json
from core.runs.quantities import Count, Epochs, Hash, Minutes, Positive, Seconds, Share

Split = Literal["validation", "test"]


@dataclass(frozen=True, slots=True)
class AnyStep:
    """One step of a run. Every kind of run has its own, with at least `seconds` besides."""

    step: int  # counts from 1


@dataclass(frozen=True, slots=True)
class RareEvent:
    """Anything else that happens in a run."""


@dataclass(frozen=True, slots=True)
class Beginning(RareEvent):
    """An attempt has begun: its first step is about to come."""


@dataclass(frozen=True, slots=True)
class Ending(RareEvent):
    """A run is done, and has ended by its own word."""

    seconds: Seconds  # the run's own clock


Event = AnyStep | RareEvent


@dataclass(frozen=True, slots=True)
class Step(AnyStep):
    """One optimizer step. `seconds` is the run's own clock: what it has worked since its first attempt began."""

    loss: float  # mean cross-entropy of the batch, in nats
    learning_rate: float
    seconds: float
    images: int  # in this batch


@dataclass(frozen=True, slots=True)
class LinearStep(AnyStep):
    """One full-batch step of a linear fit. The parameters are those that the step left behind."""

    loss: float  # mean squared error, before the step
    weight: float
    bias: float
    seconds: float  # the run's own clock


@dataclass(frozen=True, slots=True)
class Queued(RareEvent):
    """The worker waits for its device."""

    device: str


@dataclass(frozen=True, slots=True)
class Resumed(RareEvent):
    """A new attempt at a run that had ended before its end."""


@dataclass(frozen=True, slots=True)
class Recovered(RareEvent):
    """A checkpoint was damaged, and the attempt goes on from elsewhere. `message` is a sentence for the user."""

    message: str


@dataclass(frozen=True, slots=True)
class Noted(RareEvent):
    """The run goes on in another way than was asked. `message` is a sentence for the user."""

    message: str


@dataclass(frozen=True, slots=True)
class Preparing(RareEvent):
    """The worker has its device and builds the training. `what` is a phrase for the user."""

    what: str


@dataclass(frozen=True, slots=True)
class Started(Beginning):
    """The first step is about to come."""

    architecture: str
    mode: str
    device: str  # "cpu", "cuda:0", "mps"
    device_label: str  # what a person calls it
    precision: str  # "float32" or "bfloat16"
    parameters: Count
    trainable_parameters: Count
    train_images: Positive
    validation_images: Count
    test_images: Count
    steps_per_epoch: Positive
    total_steps: Positive
    first_step: Positive  # 1, or where a resumed run goes on
    keeps_features: bool  # the frozen part is computed in the first epochs only
    knows_features: bool = False  # and an earlier run had done that
    # Whole ones of former attempts, validation included; None in what earlier versions wrote.
    epochs_before: Count | None = None
    head_hash: Hash = ""  # of the new head's first parameters; empty in a resumed attempt
    data_digest: Hash = ""  # of the data set; empty in what earlier versions wrote
    computing_epochs: Positive = 1  # the first epochs, where features are kept

    def __post_init__(self) -> None:
        if self.total_steps < self.steps_per_epoch or self.first_step > self.total_steps + 1:
            raise ValueError("a training has at least one epoch, and begins before its end")


@dataclass(frozen=True, slots=True)
class Budgeted(RareEvent):
    """How many epochs fit into the minutes that a run was given: decided once, by what was measured at its start."""

    minutes: Minutes
    epochs: Epochs
    first_epoch_s: Seconds  # what an epoch was expected to take, validation included: the first one
    last_epoch_s: Seconds  # and the last one
    fits: bool = True  # False where one epoch, the least there is, takes longer


@dataclass(frozen=True, slots=True)
class Extracting(RareEvent):
    """How far a resumed attempt has come in computing again what a frozen network keeps. Passing news, too."""

    images: Count
    total_images: Count

    def __post_init__(self) -> None:
        if self.images > self.total_images:
            raise ValueError("no more images can be computed than there are")


@dataclass(frozen=True, slots=True)
class Evaluating(RareEvent):
    """How far an evaluation has come. Passing news: a worker may leave some out of the file."""

    split: Split
    images: Count
    total_images: Count

    def __post_init__(self) -> None:
        if self.images > self.total_images:
            raise ValueError("no more images can be scored than there are")


@dataclass(frozen=True, slots=True)
class Evaluated(RareEvent):
    """One pass over a split, in float32."""

    split: Split
    epoch: Positive  # counts from 1; the epoch whose weights were scored
    step: Count
    loss: float  # mean cross-entropy, in nats
    accuracy: Share  # 0 to 1
    seconds: Seconds  # the run's own clock
    best: bool  # the best epoch so far
    # The mean of the classes' own accuracies; told where some classes have far more photos than others.
    balanced_accuracy: Share | None = None
    rows_hash: Hash = ""  # of which images were trained on so far, in which order: alike in the lanes of a race


@dataclass(frozen=True, slots=True)
class EpochDone(RareEvent):
    """An epoch is done, and there are no validation photos to score."""

    epoch: Positive  # counts from 1
    step: Count
    seconds: Seconds  # the run's own clock
    rows_hash: Hash = ""  # see `Evaluated`


@dataclass(frozen=True, slots=True)
class Checkpointed(RareEvent):
    """A checkpoint stands on disk, complete."""

    step: Count
    epoch: Count
    best: bool


@dataclass(frozen=True, slots=True)
class Stopped(RareEvent):
    """The user stopped the run, or it stopped waiting for its device, or the system asked its process to end."""

    step: Count
    signal: str = ""  # "SIGTERM" and its like; empty where the user asked


@dataclass(frozen=True, slots=True)
class Finished(Ending):
    """Every epoch is done, and the test photos are scored with the weights of the best epoch.

    Without validation photos the last epoch counts as the best. What was not scored has no accuracy.
    """

    best_epoch: Positive
    best_accuracy: Share | None  # on validation photos, 0 to 1
    test_accuracy: Share | None
    test_balanced_accuracy: Share | None = None  # see `Evaluated`
    stopped_early: bool = False  # no epoch was better for as long as was allowed


@dataclass(frozen=True, slots=True)
class Fitting(Beginning):
    """The first epoch of a linear fit is about to come."""

    epochs: Positive


@dataclass(frozen=True, slots=True)
class Fitted(Ending):
    """Every epoch of a linear fit is done. The loss is that of the parameters it ends with."""

    weight: float
    bias: float
    loss: float


@dataclass(frozen=True, slots=True)
class Failed(RareEvent):
    """The run ended by a fault. `message` is a sentence for the user."""

    message: str
    step: Count
    can_resume: bool = False  # another attempt may get further


# What may happen in a run of any kind.
_COMMON = (Queued, Resumed, Recovered, Noted, Preparing, Checkpointed, Stopped, Failed)


def known_events(own: Sequence[type[RareEvent]]) -> dict[str, type[RareEvent]]:
    """By its name in a file, whatever may happen in a run of a kind that has these events of its own."""
    return {kind.__name__: kind for kind in (*_COMMON, *own)}


def to_dict(event: RareEvent) -> dict[str, Any]:
    """Plain values with the event's name, for a line of JSON."""
    return {"event": type(event).__name__, **asdict(event)}


def from_dict(values: dict[str, Any], known: Mapping[str, type[RareEvent]]) -> RareEvent | None:
    """The inverse of `to_dict`, or None for none of the known events. Fields that it does not know are left out."""
    kind = known.get(str(values.get("event")))
    if kind is None:
        return None
    try:
        return build(kind, values)
    except ValueError:
        return None


def from_line(line: bytes, known: Mapping[str, type[RareEvent]]) -> tuple[RareEvent, float] | None:
    """The event in one line of a file and when it was written, in Unix time, 0 where that cannot be.

    None where the line is damaged, or holds none of the known events.
    """
    try:
        values = parse_json(line)
    except ValueError:
        return None
    event = from_dict(values, known) if isinstance(values, dict) else None
    if event is None:
        return None
    try:
        return event, float(conform(values.get("time"), Seconds))
    except ValueError:
        return event, 0.0
