"""Settings are valid from birth, and the presets are what they claim to be."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.runs.config import PRESETS, RANGES, FineTuneConfig, problem_with


def test_zero_learning_rate_is_refused_with_its_range() -> None:
    with pytest.raises(ValueError, match="learning_rate must be > 0, got 0"):
        FineTuneConfig(learning_rate=0)


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [-1, math.inf, -math.inf, math.nan, 10**12])
def test_numbers_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        FineTuneConfig(**{name: value})


@pytest.mark.parametrize("name", RANGES)
@given(data=st.data())
def test_every_number_in_its_range_is_taken(name: str, data: st.DataObject) -> None:
    allowed = RANGES[name]
    whole = isinstance(getattr(FineTuneConfig(), name), int)
    numbers = st.integers(int(allowed.minimum), int(allowed.maximum))
    reals = st.floats(allowed.minimum, allowed.maximum, exclude_min=allowed.excludes_minimum)
    assert problem_with(name, data.draw(numbers if whole else reals)) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "half"}, "mode must be one of frozen, full"),
        ({"architecture": "no_such_net"}, "architecture must be one of"),
        ({"data": "no_such_data"}, "data must be one of"),
        ({"weights": "file"}, "weights_file must be given"),
        ({"weights_file": "a.pth"}, "weights_file must be given"),
        ({"architecture": "my_cnn", "weights": "random", "image_size": 64}, "image_size must be 224 for my_cnn"),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"batch_size": 32.0}, "batch_size must be a whole number"),
        ({"architecture": "alexnet", "image_size": 62}, "image_size must be at least 63 for alexnet"),
        ({"epochs": True}, "epochs must be"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FineTuneConfig(**settings)


def test_settings_survive_a_file_and_unknown_ones_are_left_out() -> None:
    config = FineTuneConfig(mode="full", epochs=7)
    assert FineTuneConfig.from_dict({**config.to_dict(), "from_the_future": 1}) == config


@pytest.mark.parametrize("mode", ["frozen", "full"])
def test_lesson_preset_is_the_lesson(mode: str) -> None:
    assert PRESETS["lesson"].settings(mode) == {
        "augmentation": "random_resized_crop",
        "image_size": 224,
        "epochs": 3,
        "batch_size": 32,
        "learning_rate": 1e-4,
        "momentum": 0.9,
        "weight_decay": 1e-2,
    }


def test_quick_preset_is_the_default() -> None:
    default = FineTuneConfig().to_dict()
    assert all(default[name] == value for name, value in PRESETS["quick"].settings("frozen").items())


@pytest.mark.parametrize("mode", ["frozen", "full"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset: str, mode: str) -> None:
    assert FineTuneConfig(mode=mode, **PRESETS[preset].settings(mode)).mode == mode
