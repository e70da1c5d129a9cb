"""What training costs. Needs no browser: it runs where neither Playwright nor Streamlit is installed."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

from core.runs import jobs, store
from core.runs.config import FineTuneConfig
from core.runs.events import Checkpointed, Started
from core.runs.reader import RunReader
from core.runs.status import Status
from core.runs.writer import RunWriter
from tests.bench.figures import Figure, temporary_home
from tests.conftest import ROOT, wait_until


def has_ended(reader: RunReader) -> bool:
    """Whether no more of a run is to come."""
    return not reader.poll().status.is_live


def plain_loop(device: str) -> Iterator[Figure]:
    """Full AlexNet against the loop that one writes by hand, turn about, twice each.

    Ours counts everything from the first step to the saved checkpoint, validation included; the plain loop has neither.
    """
    ratios: list[float] = []
    config = FineTuneConfig.of(
        architecture="alexnet",
        weights="random",
        mode="full",
        augmentation="random_resized_crop",
        epochs=1,
        learning_rate=1e-4,
        device=device,
    )
    for _ in range(2):
        command = [sys.executable, "-m", "tests.bench.plain_loop", "--device", device]
        plain = float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
        with temporary_home() as home:
            reader = RunReader(jobs.start(home, config))
            wait_until(partial(has_ended, reader), timeout_s=600)
            run = reader.poll()
            assert run.status is Status.FINISHED, run.folder.log_tail(20)
            started = next(event for event in run.events if isinstance(event, Started))
            saved = next(event for event in run.events if isinstance(event, Checkpointed))
            ours = started.train_images / (run.time_of(saved) - run.time_of(started))
        print(f"  AlexNet, full: {ours:.1f} images/s, plain loop {plain:.1f} images/s", file=sys.stderr)
        ratios.append(ours / plain)
    yield Figure(
        name="full AlexNet through worker and run folder, to plain loop",
        value=statistics.mean(ratios),
        unit="x",
        target=1,
        more_is_better=True,
    )


def event_stream(device: str) -> Iterator[Figure]:
    """What recording every event of the default run costs, next to what the generator itself takes."""
    from core.training.fine_tune import fine_tune
    from core.training.state import TrainingState

    with temporary_home() as home:
        folder = store.new_folder(home)
        state = TrainingState.new(FineTuneConfig(device=device))
        recording = 0.0
        with RunWriter(folder) as writer:
            for event in fine_tune(state):
                began = time.perf_counter()
                writer.append(event)
                recording += time.perf_counter() - began
    yield Figure(
        name="event stream, share of the generator's time",
        value=100 * recording / state.clock.seconds,
        unit="%",
        target=2,
    )
