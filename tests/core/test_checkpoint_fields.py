"""Checkpoints of ours that somebody forged: each wrong field is refused in one sentence before it can do harm."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.data.dataset import DataSet
from core.errors import WeightsFileError
from core.predict.answers import NetworkRef
from core.predict.prediction import check, predict
from core.runs.config import FineTuneConfig
from core.training.checkpoints import FORMAT, load_network, read_checkpoint, write_checkpoint
from core.training.state import TrainingState
from tests.core.test_gate import LIBRARY_WORDS
from tests.core.test_prediction import png
from tests.hostile import nested

CONFIG = FineTuneConfig(
    architecture="squeezenet1_1", weights="random", mode="full", image_size=32, device="cpu", precision="float32"
)
NAN, INF = float("nan"), float("inf")


@pytest.fixture
def saved(tiny_data: DataSet, tmp_path: Path) -> dict[str, Any]:
    """What a run has saved after some steps."""
    state = TrainingState.new(CONFIG)
    for parameter in state.model.parameters():
        state.optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    state.save(tmp_path / "whole.pt")
    return read_checkpoint(tmp_path / "whole.pt")


def change(contents: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The same contents with the value at a dotted path replaced."""
    first, _, rest = path.partition(".")
    key: Any = int(first) if first.isdecimal() else first
    return {**contents, key: change(contents[key], rest, value) if rest else value}


_NO_MAPPINGS: tuple[Any, ...] = (None, [], 1, {})
OF_THE_NETWORK: list[tuple[str, Any]] = [
    *(("format", value) for value in (torch.ones(2), True, 1.0, "2", None, [1])),
    *(("architecture", value) for value in (nested(20), torch.zeros(1), {"a": 1}, "no such", None)),
    *(("classes", value) for value in (["a", 1], ("a", "b"), "ab", [], {"a": 1, "b": 2}, torch.zeros(2), ["a"] * 3)),
    *(("transform.image_size", value) for value in (INF, NAN, 0, -1, 10**9, 64.5, "64", True, 16, torch.ones(2))),
    *(("transform.std", value) for value in ((1e-300,) * 3, (NAN,) * 3, (0, 1, 1), (1, 1), None, torch.ones(3, 2))),
    *(("transform.mean", value) for value in ((NAN,) * 3, (INF, 0, 0), (1e30, 0, 0), "abc", 1)),
    *(("transform", value) for value in (*_NO_MAPPINGS, torch.zeros(1))),
    *(("weights", value) for value in (None, {}, [1], {"a": 1}, {1: torch.zeros(1)})),
]
OF_THE_RUN: list[tuple[str, Any]] = [
    *(("configuration", value) for value in (*_NO_MAPPINGS[:3], "x", {"epochs": "x"}, {"architecture": "resnet18"})),
    *(("configuration.epochs", value) for value in (INF, -1, [1], torch.ones(2))),
    *(("configuration.device", value) for value in ([1], torch.ones(2))),
    *(("metrics", value) for value in _NO_MAPPINGS),
    *(("metrics.validation_accuracy", value) for value in (NAN, "x", torch.ones(2))),
    *(("training", value) for value in _NO_MAPPINGS[1:]),
    *((f"training.{name}", value) for name in ("epoch", "batch", "step") for value in (-1, 0.5, None, 10**400)),
    *(("training.seconds", value) for value in (NAN, INF, "x", None)),
    *(("training.best_weights", value) for value in ([1], {"a": 1})),
    ("training.rows_hash", 1),
    *(("training.optimizer", value) for value in (*_NO_MAPPINGS, {"state": []})),
    *(("training.optimizer.state.0", value) for value in (None, {"momentum_buffer": "x"}, {"step": torch.zeros(())})),
    *(
        ("training.optimizer.state.0.momentum_buffer", value)
        for value in (
            torch.zeros(()),
            torch.zeros(1),
            torch.zeros(64, 3, 3, 3, 1),
            torch.zeros(64, 3, 3, 3, dtype=torch.int64),
        )
    ),
    ("training.optimizer.state.0.momentum_buffer", torch.full((64, 3, 3, 3), NAN)),
    ("training.optimizer.state.0.momentum_buffer", torch.full((64, 3, 3, 3), 1e300, dtype=torch.float64)),
]


def check_refusals(
    saved: dict[str, Any], folder: Path, damages: list[tuple[str, Any]], read: Callable[[Path], Any]
) -> None:
    """Every damage is refused by the file's name, in our words."""
    path = folder / "forged.pt"
    for where, value in damages:
        torch.save({"format": FORMAT, **change(saved, where, value)}, path)  # without waiting for the disk
        with pytest.raises(WeightsFileError) as refused:
            read(path)
        assert str(refused.value).startswith("forged.pt "), (where, value)
        assert not LIBRARY_WORDS.search(str(refused.value))


def test_forged_network_is_refused(saved: dict[str, Any], tmp_path: Path) -> None:
    check_refusals(saved, tmp_path, OF_THE_NETWORK, load_network)
    ref = NetworkRef(source="checkpoint", path=str(tmp_path / "forged.pt"))
    assert str(check(ref)).startswith("forged.pt ")


def test_forged_run_does_not_go_on(saved: dict[str, Any], tmp_path: Path) -> None:
    load_network(tmp_path / "whole.pt")
    TrainingState.load(tmp_path / "whole.pt", None)
    check_refusals(saved, tmp_path, OF_THE_RUN, lambda path: TrainingState.load(path, None))


def test_head_of_other_classes_does_not_go_on(saved: dict[str, Any], tmp_path: Path) -> None:
    heads = {"classifier.1.weight": torch.zeros(7, 512, 1, 1), "classifier.1.bias": torch.zeros(7)}
    write_checkpoint(tmp_path / "forged.pt", {**saved, "weights": {**saved["weights"], **heads}})
    with pytest.raises(WeightsFileError, match=r"forged\.pt is damaged: its network has 7 classes, its data 2\."):
        TrainingState.load(tmp_path / "forged.pt", None)


def test_best_weights_of_another_shape_are_refused(saved: dict[str, Any], tmp_path: Path) -> None:
    steps = 2 * TrainingState.new(CONFIG).steps_per_epoch
    later = {"epoch": 2, "step": steps, "best_epoch": 1, "best_weights": {"classifier.1.bias": torch.zeros(3)}}
    forged = {**saved, "training": saved["training"] | later}
    write_checkpoint(tmp_path / "forged.pt", forged)
    with pytest.raises(WeightsFileError, match="best epoch's weights do not fit"):
        TrainingState.load(tmp_path / "forged.pt", None)


@pytest.mark.parametrize(
    "position",
    [{"step": 3}, {"batch": 1}, {"epoch": 1}, {"epoch": 10**6, "step": 2 * 10**6}, {"batch": 10**9, "step": 10**9},
     {"best_epoch": 1}, {"scores": [0.5]}],
    ids=str,
)  # fmt: skip
def test_position_where_the_run_never_is_is_refused(
    saved: dict[str, Any], tmp_path: Path, position: dict[str, Any]
) -> None:
    write_checkpoint(tmp_path / "forged.pt", {**saved, "training": saved["training"] | position})
    with pytest.raises(WeightsFileError, match=r"^forged\.pt is damaged: it (is at a step|has results of epochs)"):
        TrainingState.load(tmp_path / "forged.pt", None)


def test_network_that_computes_no_number_costs_each_photo_a_sentence(saved: dict[str, Any], tmp_path: Path) -> None:
    huge = {name: tensor * 1e30 if tensor.ndim > 1 else tensor for name, tensor in saved["weights"].items()}
    write_checkpoint(tmp_path / "huge.pt", {**saved, "weights": huge})
    photos = [(f"{index}.png", png(np.full((40, 40, 3), 99 * index, np.uint8))) for index in range(3)]
    answers = predict(
        NetworkRef(source="checkpoint", path=str(tmp_path / "huge.pt")), [*photos, ("x.png", b"no photo")]
    )
    assert all(not answer.guesses for answer in answers)
    assert "0.png has no answer: what the network computes for it is not a number" in str(answers[0].problem)
