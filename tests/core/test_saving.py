"""Saving in both ways and loading back: what comes back is equal, and a hostile file runs nothing."""

import contextlib
import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from core.errors import WeightsFileError
from core.models import saving
from core.models.lesson import LinearModel, MyCNN
from core.models.saved import FILE_NAMES

FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)


def file_of(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def state(**values: Any) -> dict[str, torch.Tensor]:
    return {name: torch.tensor([value]) for name, value in values.items()}


class Foreign(nn.Module):
    """A class that is on no list."""


class Attack:
    """Unpickled without a check, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@given(weight=FLOATS, bias=FLOATS)
def test_both_ways_bring_back_what_was_saved(weight: float, bias: float) -> None:
    saved = saving.save_and_load(weight, bias)
    assert [model.file_name for model in saved] == ["linear_model.pth", "linear_model_with_arc.pth"]
    for model in saved:
        assert model.parameters == model.loaded
        assert [(entry.name, entry.value, entry.shape, entry.requires_grad) for entry in model.loaded] == [
            ("weight", weight, (1,), True),
            ("bias", bias, (1,), True),
        ]
        line = saving.load_line(model.file_name, model.contents)
        assert (line.way, line.weight, line.bias) == (model.way, weight, bias)


def test_way_one_is_the_plain_file_that_the_course_writes(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAMES["state_dict"]
    path.write_bytes(saving.save_and_load(2.0, 3.0)[0].contents)
    tensors = torch.load(path, weights_only=True)
    assert isinstance(tensors, OrderedDict)
    assert tensors == state(weight=2.0, bias=3.0)


def test_way_two_is_refused_by_default_and_opens_with_its_class_allowed(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAMES["module"]
    path.write_bytes(saving.save_and_load(2.0, 3.0)[1].contents)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    with torch.serialization.safe_globals([LinearModel]):
        assert torch.load(path, weights_only=True)(torch.ones(1)).item() == 5.0


def test_model_of_a_script_of_ones_own_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    import __main__

    own = type("LinearModel", (LinearModel,), {"__module__": "__main__", "__qualname__": "LinearModel"})
    monkeypatch.setattr(__main__, "LinearModel", own, raising=False)
    model = own()
    line = saving.load_line("mine.pth", file_of(model))
    assert (line.way, line.weight) == ("module", model.weight.item())


def test_pytorchs_own_linear_layer_is_a_line_too() -> None:
    layer = nn.Linear(1, 1)
    for value in (layer, layer.state_dict()):
        assert saving.load_line("layer.pth", file_of(value)).bias == layer.bias.item()


def test_hostile_files_run_nothing_and_are_refused_by_name(tmp_path: Path) -> None:
    mark = tmp_path / "was here"
    for contents in (file_of(Attack(mark)), pickle.dumps(Attack(mark)), pickle.dumps(Attack(mark), protocol=2)):
        with pytest.raises(WeightsFileError, match=r"^evil\.pth "):
            saving.load_line("evil.pth", contents)
        assert not mark.exists()
    with pytest.raises(WeightsFileError, match=r"it asks for posix\.mkdir, but only tensors, LinearModel"):
        saving.load_line("evil.pth", file_of(Attack(mark)))


def test_whole_module_of_a_foreign_class_is_refused_and_the_class_named() -> None:
    with pytest.raises(WeightsFileError, match=r"other\.pth was not loaded: it asks for tests.*Foreign"):
        saving.load_line("other.pth", file_of(Foreign()))


def forged() -> LinearModel:
    model = LinearModel()
    model.__dict__.pop("_modules")
    return model


@pytest.mark.parametrize(
    "value",
    [
        MyCNN().state_dict,
        dict,
        lambda: [1, 2],
        lambda: {"weight": 2.0, "bias": 3.0},
        lambda: state(weight=2.0),
        lambda: state(weight=2.0, bias=3.0, more=4.0),
        lambda: state(weight=[2.0, 1.0], bias=3.0),
        lambda: state(weight=float("nan"), bias=3.0),
        lambda: state(weight=2.0, bias=float("inf")),
        lambda: state(weight=1j, bias=3.0),
        lambda: {"weight": torch.empty(1, device="meta"), "bias": torch.ones(1)},
        lambda: nn.Linear(2, 1),
        nn.ReLU,
        forged,
    ],
)
def test_file_of_something_else_is_said_to_hold_no_line(value: Any) -> None:
    with pytest.raises(WeightsFileError, match=r"^wrong\.pth holds no line"):
        saving.load_line("wrong.pth", file_of(value()))


@given(contents=st.binary(max_size=300))
def test_garbage_is_refused_in_a_sentence(contents: bytes) -> None:
    with pytest.raises(WeightsFileError, match=r"^noise\.pth "):
        saving.load_line("noise.pth", contents)


@given(place=st.integers(0, 1500), byte=st.integers(0, 255))
def test_damaged_file_is_refused_or_still_a_line(place: int, byte: int) -> None:
    contents = bytearray(saving.save_and_load(2.0, 3.0)[0].contents)
    contents[place] = byte
    with contextlib.suppress(WeightsFileError):
        assert saving.load_line("damaged.pth", bytes(contents)).way == "state_dict"
