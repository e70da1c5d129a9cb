"""How many epochs fit into some minutes: decided once, before the first step, by what steps take here and now.

It is measured by the training loop itself, on a state that is thrown away afterwards.
"""

from contextlib import closing
from dataclasses import dataclass, replace

from core.feature_files import FeatureFiles
from core.runs.events import Budgeted, Split, Step
from core.training.features import BLOCK, Images
from core.training.fine_tune import evaluate, train_epoch
from core.training.photos import PhotosOfSide
from core.training.state import TrainingState
from core.training.tail_inputs import tail_inputs

_MEASURED_S = 1.5  # for each plan, once so many steps are done that they say something
_LEAST_STEPS = 4


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What epochs of one plan take, in seconds, validation included; and the test at the end."""

    beginning_s: float  # before the first epoch
    steps_s: float  # of an epoch's steps
    later_steps_s: float  # where they find features that earlier ones have computed
    scoring_s: float  # of the validation after the first epoch
    later_scoring_s: float
    test_s: float
    computing_epochs: int  # the first ones, whose features are found

    def epoch_s(self, index: int) -> float:
        """What one of its epochs takes; they count from 0."""
        steps_s = self.steps_s if index < self.computing_epochs else self.later_steps_s
        return steps_s + (self.later_scoring_s if index else self.scoring_s + self.beginning_s)


def budget(trial: TrainingState, files: FeatureFiles | None = None) -> Budgeted:
    """As many epochs as fit into the configuration's minutes: one at least, and at most as many as it says.

    `trial` takes some steps, in which nothing learns, and is of no use afterwards. Its clock counts what measuring
    takes, which is a part of the minutes. What its frozen part computes is kept in `files`, if given.
    """
    config, paces = trial.config, dict[int, Pace]()
    for group in trial.optimizer.param_groups:
        group["share"] = 0.0  # of the learning rate: so nothing can diverge
    trial.clock.start()
    epochs, seconds = 0, 0.0
    while epochs < config.epochs:
        phase = trial.plans.phase(epochs).start
        if epochs == phase:
            paces[phase] = _pace(trial, phase, files)
        seconds += paces[phase].epoch_s(epochs - phase)
        if epochs and trial.clock.seconds + seconds + paces[phase].test_s > 60 * config.minutes:
            break
        epochs += 1
    trial.clock.pause()
    last = trial.plans.phase(epochs - 1).start
    return Budgeted(
        minutes=config.minutes,
        epochs=epochs,
        first_epoch_s=paces[0].epoch_s(0),
        last_epoch_s=paces[last].epoch_s(epochs - 1 - last),
    )


def _pace(trial: TrainingState, epoch: int, files: FeatureFiles | None) -> Pace:
    """Measure what learns from that epoch on, which counts from 0."""
    trial.epoch = epoch
    begun = trial.clock.seconds
    inputs = tail_inputs(trial, files)
    beginning_s = trial.clock.seconds - begun
    first_s, num_steps = _step_seconds(trial, inputs, at_most=trial.steps_per_epoch)
    later_s = _step_seconds(trial, inputs, at_most=num_steps)[0] if inputs.are_kept else first_s
    scored_s, scored_again_s = _photo_seconds(trial, inputs, "validation", trial.validation)
    tested_s, _ = _photo_seconds(trial, inputs, "test", trial.test)
    return Pace(
        beginning_s=beginning_s,
        steps_s=trial.steps_per_epoch * first_s,
        later_steps_s=trial.steps_per_epoch * later_s,
        scoring_s=len(trial.validation) * scored_s,
        later_scoring_s=len(trial.validation) * scored_again_s,
        test_s=len(trial.test) * tested_s,
        computing_epochs=inputs.computing_epochs,
    )


def _step_seconds(trial: TrainingState, inputs: Images, *, at_most: int) -> tuple[float, int]:
    """What a step from the beginning of the epoch on takes, and how many were taken to know that."""
    trial.step = trial.reported_step = trial.epoch * trial.steps_per_epoch
    trial.batch = 0
    # Features are computed for a block at a time, so several steps may share what one of them waits for.
    enough = max(_LEAST_STEPS, 2 * -(-BLOCK // trial.config.batch_size))
    ends, taken = [trial.clock.seconds], 0
    with closing(train_epoch(trial, inputs)) as events:
        for event in events:
            if not isinstance(event, Step):
                continue
            ends.append(event.seconds)
            taken += 1
            if taken == at_most or (taken >= enough and ends[-1] - ends[0] >= _MEASURED_S):
                break
    half = taken // 2  # the steps before it warm up
    return (ends[-1] - ends[half]) / (taken - half), taken


def _photo_seconds(trial: TrainingState, inputs: Images, split: Split, photos: PhotosOfSide) -> tuple[float, float]:
    """What it takes to score one of these photos for the first time, and again; 0 where there are none."""
    if not len(photos):
        return 0.0, 0.0
    first, some = _part(photos, slice(BLOCK)), _part(photos, slice(BLOCK, 3 * BLOCK))
    parts = (first, some, some) if len(some) else (first, first)
    *_, computed_s, again_s = (_scoring_s(trial, inputs, split, part) for part in parts)
    return computed_s, again_s


def _scoring_s(trial: TrainingState, inputs: Images, split: Split, photos: PhotosOfSide) -> float:
    begun = trial.clock.seconds
    for _ in evaluate(trial, inputs, split, photos, trial.scored_weights):
        pass
    return (trial.clock.seconds - begun) / len(photos)


def _part(photos: PhotosOfSide, rows: slice) -> PhotosOfSide:
    return replace(photos, labels=photos.labels[rows], rows_of_set=photos.rows_of_set[rows])
