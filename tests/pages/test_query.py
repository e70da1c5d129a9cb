"""Settings travel through an address unharmed, and an address may say anything."""

from hypothesis import given
from hypothesis import strategies as st

from pages.ui.address import read_settings, write_settings

DEFAULTS = {"epochs": 20, "learning_rate": 1e-2, "mode": "frozen", "weights_file": None}
CHOICES = {"mode": ("frozen", "full")}
SETTINGS = st.fixed_dictionaries(
    {
        "epochs": st.integers(-(2**52), 2**52),
        "learning_rate": st.floats(-1e6, 1e6, width=32),
        "mode": st.sampled_from(CHOICES["mode"]),
        "weights_file": st.none() | st.text(min_size=1),
    }
)


@given(SETTINGS)
def test_what_is_written_is_read_again(settings: dict) -> None:
    read, problems = read_settings(write_settings(settings, DEFAULTS), DEFAULTS, CHOICES)
    assert problems == []
    learning_rate = read.pop("learning_rate")
    assert abs(learning_rate - settings.pop("learning_rate")) <= 1e-11 * abs(learning_rate)
    assert read == settings


def test_only_what_differs_is_written() -> None:
    assert write_settings(DEFAULTS, DEFAULTS) == {}
    assert write_settings({**DEFAULTS, "epochs": 3, "unknown": 1}, DEFAULTS) == {"epochs": "3"}


NUMBERS = st.integers().map(str) | st.sampled_from(["9" * 400, "-" + "9" * 4_000, "9" * 5_000]) | st.floats().map(str)


@given(st.dictionaries(st.sampled_from([*DEFAULTS, "run"]), st.text() | NUMBERS))
def test_any_address_gives_settings_of_the_right_type(address: dict[str, str]) -> None:
    settings, problems = read_settings(address, DEFAULTS, CHOICES)
    assert type(settings["epochs"]) is int
    assert type(settings["learning_rate"]) is float
    assert max(abs(settings["epochs"]), abs(settings["learning_rate"])) < 2**53
    assert settings["mode"] in CHOICES["mode"]
    assert len(problems) <= len(address)


def test_what_cannot_be_is_said_and_left_out() -> None:
    settings, problems = read_settings({"epochs": "many", "learning_rate": "inf", "mode": "x" * 99}, DEFAULTS, CHOICES)
    assert settings == DEFAULTS
    assert len(problems) == 3
    assert "epochs = “many”" in problems[0]
    assert max(map(len, problems)) < 150
