"""The settings of a linear fit, in the form and in the address. Knows nothing of what comes of them."""

from typing import Any

import streamlit as st

from core.data import points
from core.runs.config import LinearFitConfig
from core.runs.settings import numbers_of
from pages.places import LINEAR_FIT
from pages.ui import kept_address
from pages.ui.address import read_settings, write_settings
from pages.ui.fields import setting_fields
from pages.ui.format import plain
from pages.ui.once import note_click

_FORM_OF = "linear_fit_form_of"


def linear_fit_form(shown: LinearFitConfig, run_id: str | None, *, is_opened: bool) -> LinearFitConfig | None:
    """Draw the settings, at first those that are `shown`: of the fit `run_id`, if there is one.

    `is_opened` says that the address is to be read, as it is for another fit.

    Returns them, or None where something is wrong with one.
    """
    if is_opened or st.session_state.get(_FORM_OF) != run_id:
        settings, misread = read_settings(st.query_params, shown.to_dict(), {})
        _fill_in(settings)
        belongs_to(run_id)
        for problem in misread:
            st.warning(plain(problem), icon=":material/link_off:")
    with st.container(horizontal=True):
        problems = setting_fields(LinearFitConfig, key_of=_key)
    config = None if problems else LinearFitConfig.of(**_values())
    if config is not None and config.learning_rate >= (limit := _largest_learning_rate(config)):
        st.caption(
            f":material/warning: At this learning rate every step overshoots and the fit diverges: with momentum "
            f"{config.momentum:g}, these points need one below {limit:.2g}."
        )
    with st.container(horizontal=True):
        st.button(
            "Fit the line",
            type="primary",
            icon=":material/play_arrow:",
            disabled=config is None,
            width=336,
            key=form_beside(run_id),
            on_click=note_click,
            args=(form_beside(run_id),),
        )
        st.button(
            "Lesson's settings",
            icon=":material/restart_alt:",
            on_click=_fill_in,
            args=(LinearFitConfig().to_dict(),),
            disabled=config == LinearFitConfig(),
        )
    return config


def form_beside(run_id: str | None) -> str:
    """The form's name, and its button's: another one beside another fit, so a click on the old one starts no more."""
    return f"linear_fit_start_{run_id}"


def belongs_to(run_id: str | None) -> None:
    """Remember which fit's settings the form shows."""
    st.session_state[_FORM_OF] = run_id


def write_address(shown: LinearFitConfig, run_id: str | None) -> None:
    """Keep in the address the fit that is shown, and what the form says otherwise than its settings."""
    address = {"run": run_id} if run_id else {}
    kept_address.write(LINEAR_FIT.address, address | write_settings(_values(), shown.to_dict()))


def _largest_learning_rate(config: LinearFitConfig) -> float:
    return points.largest_learning_rate(
        points.draw(config.seed), momentum=config.momentum, weight_decay=config.weight_decay
    )


def _fill_in(settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        st.session_state[_key(name)] = value


def _values() -> dict[str, Any]:
    return {name: st.session_state[_key(name)] for name in numbers_of(LinearFitConfig)}


def _key(name: str) -> str:
    return f"linear_fit_{name}"
