"""What stands in the form: kept in the session, filled in from the address, a preset or a run, and written back.

The settings stand in the address as far as they differ from the quick preset's, so that a link opens them.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Literal, NoReturn, cast, get_args

import streamlit as st

from core.models.catalog import ARCHITECTURES
from core.runs import known_devices, store
from core.runs.config import FineTuneConfig
from core.runs.presets import PRESETS, Preset
from core.runs.settings import Choice, choices_of, settings_of
from pages.fine_tune import lanes
from pages.places import FINE_TUNE
from pages.ui import kept_address
from pages.ui.address import absolute_path, read_settings, write_settings
from pages.ui.fields import chosen_of

FormMode = Literal["frozen", "last_stage", "blocks", "full", "race"]
_MODES = choices_of(FineTuneConfig)["mode"]
MODE = replace(_MODES, options={**_MODES.options, "race": "Race"})
_MODE_BEFORE = "fine_tune_mode_before"  # the mode for which the preset was filled in
PRESET = Choice(
    label="Preset",
    help="Fills in all settings below. Each can be changed afterwards.",
    options={name: preset.label for name, preset in PRESETS.items()},
)


def open_with(settings: Mapping[str, Any], raced: str = "") -> NoReturn:
    """Go to the form with these settings filled in. `raced` names the lanes of a race, as the address has them."""
    kept_address.forget(FINE_TUNE.address)
    st.switch_page(FINE_TUNE.script, query_params=_address(settings, raced))


def in_other_mode(config: FineTuneConfig, mode: FormMode) -> dict[str, Any]:
    """A run's settings for another way to fine-tune: its preset's, but for those that are the run's own. Pure.

    Those of a way that this version does not know are all its own.
    """
    settings = config.to_dict()
    if not MODE.knows(config.mode):
        return settings | {"mode": mode}
    kept = [name for name, preset in PRESETS.items() if preset.settings(config.mode).items() <= settings.items()]
    preset = PRESETS[kept[0] if kept else "quick"]
    before, after = preset.settings(config.mode), preset.settings(mode)
    return settings | {name: value for name, value in after.items() if settings[name] == before[name]} | {"mode": mode}


def start_from_the_best_weights() -> None:
    """What another network starts from: ImageNet where it has such weights, or else random ones."""
    has_pretrained = ARCHITECTURES[value_of("architecture")].has_pretrained
    st.session_state[key_of("weights")] = "pretrained" if has_pretrained else "random"


def is_preset(preset: str) -> bool:
    """Whether the settings are still what the preset fills in."""
    return all(value_of(name) == value for name, value in PRESETS[preset].settings(value_of("mode")).items())


def apply_preset() -> None:
    """Fill in the settings of the preset for the chosen mode, and take back random weights that another one chose."""
    settings = _preset().settings(_mode())
    _fill_in(settings)
    if "weights" not in settings and value_of("weights") == "random":
        start_from_the_best_weights()


def follow_preset() -> None:
    """Fill in the settings of the preset for a mode that was just chosen, but for those that are somebody's own.

    A field that stays as it is is left alone: filling it in again would undo what is being typed there.
    """
    _fill_in_missing()
    preset = _preset()
    before, after = preset.settings(st.session_state[_MODE_BEFORE]), preset.settings(_mode())
    _fill_in({name: value for name, value in after.items() if value_of(name) == before[name] != value})
    st.session_state[_MODE_BEFORE] = value_of("mode")


def _preset() -> Preset:
    return PRESETS[chosen_of("preset", list(PRESETS))]


def _mode() -> FormMode:
    return cast(FormMode, chosen_of(key_of("mode"), list(MODE.options)))


def _name_preset() -> None:
    """Choose the preset that has the settings of the form."""
    st.session_state["preset"] = next(filter(is_preset, PRESETS), "quick")
    st.session_state[_MODE_BEFORE] = value_of("mode")


def open_form() -> list[str]:
    """Fill the form in when it is opened: from the address, or as it was left. Returns what could not be filled in.

    Once another page was shown, the widgets' values are gone.
    """
    if not kept_address.is_opened(FINE_TUNE.address, (*settings_of(FineTuneConfig), "lanes")):
        _fill_in_missing()
        return []
    choices = _choices()
    mode, problems = read_settings(st.query_params, {"mode": "frozen"}, choices)
    defaults = {name: value for name, value in _defaults(mode["mode"]).items() if name != "mode"}
    settings, more_problems = read_settings(st.query_params, defaults, choices)
    _fill_in(mode | settings)
    _name_preset()
    known = ARCHITECTURES[value_of("architecture")]
    if value_of("weights") == "pretrained" and not known.has_pretrained:
        start_from_the_best_weights()
        if st.query_params.get("weights") == "pretrained":
            problems.append(f"There are no ImageNet weights for {known.label}: it starts from random ones.")
    return [*problems, *more_problems, *lanes.read(st.query_params.get("lanes"))]


def _choices() -> dict[str, Collection[str]]:
    """What the address may name."""
    choices: dict[str, Collection[str]] = {name: about.options for name, about in choices_of(FineTuneConfig).items()}
    found = tuple(info.name for info in known_devices.remembered(store.home()))
    return choices | {"mode": get_args(FormMode), "device": ("auto", *found)}


def write_address() -> None:
    """Keep in the address what differs from the defaults."""
    settings = {name: value_of(name) for name in settings_of(FineTuneConfig)}
    kept_address.write(FINE_TUNE.address, _address(settings, lanes.write() if settings["mode"] == "race" else ""))


def _address(settings: Mapping[str, Any], raced: str) -> dict[str, str]:
    """How an address says these settings."""
    mode = settings["mode"]
    address = write_settings(settings, _defaults(mode if mode in MODE.options else "frozen"))
    if mode != "frozen":
        address["mode"] = mode
    return address | ({"lanes": raced} if raced else {})


def _defaults(mode: FormMode) -> dict[str, Any]:
    """What an address need not say: the product's own settings for that way to fine-tune."""
    return FineTuneConfig().to_dict() | PRESETS["quick"].settings(mode) | {"mode": mode}


def _fill_in_missing() -> None:
    """A setting that had no effect was not drawn, and is forgotten: it has its default again."""
    missing = [name for name in settings_of(FineTuneConfig) if key_of(name) not in st.session_state]
    _fill_in({name: _defaults(_mode())[name] for name in missing})


def _fill_in(settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        st.session_state[key_of(name)] = value


def value_of(name: str) -> Any:
    """What stands in the field of that setting."""
    return st.session_state[key_of(name)]


def key_of(name: str) -> str:
    """The key of that setting's field in the session."""
    return f"fine_tune_{name}"


def weights_path() -> str | None:
    """The file as typed, made absolute: a worker runs elsewhere."""
    typed = (value_of("weights_file") or "").strip()
    return absolute_path(typed) if typed else None
