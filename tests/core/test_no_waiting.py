"""An accelerator computes while Python prepares: nothing asks it for a number at every step or batch."""

import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core.data import bundled
from core.data.dataset import DataSet, Side
from core.data.pixels import Pixels
from core.runs.config import FineTuneConfig
from core.runs.events import EpochDone, Evaluated, Step
from core.training.fine_tune import Losses, fine_tune
from core.training.state import TrainingState
from tests.samples import data_set_of, source_of

# What an accelerator has to finish all its work for.
WAITS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero", "aten::equal", "aten::masked_select"}


MIXED = {"mixup": 0.2, "cutmix": 1.0, "label_smoothing": 0.1}


class Waits(TorchDispatchMode):
    """Counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[func._schema.name] += 1
        return func(*args, **(kwargs or {}))

    @property
    def total(self) -> int:
        return sum(self.counts[name] for name in WAITS)


SETTINGS: list[Any] = [
    {"mode": "frozen"},
    pytest.param({"mode": "frozen", "augmentation": "random_resized_crop"}, marks=pytest.mark.long),
    {"mode": "last_stage", "algorithm": "adamw", "gradient_clip": 1.0, "schedule": "cosine"},
    {"mode": "full", "algorithm": "nesterov", "label_smoothing": 0.1, "layer_decay": 0.9, "batch_norm": "eval"},
    pytest.param({"mode": "full", "algorithm": "adam", "decayed": "weights"}, marks=pytest.mark.long),
    {"mode": "frozen", "flip": 0.5, "colour_jitter": 0.4, "hue": 0.1, "rotation": 30.0, "erasing": 0.5, **MIXED},
]
COMMON = {"architecture": "shufflenet_v2_x0_5", "weights": "random", "image_size": 32, "precision": "float32"}
BATCH_SIZES = {27: 4, 3: 36}  # to the steps of two epochs


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("settings", SETTINGS)
def test_nothing_waits_for_each_step_or_batch(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Losses, "are_due", False)  # as on an accelerator, for most steps
    waits = {}
    for batch_size, expected in BATCH_SIZES.items():
        asked = FineTuneConfig.of(**COMMON, **settings, batch_size=batch_size, epochs=2, device="cpu")
        state, steps = TrainingState.new(asked), 0
        with Waits() as mode:
            for event in fine_tune(state):
                steps += isinstance(event, Step)
                if isinstance(event, Evaluated | EpochDone) and event.epoch == 2:
                    break
        assert mode.counts["aten::convolution"] or mode.counts["aten::mm"] or mode.counts["aten::addmm"]
        assert steps == expected
        waits[batch_size] = mode.total
    assert waits[3] == waits[27] <= 12, "as many however many steps there are"


def test_waiting_is_seen() -> None:
    with Waits() as mode:
        float(torch.ones(2).sum())
    assert mode.total == 1


@pytest.mark.gpu
@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("sizes", ["one size", "two sizes"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_gpu_waits_for_no_step_or_batch(
    settings: dict[str, Any], sizes: str, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """Counted by CUDA's own watch: it sees copies that wait, too."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    monkeypatch.setattr(Losses, "are_due", False)
    if sizes == "two sizes":
        monkeypatch.setitem(bundled.BUNDLED, "cifar10_sample", source_of(of_two_sizes()))
    waits = {}
    for batch_size, expected in BATCH_SIZES.items():
        asked = FineTuneConfig.of(**COMMON, **settings, batch_size=batch_size, epochs=2, device="cuda:0")
        state, steps = TrainingState.new(asked), 0
        recwarn.clear()
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            for event in fine_tune(state):
                steps += isinstance(event, Step)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert steps == expected
        waits[batch_size] = len([warning for warning in recwarn if "synchronizing" in str(warning.message)])
    assert waits[3] <= waits[27] + 2 <= 40, "as many however many steps there are, but for a block more"


def of_two_sizes() -> DataSet:
    """Eighty photos of two classes, upright and lying in turn."""
    images = [np.full((20, 16, 3) if row % 3 else (16, 20, 3), 40 + row % 2 * 120, np.uint8) for row in range(80)]
    sizes = np.array([image.shape[:2] for image in images], np.int64)
    pixels = Pixels(
        flat=np.concatenate([image.reshape(-1) for image in images]),
        offsets=np.arange(80, dtype=np.int64) * images[0].size,
        sizes=sizes,
    )
    counts: dict[Side, int] = {"train": 54, "validation": 6, "test": 20}
    sides = [side for side, count in counts.items() for _ in range(count)]
    return data_set_of(pixels, labels=np.arange(80) % 2, sides=sides)
