"""The lanes of a race: who learns in each, and how fast. In the address: `lanes=frozen,full,full@0.001`."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.runs.config import MAX_LANES, FineTuneConfig
from core.runs.settings import choices_of, numbers_of
from pages.ui.format import plain

_MODES = choices_of(FineTuneConfig)["mode"].options
_RATES = numbers_of(FineTuneConfig)["learning_rate"].allowed
_LANES = "fine_tune_lanes"  # the numbers of the lanes there are: a lane's widgets keep theirs when another one leaves
_DEFAULT: list[tuple[str, float | None]] = [("frozen", None), ("full", None)]


def reset() -> None:
    """Go back to one frozen and one full lane."""
    _fill_in(_DEFAULT)


def address_of(lanes: Sequence[tuple[str, float]], *, shared: float) -> str:
    """The lanes for an address; one whose learning rate is the `shared` one of the settings names none. Pure."""
    return _as_text([(mode, None if learning_rate == shared else learning_rate) for mode, learning_rate in lanes])


def read(text: str | None) -> str | None:
    """Fill in the lanes that an address names. Returns what was wrong with it, in a sentence, or None."""
    reset()
    if text is None:
        return None
    lanes: list[tuple[str, float | None]] = []
    for part in text.split(","):
        mode, _, learning_rate = part.partition("@")
        try:
            lanes.append((mode, float(learning_rate) if learning_rate else None))
        except ValueError:
            lanes.append(("", None))
    is_good = all(mode in _MODES and (rate is None or rate in _RATES) for mode, rate in lanes)
    if not is_good or not 2 <= len(lanes) <= MAX_LANES:
        return (
            f"The address names a race that is not possible: “{text[:60]}”. One frozen and one full run are filled in."
        )
    _fill_in(lanes)
    return None


def write() -> str:
    """The lanes for an address; empty for the default ones."""
    return _as_text([(_value(number, "mode"), _value(number, "learning_rate")) for number in st.session_state[_LANES]])


def _as_text(lanes: Sequence[tuple[str, float | None]]) -> str:
    if lanes == _DEFAULT:
        return ""
    return ",".join(mode if rate is None else f"{mode}@{rate:.12g}" for mode, rate in lanes)


def choose(learning_rate: float | None) -> tuple[list[dict[str, Any]], str | None]:
    """Draw the lanes. Returns what each sets of its own, and what is wrong with one, in a sentence.

    `learning_rate` is that of the settings, which a lane has where it names none.
    """
    if any(_key(number, "mode") not in st.session_state for number in st.session_state[_LANES]):
        reset()  # the widgets were away, and their values with them
    numbers: list[int] = st.session_state[_LANES]
    chosen: list[dict[str, Any]] = []
    problem: str | None = None
    for position, number in enumerate(numbers, start=1):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            mode = st.selectbox(
                f"Run {position}", _MODES, format_func=lambda name: _MODES[name], key=_key(number, "mode")
            )
            own_rate = st.number_input(
                f"Learning rate of run {position}",
                key=_key(number, "learning_rate"),
                step=None,
                format="%g",
                placeholder="as set" if learning_rate is None else f"{learning_rate:g}",
                help=f"Leave it empty to use the one of the settings. Allowed: {_RATES}.",
            )
            st.button(
                "",
                icon=":material/close:",
                key=_key(number, "remove"),
                help=f"Remove run {position}" if len(numbers) > 2 else "A race has two runs at least.",
                on_click=_remove,
                args=(number,),
                disabled=len(numbers) <= 2,
            )
        if own_rate is not None and own_rate not in _RATES:
            problem = f"The learning rate of run {position} must be {_RATES}, but it is {own_rate:g}."
            st.markdown(f":red[:material/error: {plain(problem)}]")
        chosen.append({"mode": mode} | ({} if own_rate is None else {"learning_rate": own_rate}))
    if len(numbers) < MAX_LANES:
        st.button("Add a run", icon=":material/add:", on_click=_add, key="add_lane")
    return chosen, problem


def _add() -> None:
    number = max(st.session_state[_LANES]) + 1
    st.session_state[_LANES] = [*st.session_state[_LANES], number]
    st.session_state[_key(number, "mode")], st.session_state[_key(number, "learning_rate")] = "full", None


def _remove(number: int) -> None:
    st.session_state[_LANES] = [other for other in st.session_state[_LANES] if other != number]


def _fill_in(lanes: Sequence[tuple[str, float | None]]) -> None:
    st.session_state[_LANES] = list(range(len(lanes)))
    for number, (mode, learning_rate) in enumerate(lanes):
        st.session_state[_key(number, "mode")] = mode
        st.session_state[_key(number, "learning_rate")] = learning_rate


def _value(number: int, name: str) -> Any:
    defaults = {"mode": "full", "learning_rate": None}
    return st.session_state.get(_key(number, name), defaults[name])


def _key(number: int, name: str) -> str:
    return f"fine_tune_lane_{number}_{name}"
