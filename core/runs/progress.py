"""How far a run has come and how long it will take. Pure: from its events and steps to numbers.

Images differ in cost: one that trains a whole network is read forwards and backwards, one whose features are kept
costs next to nothing. Progress counts the work, so the remaining time is right in the slow first epoch of a frozen run.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.runs.events import Evaluated, Evaluating, Extracting, Finished, RareEvent, Started

# Costs of one image, in units of one forward pass at the training's precision.
_FULL_IMAGE = 3.0  # a backward pass costs two forward ones
_FROZEN_IMAGE = 1.0
_KEPT_IMAGE = 0.01  # measured: 36,000 images a second against 190
_FLOAT32_IMAGE = {"float32": 1.0, "bfloat16": 2.0}  # evaluation is always in float32
_RATE_WINDOW_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands."""

    fraction: float  # of the work, 0 to 1
    epoch: int  # the current one, from 1
    step: int
    total_steps: int
    epochs: int
    remaining_s: float | None  # None as long as nothing was measured
    steps_per_second: float | None  # of late; over all once finished
    evaluating: Evaluating | None  # the evaluation that is under way
    extracting: Extracting | None  # a resumed attempt computes again what it keeps


def measure(run_events: Sequence[RareEvent], steps: NDArray[np.void], *, working_s: float) -> Progress | None:
    """The progress of a run's newest attempt, or None before it has begun.

    `working_s` is the wall-clock time since its Started event, in seconds.
    """
    start = next((index for index in reversed(range(len(run_events))) if isinstance(run_events[index], Started)), None)
    if start is None:
        return None
    started = run_events[start]
    assert isinstance(started, Started)
    since = run_events[start + 1 :]
    step = max(int(steps["step"][-1]) if len(steps) else 0, started.first_step - 1)
    epochs = started.total_steps // started.steps_per_epoch
    newest = run_events[-1]
    evaluating = newest if isinstance(newest, Evaluating) else None

    earlier = (started.first_step - 1) // started.steps_per_epoch  # epochs that this attempt did not repeat
    validated = sum(isinstance(event, Evaluated) and event.split == "validation" for event in since)
    tested = (
        started.test_images if any(isinstance(event, Evaluated) and event.split == "test" for event in since) else 0
    )
    before = _work(started, started.first_step - 1, validated=0, earlier=earlier, tested=0)
    total = _work(started, started.total_steps, validated=epochs - earlier, earlier=earlier, tested=started.test_images)
    done = _work(started, step, validated=validated, earlier=earlier, tested=tested)
    if evaluating:
        done += evaluating.images * _FLOAT32_IMAGE.get(started.precision, 1.0)
    extracting = newest if isinstance(newest, Extracting) else None
    if extracting:
        done += extracting.images * _FROZEN_IMAGE
    fraction = 1.0 if isinstance(newest, Finished) else min(done / total, 0.999)
    worked = done - before
    return Progress(
        fraction=fraction,
        epoch=min(step // started.steps_per_epoch + 1, epochs),
        step=step,
        total_steps=started.total_steps,
        epochs=epochs,
        remaining_s=(total - done) * working_s / worked if worked > 0 and working_s > 0 else None,
        steps_per_second=_rate(steps, None if isinstance(newest, Finished) else _RATE_WINDOW_S),
        evaluating=evaluating,
        extracting=extracting,
    )


def _work(started: Started, steps: int, *, validated: int, earlier: int, tested: int) -> float:
    """The cost of that much of the run, in forward passes of one image.

    `validated` counts the attempt's own validations, `earlier` those of the epochs before it.
    """
    per_step = started.train_images / started.steps_per_epoch
    evaluation = _FLOAT32_IMAGE.get(started.precision, 1.0)
    if started.keeps_features:  # an attempt computes them once, whatever was computed before
        before, since = (started.first_step - 1) * per_step, (steps - started.first_step + 1) * per_step
        computed = min(since, started.train_images)
        training = computed * _FROZEN_IMAGE + (before + since - computed) * _KEPT_IMAGE
        validation = min(validated, 1) * started.validation_images * evaluation
    else:
        training = steps * per_step * (_FULL_IMAGE if started.mode == "full" else _FROZEN_IMAGE)
        validation = (earlier + validated) * started.validation_images * evaluation
    return training + validation + tested * evaluation


def _rate(steps: NDArray[np.void], window_s: float | None) -> float | None:
    """Steps a second over the last `window_s` of the run's own clock, or over all."""
    if len(steps) < 2:
        return None
    seconds = steps["seconds"]
    first = 0 if window_s is None else min(int(np.searchsorted(seconds, seconds[-1] - window_s)), len(steps) - 2)
    elapsed = float(seconds[-1] - seconds[first])
    return (len(steps) - 1 - first) / elapsed if elapsed > 0 else None
