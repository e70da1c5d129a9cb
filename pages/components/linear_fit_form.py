"""The settings of a linear fit, in the form and in the address. Knows nothing of what comes of them."""

from typing import Any

import streamlit as st

from core.data import points
from core.runs.config import INTEGERS, LINEAR_RANGES, LinearFitConfig, problem_with
from pages.components.format import plain

_LABELS = {
    "epochs": "Epochs",
    "learning_rate": "Learning rate",
    "momentum": "Momentum",
    "weight_decay": "Weight decay",
    "seed": "Seed",
}
_HELP = {
    "epochs": "Steps of the training: each one looks at all 30 points.",
    "learning_rate": "How far each step moves weight and bias against their gradients.",
    "momentum": "How much of the last step's direction is kept.",
    "weight_decay": "How strongly weight and bias are pulled towards zero.",
    "seed": "Draws the points, their noise, and the weight and bias to start from.",
}

_FORM_OF = "linear_fit_form_of"


def linear_fit_form(shown: LinearFitConfig) -> tuple[LinearFitConfig | None, bool]:
    """Draw the settings, at first those of the fit that is `shown`.

    Returns them, None where something is wrong with one, and whether to fit.
    """
    run_id = st.query_params.get("run")
    # A key that is missing: the page was left and its widgets forgot. Another run: a link has opened it.
    if _key("seed") not in st.session_state or st.session_state.get(_FORM_OF) != run_id:
        _fill_in(_from_address(shown))
        belongs_to(run_id)
    problems: list[str] = []
    with st.container(horizontal=True):
        for name, label in _LABELS.items():
            with st.container(width=168):
                value = st.number_input(
                    label,
                    key=_key(name),
                    step=1 if name in INTEGERS else None,
                    format="%d" if name in INTEGERS else "%g",
                    help=f"{_HELP[name]} Allowed: {LINEAR_RANGES[name]}.",
                )
                if value is None or value not in LINEAR_RANGES[name]:
                    typed = "nothing" if value is None else f"{value:,g}"
                    problems.append(f"{label} must be {LINEAR_RANGES[name]}, but it is {typed}.")
                    st.markdown(f":red[:material/error: {plain(problems[-1])}]")
    config = None if problems else LinearFitConfig(**_values())
    if config is not None and config.learning_rate >= (limit := _largest_learning_rate(config)):
        st.caption(
            f":material/warning: At this learning rate every step overshoots and the fit diverges: with momentum "
            f"{config.momentum:g}, these points need one below {limit:.2g}."
        )
    with st.container(horizontal=True):
        clicked = st.button(
            "Fit the line", type="primary", icon=":material/play_arrow:", disabled=config is None, width=336
        )
        st.button(
            "Lesson's settings",
            icon=":material/restart_alt:",
            on_click=_fill_in,
            args=(LinearFitConfig(),),
            disabled=config == LinearFitConfig(),
        )
    return config, clicked


def belongs_to(run_id: str | None) -> None:
    """Remember which fit's settings the form shows."""
    st.session_state[_FORM_OF] = run_id


def _from_address(shown: LinearFitConfig) -> LinearFitConfig:
    """What the address asks for: the settings it names, and the shown fit's for all others."""
    values = shown.to_dict()
    for name, label in _LABELS.items():
        if (text := st.query_params.get(name)) is None:
            continue
        try:
            value = int(text) if name in INTEGERS else float(text)
            problem = problem_with(name, value, LINEAR_RANGES[name])
        except ValueError:
            problem = "not a number"
        if problem:
            asked = f"{text[:40]}…" if len(text) > 40 else text
            kind = "a whole number " if name in INTEGERS else ""
            st.warning(
                plain(
                    f"The address asks for {label.lower()} “{asked}”, but it must be {kind}{LINEAR_RANGES[name]}: "
                    f"{values[name]:g} is used."
                ),
                icon=":material/link_off:",
            )
        else:
            values[name] = value
    return LinearFitConfig(**values)


def write_address(shown: LinearFitConfig) -> None:
    """Keep in the address what differs from the settings of the fit that is shown."""
    known = shown.to_dict()
    for name, value in _values().items():
        if value not in LINEAR_RANGES[name] or value == known[name]:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)


def _largest_learning_rate(config: LinearFitConfig) -> float:
    return points.largest_learning_rate(
        points.draw(config.seed), momentum=config.momentum, weight_decay=config.weight_decay
    )


def _fill_in(config: LinearFitConfig) -> None:
    for name, value in config.to_dict().items():
        st.session_state[_key(name)] = value


def _values() -> dict[str, Any]:
    return {name: st.session_state[_key(name)] for name in _LABELS}


def _key(name: str) -> str:
    return f"linear_fit_{name}"
