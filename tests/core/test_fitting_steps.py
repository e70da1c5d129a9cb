"""Steps that a device or a network cannot take as they are."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.errors import TrainingImpossibleError
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Event, Noted, Step
from core.training.fine_tune import fine_tune
from core.training.keeper import Keeper
from core.training.state import TrainingState


def config(**changes: Any) -> FineTuneConfig:
    return FineTuneConfig.of(
        **{
            "architecture": "squeezenet1_1",
            "weights": "random",
            "mode": "full",
            "image_size": 64,
            "epochs": 2,
            "batch_size": 20,
            "device": "cpu",
            "precision": "float32",
        }
        | changes
    )


def state_with(config: FineTuneConfig, *, room_for: int) -> TrainingState:
    """One on a device whose memory is too small to train on more photos than that at a time.

    That shows at the end of the forward pass: BatchNorm has learnt, and dropout has drawn by then.
    """
    state = TrainingState.new(config)

    def compute(module: nn.Module, inputs: tuple[Tensor, ...], logits: Tensor) -> None:
        if module.training and len(logits) > room_for:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    state.model.register_forward_hook(compute)
    return state


def losses(events: list[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, Step | Evaluated)]


@pytest.mark.usefixtures("tiny_data")
@pytest.mark.parametrize("architecture", ["squeezenet1_1", "resnet18"])  # which drops, and which normalises
def test_batch_that_is_too_large_is_computed_in_pieces_and_that_is_said_once(architecture: str) -> None:
    asked = config(architecture=architecture)
    state = state_with(asked, room_for=6)
    events = list(fine_tune(state))
    notes = [event.message for event in events if isinstance(event, Noted)]
    assert [note.partition(" pieces")[0].rpartition(" ")[2] for note in notes] == ["2", "4"]
    assert "too small for a batch of 20. From step 1 on, each batch is computed in 4 pieces of at most 5" in notes[1]
    assert notes[1].endswith("BatchNorm's statistics are those of a piece.") == (architecture == "resnet18")
    whole = losses(list(fine_tune(TrainingState.new(asked.changed(accumulation=4)))))
    assert losses(events) == whole, "as if it had been asked for"


@pytest.mark.usefixtures("tiny_data")
def test_resumed_run_has_as_many_pieces(tmp_path: Path) -> None:
    state, kept = state_with(config(epochs=1), room_for=10), Keeper(tmp_path)
    events = fine_tune(state)
    before = [next(events) for _ in range(3)]
    assert isinstance(before[-1], Step)
    kept.save(state)
    resumed, _ = Keeper(tmp_path).load("cpu")
    assert resumed is not None
    rest = list(fine_tune(resumed))
    assert losses([*before, *rest]) == losses(list(fine_tune(TrainingState.new(config(epochs=1, accumulation=2)))))


@pytest.mark.usefixtures("tiny_data")
def test_memory_that_is_too_small_for_one_photo_is_said() -> None:
    with pytest.raises(TrainingImpossibleError, match="too small to train on a single photo"):
        list(fine_tune(state_with(config(), room_for=0)))


@pytest.mark.usefixtures("tiny_data")
def test_single_photo_that_batchnorm_cannot_normalise_is_said_in_our_words() -> None:
    asked = config(architecture="resnet18", image_size=32, batch_size=1, epochs=1, learning_rate=1e-4)
    with pytest.raises(TrainingImpossibleError, match="BatchNorm cannot normalise one photo by itself"):
        list(fine_tune(TrainingState.new(asked)))
    for possible in (asked.changed(batch_norm="eval"), asked.changed(image_size=64)):
        assert next(event for event in fine_tune(TrainingState.new(possible)) if isinstance(event, Step))
