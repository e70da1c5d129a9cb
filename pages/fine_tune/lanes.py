"""What the runs of a race have of their own, kept in the session: in fields, and for as long as those are away."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.fine_tune import lane_address
from pages.fine_tune.lane_address import DEFAULT, Lane

_LANES = "fine_tune_lanes"  # the numbers of the lanes there are: a lane's widgets keep theirs when another one leaves
_KEPT = "fine_tune_lanes_kept"  # what each of them said last: Streamlit forgets fields that are not drawn
_ALWAYS = ("mode", "learning_rate")
DIFFERS = "differs"  # the field that names the other settings in which a lane differs


def reset() -> None:
    """Go back to one frozen and one full lane."""
    _fill_in(DEFAULT)


def read(text: str | None) -> list[str]:
    """Fill in the lanes that an address names. Returns what was wrong with it, in sentences."""
    reset()
    if text is None:
        return []
    lanes, problems = lane_address.read(text)
    if lanes is None:
        return [
            f"The address names a race that is not possible: “{text[:60]}”. One frozen and one full run are filled in."
        ]
    _fill_in(lanes)
    return problems


def write() -> str:
    """The lanes for an address; empty for the default ones."""
    return lane_address.write(all_of())


def all_of() -> list[dict[str, Any]]:
    """What each lane has of its own."""
    return [lane_of(number) for number in numbers()]


def numbers() -> list[int]:
    """The numbers of the lanes, which stand in the keys of their fields, in the order of the form."""
    if _LANES not in st.session_state:
        reset()
    found: list[int] = st.session_state[_LANES]
    return found


def lane_of(number: int, form: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a lane has of its own, by its fields. One that is asked for anew begins with what the `form` says of all."""
    kept = st.session_state[_KEPT][number]
    names = [*_ALWAYS, *_said(number, DIFFERS, differing(kept))]
    if "weights" in names:
        names.append("weights_file")
    lane = {name: _said(number, name, kept.get(name, (form or {}).get(name))) for name in names}
    st.session_state[_KEPT][number] = lane
    return lane


def differing(lane: Lane) -> list[str]:
    """The settings that a lane's field says it differs in. Pure."""
    return [name for name in lane if name not in (*_ALWAYS, "weights_file")]


def fill_in(number: int, lane: Lane, name: str) -> None:
    """Put a lane's value into its field where that has none, as it was never drawn or was away."""
    value = differing(lane) if name == DIFFERS else lane[name]
    if key_of(number, name) not in st.session_state:
        st.session_state[key_of(number, name)] = value


def add() -> None:
    """Have one more lane."""
    number = max(numbers()) + 1
    st.session_state[_LANES] = [*numbers(), number]
    _put(number, {"mode": "full"})


def remove(number: int) -> None:
    """Have that lane no more; the others stay as they are."""
    st.session_state[_LANES] = [other for other in numbers() if other != number]
    st.session_state[_KEPT].pop(number, None)


def key_of(number: int, name: str) -> str:
    """The key of a lane's field in the session."""
    return f"fine_tune_lane_{number}_{name}"


def _fill_in(lanes: Sequence[Lane]) -> None:
    st.session_state[_LANES] = list(range(len(lanes)))
    st.session_state[_KEPT] = {}
    for number, lane in enumerate(lanes):
        _put(number, lane)


def _put(number: int, lane: Lane) -> None:
    """Put a lane's own values into its fields, in place of whatever another lane of that number had."""
    whole = {"learning_rate": None, **lane}
    st.session_state[_KEPT][number] = whole
    for name, value in {**whole, DIFFERS: differing(lane)}.items():
        st.session_state[key_of(number, name)] = value


def _said(number: int, name: str, otherwise: Any) -> Any:
    return st.session_state.get(key_of(number, name), otherwise)
