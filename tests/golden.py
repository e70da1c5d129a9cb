"""What a few short trainings compute, step by step: on one machine to the last bit, to 1e-4 wherever there is AVX2.

    python -m tests.golden            say the losses of every training, in hexadecimal: they show every bit
    python -m tests.golden --write    keep them, rounded, in tests/data/golden.json

To see whether a change leaves all numbers as they were, run the first command before and after it and compare.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

from core.runs.config import FineTuneConfig, LinearFitConfig
from core.runs.events import LinearStep, Step
from core.training.fine_tune import fine_tune
from core.training.linear_fit import LinearFitState, fit
from core.training.state import TrainingState

STEPS = 6
FILE = Path(__file__).parent / "data" / "golden.json"
_SMALL = {"image_size": 32, "batch_size": 8, "learning_rate": 0.01, "device": "cpu", "precision": "float32", "seed": 3}
# BatchNorm of small batches magnifies the last digit, in which processors differ: larger steps would go apart.
_GENTLE = {**_SMALL, "learning_rate": 1e-4}
TRAININGS: dict[str, FineTuneConfig | LinearFitConfig] = {
    "kept features": FineTuneConfig.of(**_SMALL),
    "random crops": FineTuneConfig.of(augmentation="random_resized_crop", **_SMALL),
    "full": FineTuneConfig.of(mode="full", **_GENTLE),
    "full from random weights": FineTuneConfig.of(
        architecture="mobilenet_v3_small",
        weights="random",
        mode="full",
        **{**_GENTLE, "image_size": 64},
    ),
    "dropout and random crops": FineTuneConfig.of(
        architecture="squeezenet1_1",
        weights="random",
        mode="full",
        augmentation="random_resized_crop",
        **_SMALL,
    ),
    "bfloat16": FineTuneConfig.of(mode="full", **{**_GENTLE, "image_size": 64, "precision": "bfloat16"}),
    "a line": LinearFitConfig(epochs=STEPS, learning_rate=0.01, seed=3),
}


def losses(config: FineTuneConfig | LinearFitConfig) -> list[float]:
    """The losses of a training's first steps, computed with one thread: with more, sums have another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return list(islice(_losses(config), STEPS))
    finally:
        torch.set_num_threads(before)


def _losses(config: FineTuneConfig | LinearFitConfig) -> Iterator[float]:
    if isinstance(config, LinearFitConfig):
        yield from (event.loss for event in fit(LinearFitState.new(config)) if isinstance(event, LinearStep))
    else:
        yield from (event.loss for event in fine_tune(TrainingState.new(config)) if isinstance(event, Step))


def main() -> None:
    """Compute every training's losses, and say or keep them."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description="Compare trainings to the last bit.")
    parser.add_argument("--write", action="store_true", help="keep the losses in tests/data/golden.json")
    computed = {name: losses(config) for name, config in TRAININGS.items()}
    if parser.parse_args().write:
        rounded = {name: [round(loss, 6) for loss in values] for name, values in computed.items()}
        FILE.write_text(json.dumps(rounded, indent=1) + "\n")
    else:
        for name, values in computed.items():
            print(f"{name}: {' '.join(loss.hex() for loss in values)}")


if __name__ == "__main__":
    main()
