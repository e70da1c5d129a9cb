"""Settings are valid from birth, and the presets are what they claim to be."""

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.runs.config import Augmentation, FineTuneConfig, Mode, Precision, RunConfig, Weights
from core.runs.kinds import KINDS
from core.runs.presets import PRESETS
from core.runs.settings import Number, choices_of, numbers_of, settings_of


def test_zero_learning_rate_is_refused_with_its_range() -> None:
    with pytest.raises(ValueError, match="learning_rate must be > 0, got 0"):
        FineTuneConfig(learning_rate=0)


_CONFIGS = [kind.config for kind in KINDS.values()]
NUMBERS = [(kind, name) for kind in _CONFIGS for name in numbers_of(kind)]


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@pytest.mark.parametrize("value", [-1, math.inf, -math.inf, math.nan, 10**12, None, "1", True])
def test_numbers_out_of_range_are_refused_by_name(kind: type[RunConfig], name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        kind(**{name: value})


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@given(data=st.data())
def test_every_number_in_its_range_is_taken(kind: type[RunConfig], name: str, data: st.DataObject) -> None:
    about = numbers_of(kind)[name]
    least, most, excludes_least = about.allowed
    numbers = st.integers(int(least), int(most))
    reals = st.floats(least, most, exclude_min=excludes_least)
    assert about.problem_with(name, data.draw(numbers if about.is_whole else reals)) is None


@pytest.mark.parametrize("kind", _CONFIGS)
def test_every_setting_says_what_it_is_and_does_and_its_default_may_be(kind: type[RunConfig]) -> None:
    default = kind().to_dict()
    assert settings_of(kind).keys() == default.keys()
    for name, about in settings_of(kind).items():
        assert about.label[0].isupper()
        assert about.help.endswith(".")
        assert about.problem_with(name, default[name]) is None
        assert not isinstance(about, Number) or about.is_whole == isinstance(default[name], int)


def test_choices_are_those_of_their_types() -> None:
    types = {"weights": Weights, "mode": Mode, "augmentation": Augmentation, "precision": Precision}
    for name, literal in types.items():
        assert tuple(choices_of(FineTuneConfig)[name].options) == get_args(literal)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "half"}, "mode must be one of frozen, full"),
        ({"architecture": "no_such_net"}, "architecture must be one that this version knows, got .no_such_net."),
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
def test_lesson_preset_is_the_lesson(mode: Mode) -> None:
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
def test_every_preset_is_valid(preset: str, mode: Mode) -> None:
    assert FineTuneConfig(mode=mode, **PRESETS[preset].settings(mode)).mode == mode
