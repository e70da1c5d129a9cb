"""Settings are valid from birth, and the presets are what they claim to be."""

import math
from dataclasses import dataclass, fields
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.runs.config import Augmentation, FineTuneConfig, Mode, Precision, Weights
from core.runs.kinds import KINDS
from core.runs.presets import PRESETS
from core.runs.quantities import Count
from core.runs.run_config import RunConfig
from core.runs.settings import Choice, Number, Range, choices_of, group, groups_of, numbers_of, setting, settings_of


def test_zero_learning_rate_is_refused_with_its_range() -> None:
    with pytest.raises(ValueError, match="learning_rate must be > 0, got 0"):
        FineTuneConfig.of(learning_rate=0)


_CONFIGS = [kind.config for kind in KINDS.values()]
NUMBERS = [(kind, name) for kind in _CONFIGS for name in numbers_of(kind)]


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@pytest.mark.parametrize("value", [-1, math.inf, -math.inf, math.nan, 10**12, None, "1", True])
def test_numbers_out_of_range_are_refused_by_name(kind: type[RunConfig], name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        kind.of(**{name: value})


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
        ({"mode": "half"}, "mode must be one of frozen, last_stage, blocks, full"),
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
        FineTuneConfig.of(**settings)


def test_settings_survive_a_file_and_unknown_ones_are_left_out() -> None:
    config = FineTuneConfig(mode="full", epochs=7)
    assert FineTuneConfig.from_dict({**config.to_dict(), "from_the_future": 1}) == config


@dataclass(frozen=True, kw_only=True)
class Schedule:
    warm_up: Count = setting(2, Number(label="Warm-up", help="Steps.", allowed=Range(0, 9), is_whole=True))
    shape: str = setting(
        "flat", Choice(label="Shape", help="Of the curve.", options={"flat": "Flat", "cosine": "Cosine"})
    )


@dataclass(frozen=True, kw_only=True)
class Nested(RunConfig):
    KIND = "nested"

    before: Count = setting(1, Number(label="Before", help="Before it.", allowed=Range(0, 9), is_whole=True))
    schedule: Schedule = group(Schedule)
    after: Count = setting(3, Number(label="After", help="After it.", allowed=Range(0, 9), is_whole=True))


def test_settings_of_a_group_stand_beside_the_others_by_their_own_names() -> None:
    config = Nested.of(warm_up=5, after=4)
    assert config == Nested(schedule=Schedule(warm_up=5), after=4)
    assert list(settings_of(Nested)) == ["before", "warm_up", "shape", "after"]
    assert config.to_dict() == {"before": 1, "warm_up": 5, "shape": "flat", "after": 4}
    assert Nested.from_dict(config.to_dict()) == config == Nested.recorded(config.to_dict())
    assert (config.value_of("warm_up"), config.in_words("shape")) == (5, "Flat")
    assert config.changed(shape="cosine").schedule == Schedule(warm_up=5, shape="cosine")
    with pytest.raises(TypeError):
        Nested.of(no_such=1)


def test_group_is_checked_as_all_settings_are_and_read_as_it_was() -> None:
    for wrong in ({"warm_up": 99}, {"shape": "round"}):
        with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be"):
            Nested.of(**wrong)
        with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be"):
            Nested(schedule=Schedule(**wrong))
    recorded = Nested.recorded({"warm_up": 99, "shape": "round", "schedule": "a setting of another version"})
    assert recorded.schedule == Schedule(warm_up=99, shape="round")
    assert not recorded.is_possible
    assert Nested.from_dict({"schedule": 7}) == Nested()
    damaged: object
    for damaged in ({"warm_up": "x"}, {"shape": 1}, [], None):
        with pytest.raises(ValueError, match=r"must be|no names"):
            Nested.recorded(damaged)


@pytest.mark.parametrize("kind", _CONFIGS)
def test_no_two_settings_have_one_name(kind: type[RunConfig]) -> None:
    names = [entry.name for part in (kind, *groups_of(kind).values()) for entry in fields(part)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("mode", get_args(Mode))
def test_lesson_preset_is_the_lesson(mode: Mode) -> None:
    assert PRESETS["lesson"].settings(mode) == {
        "algorithm": "sgd",
        "schedule": "constant",
        "warm_up": 0.0,
        "decayed": "all",
        "label_smoothing": 0.0,
        "gradient_clip": 0.0,
        "plateau_epochs": 2,
        "balance": 0.0,
        "accumulation": 1,
        "best_by": "accuracy",
        "patience": 0,
        "averaging": 0.0,
        "head_dropout": 0.0,
        "thaw_every": 0,
        "backbone_rate": 1.0,
        "layer_decay": 1.0,
        "batch_norm": "train",
        "freezing": "layers",
        "augmentation": "random_resized_crop",
        "crop_scale": 0.08,
        **dict.fromkeys(("flip", "colour_jitter", "hue", "rotation", "erasing", "mixup", "cutmix"), 0.0),
        "views": 0,
        "image_size": 224,
        "epochs": 3,
        "minutes": 0.0,
        "batch_size": 32,
        "learning_rate": 1e-4,
        "momentum": 0.9,
        "weight_decay": 1e-2,
    }


def test_quick_preset_is_the_default_but_for_the_size_that_some_networks_cannot_read() -> None:
    default = FineTuneConfig().to_dict()
    differing = {name for name, value in PRESETS["quick"].settings("frozen").items() if default[name] != value}
    assert differing == {"image_size"}


@pytest.mark.parametrize("mode", get_args(Mode))
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset: str, mode: Mode) -> None:
    assert FineTuneConfig.of(mode=mode, **PRESETS[preset].settings(mode)).mode == mode
