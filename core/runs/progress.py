"""How far a run has come and how long it will take. Pure: from its events and steps to numbers.

Images differ in cost: one that trains a whole network is read forwards and backwards, one that is scored is read in
float32, one whose features are kept costs next to nothing. What is left is counted by kind, and each kind's cost is
taken from the run's own clock as soon as it has measured one, and until then from a model. The wall clock is not asked:
it jumps, and it runs on while the run rests.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.runs.events import Evaluated, Evaluating, Extracting, Finished, RareEvent, Started

# The model: costs in units of one forward pass at the training's precision.
_BACKWARD_IMAGE = 2.0  # a backward pass through the whole network costs two forward ones
# Evaluation is always in float32. Against bfloat16, an image took 0.7 to 1.2 times as long on a busy computer, and on
# an idle one 2.1 times (91 images a second against 190). The first validation tells.
_FLOAT32_IMAGE = {"float32": 1.0, "bfloat16": 1.15}
_KEPT_IMAGE = 0.01  # measured: 36,000 images a second against 190
_KEPT_STEP_S = 0.0013  # measured
_KEPT_PART = 0.5  # of a step that computes them, where more than the head learns: 0.40 to 0.65 in four networks
_MIN_STEPS = 10  # before an estimate is worth showing
_RECENT_STEPS = 100  # that an estimate looks at: other work on the computer comes and goes
_OUTLIER = 5.0  # times the median: a step that took longer was held up, and the next ones will not be
_RATE_WINDOW_S = 3.0
# Without news for so long, something holds the run up: many times what a step takes, and never a few seconds only.
_LONG_WAITS = 10.0
_MIN_PATIENCE_S = 20.0
_PATIENCE_AT_FIRST_S = 60.0  # as long as nobody knows what a step takes
_EVALUATION_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands."""

    fraction: float  # of the work, 0 to 1
    epoch: int  # the current one, from 1
    step: int
    total_steps: int
    epochs: int
    remaining_s: float | None  # of the run's own clock; None as long as too little was measured
    steps_per_second: float | None  # of late; over all once finished
    patience_s: float  # a run that is well brings news sooner
    evaluating: Evaluating | None  # the evaluation that is under way
    extracting: Extracting | None  # a resumed attempt computes again what it keeps
    computing_epochs: int  # the first ones, where they are most of the work; else 0


@dataclass(frozen=True)
class _Work:
    """Some of a run's work, by what it costs."""

    computed: float  # images that a network is trained on, or whose features are computed
    kept: float  # steps on kept features
    evaluated: float  # images that are scored

    def __sub__(self, other: "_Work") -> "_Work":
        return _Work(self.computed - other.computed, self.kept - other.kept, self.evaluated - other.evaluated)

    def at(self, costs: "_Work") -> float:
        """What it costs in all, where each kind costs so much."""
        return self.computed * costs.computed + self.kept * costs.kept + self.evaluated * costs.evaluated


def measure(run_events: Sequence[RareEvent], steps: NDArray[np.void]) -> Progress | None:
    """The progress of a run's newest attempt, or None before it has begun."""
    begun = next((index for index in reversed(range(len(run_events))) if isinstance(run_events[index], Started)), None)
    if begun is None:
        return None
    started = run_events[begun]
    assert isinstance(started, Started)
    since = run_events[begun + 1 :]
    newest = run_events[-1]
    step = max(int(steps["step"][-1]) if len(steps) else 0, started.first_step - 1)
    done, total = _done(started, step, since), _total(started)
    model = _model(started)
    costs = _measured(started, steps, run_events, since)
    epochs = started.total_steps // started.steps_per_epoch
    return Progress(
        fraction=1.0 if isinstance(newest, Finished) else min(done.at(model) / total.at(model), 0.999),
        epoch=min(step // started.steps_per_epoch + 1, epochs),
        step=step,
        total_steps=started.total_steps,
        epochs=epochs,
        remaining_s=(total - done).at(costs) if costs else None,
        steps_per_second=_rate(steps, None if isinstance(newest, Finished) else _RATE_WINDOW_S),
        patience_s=_patience(started, costs),
        evaluating=newest if isinstance(newest, Evaluating) else None,
        extracting=newest if isinstance(newest, Extracting) else None,
        computing_epochs=started.computing_epochs if _is_mostly_computing(started) else 0,
    )


def _is_mostly_computing(started: Started) -> bool:
    """Whether most of the work is to compute features, in the first epochs."""
    total, model = _total(started), _model(started)
    return started.keeps_features and total.computed * model.computed > total.at(model) / 2


def total_work(started: Started) -> float:
    """The work of a whole run, in forward passes of one image."""
    return _total(started).at(_model(started))


def _done(started: Started, step: int, since: Sequence[RareEvent]) -> _Work:
    """The work up to that step, with what the attempt has reported `since` its start."""
    evaluated = [event.split for event in since if isinstance(event, Evaluated)]
    extracted: float = max((event.images for event in since if isinstance(event, Extracting)), default=0)
    if step >= max(started.first_step, started.steps_per_epoch + 1):
        extracted = _to_extract(started)
    work = _work(
        started,
        step,
        extracted=extracted,
        validations=evaluated.count("validation"),
        tested=started.test_images if "test" in evaluated else 0,
    )
    under_way = since[-1] if since else None
    scored = under_way.images if isinstance(under_way, Evaluating) else 0
    return _Work(work.computed, work.kept, work.evaluated + scored)


def _total(started: Started) -> _Work:
    """The work of the whole run, its former attempts' included."""
    validations = started.total_steps // started.steps_per_epoch - _epochs_before(started)
    return _work(
        started,
        started.total_steps,
        extracted=_to_extract(started),
        validations=validations,
        tested=started.test_images,
    )


def _work(started: Started, steps: int, *, extracted: float, validations: int, tested: int) -> _Work:
    """The work of that many steps; `extracted` images were computed again, and `validations` are the attempt's own."""
    if started.keeps_features:  # computed in the first epochs, and scored without computing from the second on
        computed = 0 if started.knows_features else min(steps, _computing_steps(started))
        evaluated = 0 if started.knows_features else min(validations, 1) * started.validation_images + tested
        return _Work(computed * _images_per_step(started) + extracted, steps - computed, evaluated)
    evaluated = (_epochs_before(started) + validations) * started.validation_images + tested
    return _Work(steps * _images_per_step(started), 0, evaluated)


def _to_extract(started: Started) -> float:
    """Images whose features a former attempt had computed, and this one must compute again."""
    keeps = started.keeps_features and not started.knows_features
    again = min(started.first_step - 1, _computing_steps(started)) if keeps else 0
    return again * _images_per_step(started)


def _computing_steps(started: Started) -> int:
    """The first steps, which compute features that later ones use again."""
    return started.computing_epochs * started.steps_per_epoch


def _epochs_before(started: Started) -> int:
    """Epochs of former attempts that this one does not repeat, nor their validation."""
    if started.epochs_before is not None:
        return started.epochs_before
    return (started.first_step - 1) // started.steps_per_epoch


def _images_per_step(started: Started) -> float:
    return started.train_images / started.steps_per_epoch


def _model(started: Started) -> _Work:
    """What each kind of work costs, in forward passes of one image."""
    # Of a part, about as much as it has of the parameters; a head alone costs nothing.
    share = 0.0 if started.mode == "frozen" else started.trainable_parameters / max(started.parameters, 1)
    training = 1 + _BACKWARD_IMAGE * share
    kept = _KEPT_IMAGE if started.mode == "frozen" else _KEPT_PART * training
    return _Work(training, kept * _images_per_step(started), _FLOAT32_IMAGE.get(started.precision, 1.0))


def _measured(
    started: Started, steps: NDArray[np.void], run_events: Sequence[RareEvent], since: Sequence[RareEvent]
) -> _Work | None:
    """What each kind of work costs in seconds: as the attempt's own steps and evaluations took, or None so far."""
    first = int(np.searchsorted(steps["step"], started.first_step))
    own = steps[first:]
    if len(own) < min(_MIN_STEPS, started.total_steps - started.first_step + 1):
        return None
    evaluated = [event for event in run_events if isinstance(event, Evaluated)]
    begins = _begins(steps, evaluated)[first:]
    seconds, images = (own["seconds"] - begins)[1:], own["images"][1:]  # the first one warms up
    is_kept = (own["step"][1:] > _computing_steps(started)) & started.keeps_features & (not started.knows_features)
    image_s = _typical(seconds[~is_kept] / images[~is_kept])
    if started.knows_features and image_s is not None:  # each step is as cheap as it will ever be
        return _Work(image_s, image_s * _images_per_step(started), image_s)
    if image_s is None and first > 0 and own["step"][0] > _computing_steps(started):
        image_s = float(own["seconds"][0] - begins[0]) / max(_to_extract(started), 1)  # before its first step
    if image_s is None:
        return None
    kept_s, model = _typical(seconds[is_kept]), _model(started)
    expected_kept_s = _KEPT_STEP_S if started.mode == "frozen" else image_s * model.kept / model.computed
    expected_s = image_s * model.evaluated / model.computed
    scored_s = _scored_seconds(started, own, [event for event in since if isinstance(event, Evaluated)])
    return _Work(
        image_s,
        expected_kept_s if kept_s is None else kept_s,
        expected_s if scored_s is None else min(scored_s, 2 * _OUTLIER * expected_s),
    )


def _begins(steps: NDArray[np.void], evaluated: Sequence[Evaluated]) -> NDArray[np.float64]:
    """The run's own clock when each step began: when the one before had ended, or the validation in between."""
    begins: NDArray[np.float64] = np.concatenate([[0.0], steps["seconds"][:-1]])
    for event in evaluated:
        after = int(np.searchsorted(steps["step"], event.step)) + 1
        if event.split == "validation" and after < len(begins):
            begins[after] = np.clip(event.seconds, steps["seconds"][after - 1], steps["seconds"][after])
    return begins


def _scored_seconds(started: Started, own: NDArray[np.void], evaluated: Sequence[Evaluated]) -> float | None:
    """What an image took to score, in the attempt's validations that computed their features."""
    validations = [event for event in evaluated if event.split == "validation"]
    found: list[float] = []
    for event in validations[:1] if started.keeps_features else validations:
        index = int(np.searchsorted(own["step"], event.step))
        if index < len(own) and own["step"][index] == event.step:
            found.append(float(event.seconds - own["seconds"][index]) / max(started.validation_images, 1))
    return float(np.median(found[-5:])) if found else None


def _typical(values: NDArray[np.float64]) -> float | None:
    """The mean of the newest values, where one that was held up counts as a slow one only."""
    newest = values[-_RECENT_STEPS:]
    return float(np.minimum(newest, _OUTLIER * np.median(newest)).mean()) if len(newest) else None


def _patience(started: Started, costs: _Work | None) -> float:
    """How long a run that is well may be without news, in seconds."""
    if costs is None:
        return _PATIENCE_AT_FIRST_S
    slowest = max(_images_per_step(started) * costs.computed, _EVALUATION_BATCH * costs.evaluated)
    return max(_LONG_WAITS * slowest, _MIN_PATIENCE_S)


def _rate(steps: NDArray[np.void], window_s: float | None) -> float | None:
    """Steps a second over the last `window_s` of the run's own clock, or over all."""
    if len(steps) < 2:
        return None
    seconds = steps["seconds"]
    first = 0 if window_s is None else min(int(np.searchsorted(seconds, seconds[-1] - window_s)), len(steps) - 2)
    elapsed = float(seconds[-1] - seconds[first])
    return (len(steps) - 1 - first) / elapsed if elapsed > 0 else None
