"""Progress counts the work, not the steps."""

import numpy as np
import pytest

from core.runs import progress
from core.runs.events import STEP_DTYPE, Evaluated, Evaluating
from tests.core.test_status import FINISHED, STARTED

FULL = STARTED
KEPT = type(STARTED)(**{f: getattr(STARTED, f) for f in STARTED.__slots__} | {"mode": "frozen", "keeps_features": True})


def steps(count: int, seconds_each: float = 0.5) -> np.ndarray:
    made = np.zeros(count, STEP_DTYPE)
    made["step"] = np.arange(1, count + 1)
    made["seconds"] = made["step"] * seconds_each
    return made


def validated(epoch: int) -> Evaluated:
    return Evaluated(split="validation", epoch=epoch, step=10 * epoch, loss=1, accuracy=0.5, seconds=1, best=True)


def test_nothing_is_known_before_the_start() -> None:
    assert progress.measure([], steps(0), working_s=0) is None


def test_full_training_progresses_with_its_images() -> None:
    now = progress.measure([FULL], steps(10), working_s=30.0)
    assert now is not None
    work, total = 100 * 3, 2 * (100 * 3 + 10) + 10
    assert now.fraction == pytest.approx(work / total)
    assert now.remaining_s == pytest.approx(30 * (total - work) / work)
    assert (now.epoch, now.epochs, now.step, now.total_steps) == (2, 2, 10, 20)
    assert now.steps_per_second == pytest.approx(2.0)


def test_kept_features_make_later_epochs_nearly_free() -> None:
    now = progress.measure([KEPT, validated(1)], steps(10), working_s=10.0)
    assert now is not None
    assert now.fraction > 0.9
    assert now.remaining_s is not None
    assert now.remaining_s < 1.2


def test_evaluation_counts_while_it_runs() -> None:
    before = progress.measure([FULL], steps(10), working_s=1.0)
    now = progress.measure([FULL, Evaluating(split="validation", images=5, total_images=10)], steps(10), working_s=1.0)
    assert before is not None
    assert now is not None
    assert now.evaluating is not None
    assert now.fraction > before.fraction


def test_resumed_run_is_timed_by_its_own_work() -> None:
    resumed = type(FULL)(**{f: getattr(FULL, f) for f in FULL.__slots__} | {"first_step": 11})
    at_start = progress.measure([FULL, validated(1), resumed], steps(10), working_s=0.1)
    assert at_start is not None
    assert at_start.remaining_s is None, "nothing was measured yet"
    assert at_start.fraction == pytest.approx((300 + 10) / (620 + 10))


def test_resumed_frozen_run_computes_its_features_anew() -> None:
    resumed = type(KEPT)(**{f: getattr(KEPT, f) for f in KEPT.__slots__} | {"first_step": 11, "total_steps": 100})
    now = progress.measure([KEPT, validated(1), resumed], steps(15), working_s=5.0)
    assert now is not None
    assert now.remaining_s is not None
    assert 5 < now.remaining_s < 10, "half of the features, their validation and the test are left"


def test_only_a_finished_run_is_complete() -> None:
    everything = [FULL, validated(1), validated(2), Evaluating(split="test", images=10, total_images=10)]
    almost = progress.measure(everything, steps(20), working_s=1.0)
    done = progress.measure([*everything, FINISHED], steps(20), working_s=1.0)
    assert almost is not None
    assert done is not None
    assert almost.fraction < 1 == done.fraction
