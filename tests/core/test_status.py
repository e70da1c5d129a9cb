"""Status is derived from the lock and the events."""

import os
from pathlib import Path

import pytest

from core.runs import locks
from core.runs.events import Failed, Finished, Preparing, Queued, RareEvent, Resumed, Started, Stopped
from core.runs.status import Status, derive_status

STARTED = Started(
    architecture="my_cnn",
    mode="full",
    device="cpu",
    device_label="CPU",
    precision="float32",
    parameters=10,
    trainable_parameters=10,
    train_images=100,
    validation_images=10,
    test_images=10,
    steps_per_epoch=10,
    total_steps=20,
    first_step=1,
    keeps_features=False,
)
FINISHED = Finished(best_epoch=1, best_accuracy=0.5, test_accuracy=0.5, seconds=1.0)


@pytest.mark.parametrize(
    ("is_live", "run_events", "status"),
    [
        (True, [], Status.STARTING),
        (True, [Queued(device="cpu")], Status.QUEUED),
        (True, [Queued(device="cpu"), Preparing(what="x")], Status.STARTING),
        (True, [Preparing(what="x"), STARTED], Status.RUNNING),
        (True, [STARTED, FINISHED], Status.FINISHED),
        (True, [STARTED, Stopped(step=1), Resumed()], Status.STARTING),
        (True, [STARTED, Resumed(), Queued(device="cpu")], Status.QUEUED),
        (True, [STARTED, Resumed(), STARTED], Status.RUNNING),
        (False, [], Status.INTERRUPTED),
        (False, [STARTED], Status.INTERRUPTED),
        (False, [STARTED, Stopped(step=1), Resumed()], Status.INTERRUPTED),
        (False, [STARTED, FINISHED], Status.FINISHED),
        (False, [STARTED, Stopped(step=1)], Status.STOPPED),
        (False, [Failed(message="x", step=0)], Status.FAILED),
    ],
)
def test_status_follows_from_lock_and_events(is_live: bool, run_events: list[RareEvent], status: Status) -> None:
    assert derive_status(is_live, run_events) is status


def test_lock_is_seen_while_it_is_held_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not locks.is_held(path)
    descriptor = locks.hold(path)
    assert locks.is_held(path)
    with pytest.raises(BlockingIOError):
        locks.hold(path)
    inherited = os.dup(descriptor)
    os.close(descriptor)
    assert locks.is_held(path), "a copy of the descriptor keeps the lock"
    os.close(inherited)
    assert not locks.is_held(path)


def test_two_viewers_do_not_see_each_other(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "lock"
    path.touch()
    with open(path) as viewer:
        fcntl.flock(viewer, fcntl.LOCK_SH | fcntl.LOCK_NB)
        assert not locks.is_held(path)
