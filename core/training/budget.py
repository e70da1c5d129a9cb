"""How many epochs fit into some minutes: decided once, before the first step, by what steps take here and now.

It is measured by the training loop itself, on a state that is thrown away afterwards.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace

from core.feature_files import FeatureFiles
from core.runs.events import Budgeted, Preparing, Split
from core.training.features import BLOCK, Images
from core.training.fine_tune import evaluate, train_epoch
from core.training.photos import PhotosOfSide
from core.training.state import TrainingState
from core.training.tail_inputs import tail_inputs

MEASURING = Preparing(what="Measuring how many epochs fit into the time")
_MEASURED_S = 1.5  # for each plan, beside what warms up
_MEASURED_AGAIN_S = 0.5  # of steps that find their features
_MOST_CHUNKS = 20  # however fast they are


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What epochs of one plan take, in seconds, and the test at the end."""

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


def budget(trial: TrainingState, files: FeatureFiles | None = None) -> Generator[Preparing, None, Budgeted]:
    """As many epochs as fit into the configuration's minutes: one at least, and at most as many as it says.

    `trial` takes some steps, in which nothing learns, and is of no use afterwards. Its clock counts what measuring
    takes, which is a part of the minutes. What its frozen part computes is kept in `files`, if given. Whoever drives it
    may leave after any event.
    """
    measuring = _budget(trial, files)
    while True:
        trial.clock.start()
        try:
            event = next(measuring)
        except StopIteration as done:
            decided: Budgeted = done.value
            return decided
        finally:
            trial.clock.pause()
        yield event


def _budget(trial: TrainingState, files: FeatureFiles | None) -> Generator[Preparing, None, Budgeted]:
    config, paces = trial.config, dict[int, Pace]()
    for group in trial.optimizer.param_groups:
        group["share"] = 0.0  # of the learning rate: so nothing can diverge
    epochs, seconds, one_fits = 0, 0.0, True
    while epochs < config.epochs:
        phase = trial.plans.phase(epochs).start
        if epochs == phase:
            paces[phase] = yield from _pace(trial, phase, files)
        seconds += paces[phase].epoch_s(epochs - phase)
        fits = trial.clock.seconds + seconds + paces[phase].test_s <= 60 * config.minutes
        if epochs and not fits:
            break
        one_fits = fits or epochs > 0
        epochs += 1
    last = trial.plans.phase(epochs - 1).start
    return Budgeted(
        minutes=config.minutes,
        epochs=epochs,
        first_epoch_s=paces[0].epoch_s(0),
        last_epoch_s=paces[last].epoch_s(epochs - 1 - last),
        fits=one_fits,
    )


def _pace(trial: TrainingState, epoch: int, files: FeatureFiles | None) -> Generator[Preparing, None, Pace]:
    """Measure what learns from that epoch on, which counts from 0."""
    trial.epoch = epoch
    begun = trial.clock.seconds
    inputs = tail_inputs(trial, files)
    for side in ("train", "validation", "test"):
        inputs.are_known(side)  # which reads what is in the files
    beginning_s = trial.clock.seconds - begun
    step_s, num_steps = yield from _step_seconds(trial, inputs)
    later_step_s = (yield from _again_seconds(trial, inputs, num_steps)) if inputs.are_kept else step_s
    scored_s, scored_again_s = yield from _scoring_seconds(trial, inputs, "validation", trial.validation)
    tested_s, _ = yield from _scoring_seconds(trial, inputs, "test", trial.test)
    return Pace(
        beginning_s=beginning_s,
        steps_s=trial.steps_per_epoch * step_s,
        later_steps_s=trial.steps_per_epoch * later_step_s,
        scoring_s=scored_s,
        later_scoring_s=scored_again_s,
        test_s=tested_s,
        computing_epochs=inputs.computing_epochs,
    )


def _step_seconds(trial: TrainingState, inputs: Images) -> Generator[Preparing, None, tuple[float, int]]:
    """What a step takes in a plan's first epoch, and how many of its steps were taken to know that."""
    # Features are computed for a block at a time, so several steps may share what one of them waits for.
    chunk = -(-BLOCK // trial.config.batch_size)
    taken, seconds, sizes = _rewind(trial), list[float](), list[int]()  # of each chunk of steps
    while True:
        size = min(chunk, trial.steps_per_epoch - taken)
        if not size and inputs.are_kept:  # all is computed, and would be found
            break
        if not size:
            taken = _rewind(trial)
            continue
        seconds.append(_take(trial, inputs, size))
        sizes.append(size)
        taken += size
        yield MEASURING
        if sum(seconds[1:]) >= _MEASURED_S or len(sizes) == _MOST_CHUNKS:
            break
        chunk *= 2
    warm = 1 if len(seconds) > 1 else 0  # the first chunk warms up
    return sum(seconds[warm:]) / sum(sizes[warm:]), taken


def _again_seconds(trial: TrainingState, inputs: Images, num_steps: int) -> Generator[Preparing, None, float]:
    """What one of the first steps takes where it finds its features."""
    _rewind(trial)
    _take(trial, inputs, num_steps)
    seconds = list[float]()
    while sum(seconds) < _MEASURED_AGAIN_S and len(seconds) < _MOST_CHUNKS:
        _rewind(trial)
        seconds.append(_take(trial, inputs, num_steps))
        yield MEASURING
    return sum(seconds) / len(seconds) / num_steps


def _rewind(trial: TrainingState) -> int:
    """Go back to the beginning of the epoch, of which no step is taken."""
    trial.step = trial.reported_step = trial.epoch * trial.steps_per_epoch
    trial.batch = 0
    return 0


def _take(trial: TrainingState, inputs: Images, num_steps: int) -> float:
    """The seconds that so many of the next steps take."""
    begun = trial.clock.seconds
    for _ in train_epoch(trial, inputs, at_most=num_steps):
        pass
    return trial.clock.seconds - begun


def _scoring_seconds(
    trial: TrainingState, inputs: Images, split: Split, photos: PhotosOfSide
) -> Generator[Preparing, None, tuple[float, float]]:
    """What it takes to score these photos for the first time, and again, by some of them; 0 where there are none."""
    if not len(photos):
        return 0.0, 0.0
    looking_s = _seconds_of_looking(trial, inputs, split)
    first, some = _part(photos, slice(BLOCK)), _part(photos, slice(BLOCK, 3 * BLOCK))
    taken: list[float] = []
    for part in (first, some, some) if len(some) else (first, first):
        begun = trial.clock.seconds
        for _ in evaluate(trial, inputs, split, part, trial.scored_weights):
            pass
        taken.append(max(trial.clock.seconds - begun - looking_s, 0.0) / len(part))
        yield MEASURING
    return looking_s + len(photos) * taken[-2], looking_s + len(photos) * taken[-1]


def _seconds_of_looking(trial: TrainingState, inputs: Images, split: Split) -> float:
    """What an evaluation takes to see what is known, which it does once, however few photos it scores."""
    begun = trial.clock.seconds
    inputs.are_known(split)
    return trial.clock.seconds - begun


def _part(photos: PhotosOfSide, rows: slice) -> PhotosOfSide:
    return replace(photos, labels=photos.labels[rows], rows_of_set=photos.rows_of_set[rows])
