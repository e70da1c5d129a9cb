"""What a training reports: small frozen values. Knows neither how they come about nor where they go.

A step comes for every optimizer step and is kept in binary, with the fields that its kind of run declares; the other
events are rare and are kept as lines of JSON. What is read back is checked: an event has the types and ranges of its
annotations, or is none.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, cast, get_args

from core.runs.checked import build, conform, parse_json
from core.runs.quantities import Count, Hash, Positive, Seconds, Share

Split = Literal["validation", "test"]


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer step. `seconds` is the run's own clock: what it has worked since its first attempt began."""

    step: int  # counts from 1
    loss: float  # mean cross-entropy of the batch, in nats
    learning_rate: float
    seconds: float
    images: int  # in this batch


@dataclass(frozen=True, slots=True)
class LinearStep:
    """One full-batch step of a linear fit. The parameters are those that the step left behind."""

    step: int  # counts from 1
    loss: float  # mean squared error, before the step
    weight: float
    bias: float
    seconds: float  # the run's own clock


AnyStep = Step | LinearStep


@dataclass(frozen=True, slots=True)
class Queued:
    """The worker waits for its device."""

    device: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """A new attempt at a run that had ended before its end."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """A checkpoint was damaged, and the attempt goes on from elsewhere. `message` is a sentence for the user."""

    message: str


@dataclass(frozen=True, slots=True)
class Preparing:
    """The worker has its device and builds the training. `what` is a phrase for the user."""

    what: str


@dataclass(frozen=True, slots=True)
class Started:
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
    keeps_features: bool  # the frozen part is computed once, in the first epoch
    # Whole ones of former attempts, validation included; None in what earlier versions wrote.
    epochs_before: Count | None = None
    head_hash: Hash = ""  # of the new head's first parameters; empty in a resumed attempt

    def __post_init__(self) -> None:
        if self.total_steps < self.steps_per_epoch or self.first_step > self.total_steps + 1:
            raise ValueError("a training has at least one epoch, and begins before its end")


@dataclass(frozen=True, slots=True)
class Extracting:
    """How far a resumed attempt has come in computing again what a frozen network keeps. Passing news, too."""

    images: Count
    total_images: Count

    def __post_init__(self) -> None:
        if self.images > self.total_images:
            raise ValueError("no more images can be computed than there are")


@dataclass(frozen=True, slots=True)
class Evaluating:
    """How far an evaluation has come. Passing news: a worker may leave some out of the file."""

    split: Split
    images: Count
    total_images: Count

    def __post_init__(self) -> None:
        if self.images > self.total_images:
            raise ValueError("no more images can be scored than there are")


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One pass over a split, in float32."""

    split: Split
    epoch: Positive  # counts from 1; the epoch whose weights were scored
    step: Count
    loss: float  # mean cross-entropy, in nats
    accuracy: Share  # 0 to 1
    seconds: Seconds  # the run's own clock
    best: bool  # the best validation accuracy so far
    rows_hash: Hash = ""  # of which images were trained on so far, in which order: alike in the lanes of a race


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """A checkpoint stands on disk, complete."""

    step: Count
    epoch: Count
    best: bool


@dataclass(frozen=True, slots=True)
class Stopped:
    """The user stopped the run, or it stopped waiting for its device, or the system asked its process to end."""

    step: Count
    signal: str = ""  # "SIGTERM" and its like; empty where the user asked


@dataclass(frozen=True, slots=True)
class Finished:
    """Every epoch is done and the test set is scored, with the weights of the best epoch."""

    best_epoch: Positive
    best_accuracy: Share  # on validation images, 0 to 1
    test_accuracy: Share
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class Fitting:
    """The first epoch of a linear fit is about to come."""

    epochs: Positive


@dataclass(frozen=True, slots=True)
class Fitted:
    """Every epoch of a linear fit is done. The loss is that of the parameters it ends with."""

    weight: float
    bias: float
    loss: float
    seconds: Seconds  # the run's own clock


@dataclass(frozen=True, slots=True)
class Failed:
    """The run ended by a fault. `message` is a sentence for the user."""

    message: str
    step: Count
    can_resume: bool = False  # another attempt may get further


RareEvent = (
    Queued
    | Resumed
    | Recovered
    | Preparing
    | Started
    | Extracting
    | Evaluating
    | Evaluated
    | Checkpointed
    | Stopped
    | Finished
    | Fitting
    | Fitted
    | Failed
)
Event = AnyStep | RareEvent

_RARE_EVENTS: dict[str, type[RareEvent]] = {kind.__name__: kind for kind in get_args(RareEvent)}
# What only one kind of run writes; the other events tell of any run.
_OF_FINE_TUNING = (Started, Extracting, Evaluating, Evaluated, Finished)
_OF_LINEAR_FIT = (Fitting, Fitted)
_FOREIGN = {"fine_tune": _OF_LINEAR_FIT, "linear_fit": _OF_FINE_TUNING}


def to_dict(event: RareEvent) -> dict[str, Any]:
    """Plain values with the event's name, for a line of JSON."""
    return {"event": type(event).__name__, **asdict(event)}


def from_dict(values: dict[str, Any]) -> RareEvent | None:
    """The inverse of `to_dict`, or None for no event of this version. Fields that it does not know are left out."""
    kind = _RARE_EVENTS.get(str(values.get("event")))
    if kind is None:
        return None
    try:
        return cast(RareEvent, build(kind, values))
    except ValueError:
        return None


def from_line(line: bytes, run_kind: str) -> tuple[RareEvent, float] | None:
    """The event in one line of a file and when it was written, in Unix time, 0 where that cannot be.

    None where the line is damaged, or holds nothing that a run of this kind would write.
    """
    try:
        values = parse_json(line)
    except ValueError:
        return None
    event = from_dict(values) if isinstance(values, dict) else None
    if event is None or isinstance(event, _FOREIGN[run_kind]):
        return None
    try:
        return event, float(conform(values.get("time"), Seconds))
    except ValueError:
        return event, 0.0
