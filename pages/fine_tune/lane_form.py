"""The fields of the runs of a race: what learns in each, how fast, and whatever else it shall differ in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from core.models.blocks import blocks_of
from core.models.catalog import ARCHITECTURES
from core.runs.config import MAX_LANES, FineTuneConfig
from core.runs.settings import choices_of, numbers_of, settings_of
from pages.fine_tune import lanes
from pages.fine_tune.lane_address import CAN_DIFFER, Lane
from pages.fine_tune.settings import choose_depth, setting_number, settled, without_effect
from pages.fine_tune.weights import choose_weights, weights_problem
from pages.ui.address import absolute_path
from pages.ui.fields import choice_field, held, select_field
from pages.ui.format import plain

_SETTINGS = settings_of(FineTuneConfig)
_MODES, _RATES = choices_of(FineTuneConfig)["mode"].options, numbers_of(FineTuneConfig)["learning_rate"].allowed


def choose(form: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """Draw the runs. Returns the settings of each, and what is wrong with them, in sentences.

    `form` has what the form says of all of them, which is what each has where it says nothing of its own.
    """
    numbers = lanes.numbers()
    chosen: list[dict[str, Any]] = []
    problems: list[str] = []
    for position, number in enumerate(numbers, start=1):
        with st.container(border=True):
            lane = lanes.lane_of(number, form)
            wrong = _always(number, position, lane, form["learning_rate"], can_leave=len(numbers) > 2)
            values = settings_of_lane(form, lane)
            wrong += [*_own_fields(number, position, lane, values), *_size_problem(position, lane, values)]
        chosen.append(values)
        problems += wrong
    if len(numbers) < MAX_LANES:
        st.button("Add a run", icon=":material/add:", on_click=lanes.add, key="add_lane")
    return chosen, problems


def settings_of_lane(form: Mapping[str, Any], lane: Lane) -> dict[str, Any]:
    """All settings of a run: its own, and what the form says of all. Pure.

    Another network starts from the best weights that it has where those of all are none of its own, and where it has
    fewer blocks than shall learn, all of them do.
    """
    values = {**form, **lane}
    if lane.get("learning_rate") is None:
        values["learning_rate"] = form["learning_rate"]
    path = str(values["weights_file"] or "").strip()
    values["weights_file"] = absolute_path(path) if path else None
    known, is_other = ARCHITECTURES[values["architecture"]], values["architecture"] != form["architecture"]
    of_another = values["weights"] == "file" and is_other and "weights" not in lane
    if of_another or (values["weights"] == "pretrained" and not known.has_pretrained):
        values["weights"] = "pretrained" if known.has_pretrained else "random"
    most = len(blocks_of(values["architecture"])) - 1
    values["depth"] = values["depth"] if values["depth"] in range(1, most) else most
    return settled(values)


def _always(number: int, position: int, lane: Lane, rate_of_all: float | None, *, can_leave: bool) -> list[str]:
    """What learns in a run, how fast, and the way to remove it. Returns what is wrong with it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name in ("mode", "learning_rate"):
            lanes.fill_in(number, lane, name)
        select_field(f"Run {position}", _MODES, format_func=lambda name: _MODES[name], key=lanes.key_of(number, "mode"))
        own_rate = st.number_input(
            f"Learning rate of run {position}",
            value=None,  # with any other default, it could not be emptied
            key=lanes.key_of(number, "learning_rate"),
            step=None,
            format="%g",
            placeholder="as set" if rate_of_all is None else f"{rate_of_all:g}",
            help=f"Leave it empty to use the one of the settings. Allowed: {_RATES}.",
        )
        st.button(
            "",
            icon=":material/close:",
            key=lanes.key_of(number, "remove"),
            help=f"Remove run {position}" if can_leave else "A race has two runs at least.",
            on_click=lanes.remove,
            args=(number,),
            disabled=not can_leave,
        )
    if own_rate is None or own_rate in _RATES:
        return []
    problem = f"The learning rate of run {position} must be {_RATES}, but it is {own_rate:g}."
    st.markdown(f":red[:material/error: {plain(problem)}]")
    return [problem]


def _own_fields(number: int, position: int, lane: Lane, values: Mapping[str, Any]) -> list[str]:
    """The choice of what else a run differs in, and a field for each of that. Returns what is wrong with them."""
    chosen, idle = lanes.differing(lane), _without_effect(values)
    lanes.fill_in(number, lane, lanes.DIFFERS)
    st.multiselect(
        f"Run {position} differs in",
        [name for name in CAN_DIFFER if name != "weights_file" and (name in chosen or name not in idle)],
        default=held(lanes.key_of(number, lanes.DIFFERS), None),
        format_func=lambda name: _SETTINGS[name].label,
        key=lanes.key_of(number, lanes.DIFFERS),
        placeholder="Differs in …",
        select_all=False,
        label_visibility="collapsed",
    )
    shown = [name for name in CAN_DIFFER if name in chosen and name not in idle]
    for name in shown:
        lanes.fill_in(number, lane, name)
    numbers = [name for name in shown if name in numbers_of(FineTuneConfig) and name != "depth"]
    problems = [_choice(name, number, position, lane, values) for name in shown if name not in numbers]
    columns = st.columns(2) if numbers else ()
    known = ARCHITECTURES[values["architecture"]]
    for index, name in enumerate(numbers):
        with columns[index % 2]:
            problems.append(setting_number(name, known, key=lanes.key_of(number, name), of=_of(position)))
    if none := [_SETTINGS[name].label for name in chosen if name in idle]:
        st.caption(plain(f"Without effect in run {position}: {', '.join(none)}."))
    return [problem for problem in problems if problem]


def _choice(name: str, number: int, position: int, lane: Lane, values: Mapping[str, Any]) -> str | None:
    """A field for one of the settings that are no numbers. Returns what is wrong with it."""
    key, about = lanes.key_of(number, name), choices_of(FineTuneConfig).get(name)
    if name == "depth":
        choose_depth(values["architecture"], key=key, of=_of(position))
    elif name == "weights":
        lanes.fill_in(number, lane, "weights_file")
        file_key = lanes.key_of(number, "weights_file")
        return choose_weights(values["architecture"], key=key, file_key=file_key, of=_of(position))
    elif about is not None and name == "architecture":
        label = _of(position) + about.label
        select_field(label, about.options, format_func=about.in_words, key=key, help=about.help)
        return _weights_of_another_network(key, position, lane, values)
    elif about is not None:
        choice_field(replace(about, label=_of(position) + about.label), key=key)
    return None


def _weights_of_another_network(key: str, position: int, lane: Lane, values: Mapping[str, Any]) -> str | None:
    """Say from which weights a run starts whose network is its own, and its weights are not. Returns a problem."""
    if "weights" in lane:
        return None
    words = "ImageNet" if values["weights"] == "pretrained" else "random"
    st.caption(f"{ARCHITECTURES[values['architecture']].label} starts from {words} weights.")
    if values["weights"] != "pretrained":
        return None
    return weights_problem(values["architecture"], key=f"{key}_weights", of=_of(position))


def _size_problem(position: int, lane: Lane, values: Mapping[str, Any]) -> list[str]:
    """Whether the network of a run reads photos of the size that all have."""
    known, size = ARCHITECTURES[values["architecture"]], values["image_size"]
    if "image_size" in lane or not isinstance(size, int) or size >= known.min_image_size:
        return []
    problem = f"{_of(position)}Image size must be at least {known.min_image_size} for {known.label}, but it is {size}."
    st.markdown(f":red[:material/error: {plain(problem)}]")
    return [problem]


def _without_effect(values: Mapping[str, Any]) -> list[str]:
    """What a run need not be asked for beside its other settings. Pure."""
    fixed = ["image_size"] if ARCHITECTURES[values["architecture"]].image_size else []
    return [*without_effect(values), *fixed]


def _of(position: int) -> str:
    return f"Run {position}: "
