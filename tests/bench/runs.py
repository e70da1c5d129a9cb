"""Runs as their users start them, through a worker and a run folder, and what their files say of their speed."""

import time
from functools import partial
from pathlib import Path

from core.runs import jobs, workers
from core.runs.config import FineTuneConfig
from core.runs.events import Checkpointed, Started
from core.runs.reader import RunReader
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from tests.conftest import wait_until

_SPARE_S = 8.0  # until it has imported PyTorch, as it has when a page was open for a moment


def warm_worker() -> None:
    """Have a spare worker that waits for the next run."""
    workers.prepare()
    time.sleep(_SPARE_S)


def has_ended(reader: RunReader) -> bool:
    """Whether no more of a run is to come."""
    return not reader.poll().status.is_live


def run_to_end(home: Path, config: FineTuneConfig) -> Snapshot:
    """What there is to read of a run once it is finished."""
    return finished(RunReader(jobs.start(home, config)))


def finished(reader: RunReader) -> Snapshot:
    """What there is to read of a run that was started, once it is finished."""
    wait_until(partial(has_ended, reader), timeout_s=3_600)
    run = reader.poll()
    assert run.status is Status.FINISHED, run.folder.log_tail(20)
    return run


def whole_rate(run: Snapshot) -> float:
    """Training images a second, counting everything from the first step to the last epoch's saved checkpoint.

    So validation and saving are in it, and the test photos are not.
    """
    started = next(event for event in run.events if isinstance(event, Started))
    epochs = started.total_steps // started.steps_per_epoch
    # Long runs save within epochs, too.
    saved = next(event for event in run.events if isinstance(event, Checkpointed) and event.epoch == epochs)
    return epochs * started.train_images / (run.time_of(saved) - run.time_of(started))


def step_rate(run: Snapshot) -> float:
    """Images a second of the first epoch's steps alone, but for the very first, which warms up."""
    started = next(event for event in run.events if isinstance(event, Started))
    steps = run.steps[: started.steps_per_epoch]
    return float(steps["images"][1:].sum() / (steps["seconds"][-1] - steps["seconds"][0]))
