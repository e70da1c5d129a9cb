"""Progress counts the work, not the steps, and what is left of it is told in the run's own time."""

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest

import numpy as np
import pytest

from core.runs import progress
from core.runs.events import (
    Checkpointed,
    Evaluated,
    Evaluating,
    Extracting,
    Finished,
    RareEvent,
    Resumed,
    Started,
    Step,
    Stopped,
)
from core.runs.kinds import KINDS
from tests.core.test_status import FINISHED, STARTED

FULL = STARTED
KEPT = replace(STARTED, mode="frozen", keeps_features=True)
BUNDLED = replace(
    STARTED, train_images=1_800, validation_images=200, test_images=500, steps_per_epoch=57, total_steps=114
)


def steps(count: int, seconds_each: float = 0.5) -> np.ndarray:
    made = np.zeros(count, KINDS["fine_tune"].steps.dtype)
    made["step"] = np.arange(1, count + 1)
    made["seconds"] = made["step"] * seconds_each
    made["images"] = 10
    return made


def validated(epoch: int, seconds: float = 1.0) -> Evaluated:
    return Evaluated(split="validation", epoch=epoch, step=10 * epoch, loss=1, accuracy=0.5, seconds=seconds, best=True)


def record(
    started: Started, *, image_s: float, scored: float, seed: int = 0, clock: float = 0.0, kept_s: float = 0.0012
) -> Iterator[tuple[Step | RareEvent, float]]:
    """The events of an attempt and the run's own clock at each: steps take `image_s` an image, unevenly as on a busy
    computer, and an image is scored in `scored` times that.
    """
    stream = np.random.default_rng(seed)
    batches = [32] * (started.steps_per_epoch - 1) + [started.train_images - 32 * (started.steps_per_epoch - 1)]
    yield started, clock

    def score(split: str, count: int, epoch: int, step: int, known: bool) -> Iterator[tuple[RareEvent, float]]:
        nonlocal clock
        for images in range(32, count, 32) if not known else ():
            clock += 32 * image_s * scored * stream.uniform(0.8, 1.2)
            yield Evaluating(split=split, images=images, total_images=count), clock  # type: ignore[arg-type]
        clock += 0.001 if known else (count % 32 or 32) * image_s * scored
        yield (
            Evaluated(split=split, epoch=epoch, step=step, loss=1, accuracy=0.5, seconds=clock, best=True),  # type: ignore[arg-type]
            clock,
        )

    again = batches[: min(started.first_step - 1, started.steps_per_epoch)] if started.keeps_features else []
    for step in range(started.first_step, started.total_steps + 1):
        done = step - started.first_step
        images = batches[(step - 1) % started.steps_per_epoch]
        is_kept = started.keeps_features and step > started.steps_per_epoch
        for extracted in range(len(again)) if is_kept else ():
            clock += again[extracted] * image_s * stream.gamma(50, 1 / 50)
            yield Extracting(images=sum(again[: extracted + 1]), total_images=sum(again)), clock
        again = [] if is_kept else again
        clock += (kept_s if is_kept else images * image_s) * stream.gamma(50, 1 / 50) + (
            image_s * 60 if done == 0 else 0
        )
        yield Step(step=step, loss=1.0, learning_rate=0.1, seconds=clock, images=images), clock
        if step % started.steps_per_epoch == 0:
            epoch = step // started.steps_per_epoch
            known = started.keeps_features and done >= started.steps_per_epoch
            yield from score("validation", started.validation_images, epoch, step, known)
            yield Checkpointed(step=step, epoch=epoch, best=True), clock
    yield from score("test", started.test_images, 1, started.total_steps, known=False)
    yield Finished(best_epoch=1, best_accuracy=0.5, test_accuracy=0.5, seconds=clock), clock


class Follower:
    """What a page has read of a run so far."""

    def __init__(self) -> None:
        self.events: list[RareEvent] = []
        self.steps: list[tuple[float, ...]] = []

    def read(self, event: Step | RareEvent) -> None:
        if isinstance(event, Step):
            self.steps = [step for step in self.steps if step[0] < event.step]
            self.steps.append((event.step, event.images, event.loss, event.learning_rate, event.seconds))
        else:
            self.events.append(event)

    def measure(self) -> progress.Progress:
        array = np.array(self.steps, KINDS["fine_tune"].steps.dtype)
        now = progress.measure(self.events, array)
        assert now is not None
        return now


def of_bundled(mode: str, precision: str, *, epochs: int, keeps: bool = False, first_step: int = 1) -> Started:
    return replace(
        BUNDLED,
        mode=mode,
        precision=precision,
        keeps_features=keeps,
        total_steps=57 * epochs,
        first_step=first_step,
    )


# In the range that was measured: seconds to train on an image, and what scoring one in float32 costs against that.
RUNS = {
    "frozen, kept, float32": (of_bundled("frozen", "float32", epochs=20, keeps=True), 1 / 90, 1.0),
    "frozen, kept, bfloat16": (of_bundled("frozen", "bfloat16", epochs=20, keeps=True), 1 / 110, 1.35),
    "frozen, kept, bfloat16, busy": (of_bundled("frozen", "bfloat16", epochs=20, keeps=True), 1 / 60, 1.05),
    "frozen, crops, float32": (of_bundled("frozen", "float32", epochs=3), 1 / 90, 1.1),
    "frozen, crops, bfloat16": (of_bundled("frozen", "bfloat16", epochs=3), 1 / 110, 1.6),
    "full, float32": (of_bundled("full", "float32", epochs=3), 1 / 30, 0.33),
    "full, bfloat16": (of_bundled("full", "bfloat16", epochs=3), 1 / 24, 0.3),
    "full, bfloat16, large images": (of_bundled("full", "bfloat16", epochs=2), 1 / 60, 0.7),
    "full, resumed": (of_bundled("full", "bfloat16", epochs=4, first_step=2 * 57 + 1), 1 / 24, 0.3),
    "frozen, kept, resumed": (of_bundled("frozen", "bfloat16", epochs=20, keeps=True, first_step=286), 1 / 110, 1.2),
    "frozen, kept, resumed early": (
        of_bundled("frozen", "bfloat16", epochs=20, keeps=True, first_step=31),
        1 / 90,
        1.0,
    ),
}


def near(estimate: float, truth: float, whole: float) -> bool:
    """Within 15% of what is left or, near the end, within 5% of the whole."""
    return abs(estimate - truth) <= max(0.15 * truth, 0.05 * whole)


@pytest.mark.parametrize(("started", "image_s", "scored"), RUNS.values(), ids=list(RUNS))
def test_time_left_is_true_from_a_tenth_of_the_run_on(started: Started, image_s: float, scored: float) -> None:
    follower = Follower()
    clock = 0.0
    if started.first_step > 1:  # what a former attempt did, on a machine three times as slow
        for event, now_s in record(replace(started, first_step=1), image_s=3 * image_s, scored=scored):
            follower.read(event)
            clock = now_s
            if isinstance(event, Step) and event.step == started.first_step - 1:
                break
        for ending in (Stopped(step=started.first_step - 1), Resumed()):
            follower.read(ending)
    recorded = list(record(started, image_s=image_s, scored=scored, seed=1, clock=clock))
    end = recorded[-1][1]
    looks = iter(np.linspace(clock + 0.1 * (end - clock), end, 40)[:-1])
    look = next(looks)
    for event, now_s in recorded:
        follower.read(event)
        while now_s >= look:
            now = follower.measure()
            remaining_s = now.remaining_s
            assert remaining_s is not None or now.step < started.first_step + 9
            assert remaining_s is None or near(remaining_s, end - now_s, end - clock), (now_s, remaining_s, end - now_s)
            look = next(looks, np.inf)


def test_time_left_of_a_race_is_that_of_all_its_lanes() -> None:
    lanes = [
        list(record(started, image_s=image_s, scored=scored, seed=seed))
        for seed, (started, image_s, scored) in enumerate((RUNS["frozen, crops, bfloat16"], RUNS["full, bfloat16"]))
    ]
    followers = [Follower(), Follower()]
    whole, clocks = sum(lane[-1][1] for lane in lanes), [0.0, 0.0]
    for turn in zip_longest(*lanes):
        for index, taken in enumerate(turn):
            if taken:
                followers[index].read(taken[0])
                clocks[index] = taken[1]
        if whole * 0.1 < sum(clocks) < whole and np.random.default_rng(int(1e6 * clocks[0])).random() < 0.1:
            left = [follower.measure().remaining_s for follower in followers]
            assert near(sum(filter(None, left)), whole - sum(clocks), whole)


def test_nothing_is_known_before_the_start() -> None:
    assert progress.measure([], steps(0)) is None


def test_no_time_is_told_before_ten_steps() -> None:
    for count in range(10):
        now = progress.measure([FULL], steps(count))
        assert now is not None
        assert now.remaining_s is None
    now = progress.measure([FULL], steps(10))
    assert now is not None
    assert now.remaining_s == pytest.approx(0.05 * (100 + 30 / 3))


def test_full_training_progresses_with_its_images() -> None:
    now = progress.measure([FULL], steps(10))
    assert now is not None
    assert now.fraction == pytest.approx(100 * 3 / (2 * (100 * 3 + 10) + 10))
    assert (now.epoch, now.epochs, now.step, now.total_steps) == (2, 2, 10, 20)
    assert now.steps_per_second == pytest.approx(2.0)


def test_evaluation_counts_while_it_runs() -> None:
    before = progress.measure([FULL], steps(10))
    now = progress.measure([FULL, Evaluating(split="validation", images=5, total_images=10)], steps(10))
    assert before is not None
    assert now is not None
    assert now.evaluating is not None
    assert now.fraction > before.fraction
    assert now.remaining_s is not None
    assert before.remaining_s is not None
    assert now.remaining_s < before.remaining_s


def test_kept_features_make_later_epochs_nearly_free() -> None:
    now = progress.measure([KEPT, validated(1, seconds=5.5)], steps(10))
    assert now is not None
    assert now.fraction > 0.9
    assert now.remaining_s == pytest.approx(10 * 0.0013 + 10 * 0.05)


def test_resumed_run_is_timed_by_its_own_work() -> None:
    resumed = replace(FULL, first_step=11)
    at_start = progress.measure([FULL, validated(1), resumed], steps(10))
    assert at_start is not None
    assert at_start.remaining_s is None, "nothing was measured yet"
    assert at_start.fraction == pytest.approx((300 + 10) / (620 + 10))


def test_what_a_resumed_frozen_run_computes_again_is_counted() -> None:
    resumed = replace(KEPT, first_step=11)
    begun = [KEPT, validated(1), Stopped(step=10), Resumed(), resumed]
    at_start = progress.measure(begun, steps(10))
    half = progress.measure([*begun, Extracting(images=50, total_images=100)], steps(10))
    after = progress.measure([*begun, Extracting(images=50, total_images=100)], steps(11))
    assert at_start is not None
    assert half is not None
    assert half.extracting is not None
    assert after is not None
    assert at_start.fraction < half.fraction < after.fraction
    assert after.fraction - at_start.fraction == pytest.approx(2 * (half.fraction - at_start.fraction), rel=0.01)


def test_only_a_finished_run_is_complete() -> None:
    everything = [FULL, validated(1), validated(2), Evaluating(split="test", images=10, total_images=10)]
    almost = progress.measure(everything, steps(20))
    done = progress.measure([*everything, FINISHED], steps(20))
    assert almost is not None
    assert done is not None
    assert almost.fraction < 1 == done.fraction


def test_pause_in_the_middle_of_a_step_changes_little() -> None:
    even, held_up = steps(15), steps(15)
    held_up["seconds"][8:] += 120.0  # a stopped process: its clock runs on
    before, after = progress.measure([FULL], even), progress.measure([FULL], held_up)
    assert before is not None
    assert after is not None
    assert before.remaining_s is not None
    assert after.remaining_s is not None
    assert after.remaining_s < 1.5 * before.remaining_s


def test_wall_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    for offset_s in (0.0, 3 * 86_400.0, -7_200.0):
        wall_s = time.time() + offset_s
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda wall_s=wall_s: wall_s)
            told.append(progress.measure([FULL], steps(15)))
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize(("step_s", "patience_s"), [(0.001, 20.0), (0.5, 20.0), (8.0, 80.0)])
def test_patience_is_many_times_a_step(step_s: float, patience_s: float) -> None:
    now = progress.measure([replace(FULL, total_steps=200)], steps(15, step_s))
    assert now is not None
    assert now.patience_s >= patience_s
    assert now.patience_s >= 10 * step_s


def test_validation_that_was_broken_off_counts_as_still_to_come() -> None:
    """Every step of the first epoch is done, but a stop came before its score."""
    resumed = replace(BUNDLED, first_step=58, epochs_before=0)
    scored = [validated(1), validated(2), replace(validated(2), split="test")]
    done = steps(114)
    for count in range(1, 4):
        now = progress.measure([BUNDLED, Stopped(step=57), Resumed(), resumed, *scored[:count]], done)
        assert now is not None
        assert now.fraction <= 1
        assert now.remaining_s is None or now.remaining_s >= 0


@pytest.mark.parametrize(
    ("mode", "epochs", "is_mostly"), [("frozen", 20, True), ("frozen", 500, False), ("last_stage", 8, False)]
)
def test_it_is_said_where_most_of_the_work_is_in_the_first_epoch(mode: str, epochs: int, is_mostly: bool) -> None:
    now = progress.measure([of_bundled(mode, "float32", epochs=epochs, keeps=True)], steps(3))
    assert now is not None
    assert (now.computing_epochs == 1) == is_mostly


def test_steps_on_the_features_of_a_part_are_no_small_matter() -> None:
    """In the first epoch nobody has measured one: half of what a step takes that computes them is expected."""
    started = replace(of_bundled("last_stage", "float32", epochs=8, keeps=True), validation_images=0, test_images=0)
    made = steps(30)
    made["images"] = 32
    now = progress.measure([started], made)
    assert now is not None
    assert now.remaining_s == pytest.approx(27 * 0.5 + 7 * 57 * 0.5 / 2, rel=0.05)
