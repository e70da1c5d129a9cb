"""What training costs. Needs no browser: it runs where neither Playwright nor Streamlit is installed."""

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from core.runs import store, workers
from core.runs.config import FineTuneConfig
from core.runs.snapshot import Snapshot
from core.runs.writer import RunWriter
from tests.bench.figures import Figure, temporary_home
from tests.bench.runs import run_to_end, step_rate, whole_rate
from tests.conftest import ROOT

_ROUNDS = 3
# Of a loop that only computes on ready tensors; the course's network has by far the most weights for its work.
_OF_READY = {"alexnet": 95, "resnet18": 97}
_FULL_TIMES = 2.1
_FROZEN_TIMES = {3: 8, 10: 25}  # by epochs: what is frozen is computed in the first one
_FROZEN_CROPS_TIMES = 3


def plain_loop(device: str, *, image_size: int = 224) -> Iterator[Figure]:
    """Training against the loop that one writes by hand, and against one that only computes; all in turn, three times.

    Against the first, ours counts everything from the first step to the saved checkpoint, validation included; the
    plain loop has neither. Against the second, steps are compared with steps.
    """
    yield from _full(device, image_size)
    yield from _frozen(device, image_size)


def _full(device: str, image_size: int) -> Iterator[Figure]:
    times, shares = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for _ in range(_ROUNDS):
        for network in _OF_READY:
            plain = _loop("plain_loop", device, image_size, "--model", network)
            ready = _loop("ready_loop", device, image_size, "--model", network)
            run = _run(device, image_size, architecture=network, mode="full", augmentation="random_resized_crop")
            ours, steps = whole_rate(run), step_rate(run)
            print(
                f"  {network}, full: {ours:.1f} images/s, its steps alone {steps:.1f}, ready tensors {ready:.1f}, "
                f"plain loop {plain:.1f}",
                file=sys.stderr,
            )
            times[network].append(ours / plain)
            shares[network].append(100 * steps / ready)
    for network, share in _OF_READY.items():
        yield Figure.median(
            shares[network],
            name=f"full {network}, to a loop on ready tensors, steps alone",
            unit="%",
            target=share,
            more_is_better=True,
        )
        yield Figure.median(
            times[network],
            name=f"full {network} through worker and run folder, to plain loop",
            unit="x",
            target=_FULL_TIMES,
            more_is_better=True,
        )


def _frozen(device: str, image_size: int) -> Iterator[Figure]:
    wanted = {f"frozen alexnet, {epochs} epochs, to plain loop": times for epochs, times in _FROZEN_TIMES.items()}
    with_crops = "frozen alexnet with live crops, to plain loop with crops"
    ratios = defaultdict[str, list[float]](list)
    for _ in range(_ROUNDS):
        plain = _loop("plain_loop", device, image_size, "--mode", "frozen", "--crops", "middle")
        for name, epochs in zip(wanted, _FROZEN_TIMES, strict=True):
            ours = whole_rate(_run(device, image_size, architecture="alexnet", mode="frozen", epochs=epochs))
            print(f"  {name}: {ours:.1f} images/s, {plain:.1f}", file=sys.stderr)
            ratios[name].append(ours / plain)
        plain = _loop("plain_loop", device, image_size, "--mode", "frozen", "--crops", "random")
        crops = {"augmentation": "random_resized_crop"}
        ours = whole_rate(_run(device, image_size, architecture="alexnet", mode="frozen", epochs=3, **crops))
        print(f"  {with_crops}: {ours:.1f} images/s, {plain:.1f}", file=sys.stderr)
        ratios[with_crops].append(ours / plain)
    for name, times in (wanted | {with_crops: _FROZEN_CROPS_TIMES}).items():
        yield Figure.median(ratios[name], name=name, unit="x", target=times, more_is_better=True)


def _loop(script: str, device: str, image_size: int, *options: str) -> float:
    """Images a second of one of the loops, in a process of its own. What only computes has a worker's allocator."""
    command = [sys.executable, "-m", f"tests.bench.{script}", "--device", device, "--image-size", str(image_size)]
    environment = workers.environment() if script == "ready_loop" else None
    ran = subprocess.run([*command, *options], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(ran.stdout)


def _run(device: str, image_size: int, **settings: Any) -> Snapshot:
    """A run from random weights, which cost what others do; nothing that an earlier one computed is known to it."""
    about = {"weights": "random", "epochs": 1, "learning_rate": 1e-4, **settings}
    with temporary_home() as home:
        return run_to_end(home, FineTuneConfig.of(device=device, image_size=image_size, **about))


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
