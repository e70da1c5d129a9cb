"""An accelerator computes while Python prepares: nothing asks it for a number at every step or batch."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core.runs.config import FineTuneConfig
from core.runs.events import EpochDone, Evaluated, Step
from core.training.fine_tune import Losses, fine_tune
from core.training.state import TrainingState

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


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "frozen"},
        pytest.param({"mode": "frozen", "augmentation": "random_resized_crop"}, marks=pytest.mark.long),
        {"mode": "last_stage", "algorithm": "adamw", "gradient_clip": 1.0, "schedule": "cosine"},
        {"mode": "full", "algorithm": "nesterov", "label_smoothing": 0.1, "layer_decay": 0.9, "batch_norm": "eval"},
        pytest.param({"mode": "full", "algorithm": "adam", "decayed": "weights"}, marks=pytest.mark.long),
        {"mode": "frozen", "flip": 0.5, "colour_jitter": 0.4, "hue": 0.1, "rotation": 30.0, "erasing": 0.5, **MIXED},
    ],
)
def test_nothing_waits_for_each_step_or_batch(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Losses, "are_due", False)  # as on an accelerator, for most steps
    common = {"architecture": "shufflenet_v2_x0_5", "weights": "random", "image_size": 32, "device": "cpu"}
    waits = {}
    for batch_size in (27, 3):  # 2 steps an epoch, and 18
        asked = FineTuneConfig.of(**common, **settings, batch_size=batch_size, epochs=2, precision="float32")
        state, steps = TrainingState.new(asked), 0
        with Waits() as mode:
            for event in fine_tune(state):
                steps += isinstance(event, Step)
                if isinstance(event, Evaluated | EpochDone) and event.epoch == 2:
                    break
        assert mode.counts["aten::convolution"] or mode.counts["aten::mm"] or mode.counts["aten::addmm"]
        assert steps == 4 if batch_size == 27 else steps == 36
        waits[batch_size] = mode.total
    assert waits[3] == waits[27] <= 12, "as many however many steps there are"


def test_waiting_is_seen() -> None:
    with Waits() as mode:
        float(torch.ones(2).sum())
    assert mode.total == 1
