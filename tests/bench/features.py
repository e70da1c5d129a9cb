"""What it saves that frozen layers compute each photo once. Needs no browser."""

import sys
import time
from collections.abc import Iterator
from typing import Any

from core.feature_files import FeatureFiles
from core.runs import jobs, workers
from core.runs.config import FineTuneConfig
from core.runs.presets import PRESETS
from core.runs.reader import RunReader
from tests.bench.figures import Figure, temporary_home
from tests.bench.one_training import train_apart
from tests.bench.runs import finished, run_to_end, warm_worker
from tests.conftest import wait_until

_REPEATS = 5
_ROUNDS = 3


def known_features(device: str, *, image_size: int = 224) -> Iterator[Figure]:
    """The quick preset's frozen run once more on the same photos: from its start to its first loss, and to its end."""
    losses: list[float] = []
    ends: list[float] = []
    settings: dict[str, Any] = {**PRESETS["quick"].settings("frozen"), "image_size": image_size}
    config = FineTuneConfig.of(**settings, device=device)
    with temporary_home() as home:
        run_to_end(home, config.changed(epochs=1))
        known = FeatureFiles(home).on_disk
        for _ in range(_REPEATS):
            warm_worker()
            began = time.perf_counter()
            reader = RunReader(jobs.start(home, config))
            wait_until(lambda reader=reader: reader.poll().last_step > 0)  # type: ignore[misc]
            losses.append(time.perf_counter() - began)
            finished(reader)
            ends.append(time.perf_counter() - began)
            print(f"  first loss after {losses[-1]:.2f} s, end after {ends[-1]:.2f} s", file=sys.stderr)
        assert FeatureFiles(home).on_disk == known
        workers.release_spare()
    yield Figure.median(losses, name="frozen, features known, start to first loss", unit="s", target=1.0)
    yield Figure.median(
        ends, name=f"frozen, features known, start to end of {config.epochs} epochs", unit="s", target=4.0
    )


def cached_cut(device: str, *, image_size: int = 224) -> Iterator[Figure]:
    """The last stage of ResNet-18 against all of it, in turn: the steps of an epoch once the features are kept."""
    ratios: list[float] = []
    for _ in range(_ROUNDS):
        seconds = {mode: _second_epoch(mode, device, image_size) for mode in ("last_stage", "full")}
        print(f"  an epoch: {', '.join(f'{mode} {took:.1f} s' for mode, took in seconds.items())}", file=sys.stderr)
        ratios.append(seconds["full"] / seconds["last_stage"])
    yield Figure.median(
        ratios,
        name=f"last stage of resnet18 at {image_size} px from the 2nd epoch, to full",
        unit="x",
        target=3.5,
        more_is_better=True,
    )


def _second_epoch(mode: str, device: str, image_size: int) -> float:
    """Seconds of the steps alone, without validation and saving."""
    config = FineTuneConfig.of(
        architecture="resnet18",
        weights="random",
        mode=mode,
        image_size=image_size,
        batch_size=32,
        epochs=2,
        learning_rate=1e-3,
        device=device,
    )
    return train_apart(config).epoch_seconds[1]
