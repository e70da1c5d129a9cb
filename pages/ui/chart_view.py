"""How a viewer wants the charts of trainings, kept in the page's address: what they are drawn across, on which scale.

The chart's own fields are part of its component, since each element of Streamlit's costs every poll a message.
"""

from collections.abc import Mapping
from typing import Any, cast

import streamlit as st

from core.figures.view import SCALES, UNITS, View
from pages.ui import kept_address
from pages.ui.address import read_settings, write_settings
from pages.ui.live_chart import Choice

NAMES = ("x", "scale")
CHANGED = "choice"  # what the component calls a change
_VIEW, _OF = "chart_view", "chart_view_of"
_DEFAULTS = {"x": "step", "scale": "linear"}
_OPTIONS: dict[str, Mapping[Any, str]] = {"x": UNITS, "scale": SCALES}
_LABELS = {"x": "Across", "scale": "Scale"}


def open_view(of: str, *, is_opened: bool) -> None:
    """Take the view from the address where a page is opened, or shows something else than before."""
    if is_opened or st.session_state.get(_OF) != of:
        # What is not possible there is left out: it is a matter of looks alone.
        settings, _ = read_settings(st.query_params.to_dict(), _DEFAULTS, _OPTIONS)
        st.session_state[_VIEW], st.session_state[_OF] = settings, of


def view() -> View:
    """What was chosen last."""
    chosen = _chosen()
    return View(x=cast(Any, chosen["x"]), scale=cast(Any, chosen["scale"]))


def address() -> dict[str, str]:
    """What the page's address has to say of it."""
    return write_settings(_chosen(), _DEFAULTS)


def choices() -> list[Choice]:
    """The fields that the chart shows."""
    chosen = _chosen()
    return [Choice(name, _LABELS[name], chosen[name], _OPTIONS[name]) for name in NAMES]


def choose(key: str) -> None:
    """Take over what was chosen at the chart of that key, and keep it in the address."""
    said = st.session_state.get(key, {}).get(CHANGED)
    name, value = (said.get("name"), said.get("value")) if isinstance(said, dict) else (None, None)
    if not isinstance(name, str) or name not in NAMES or value not in list(_OPTIONS[name]):
        return  # nothing that the chart offers
    st.session_state[_VIEW] = {**_chosen(), name: value}
    kept_address.move(name, address().get(name, ""))


def _chosen() -> dict[str, str]:
    chosen: dict[str, str] = st.session_state.get(_VIEW, _DEFAULTS)
    return chosen
