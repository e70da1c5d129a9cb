"""One click, one start: a second click on the same form finds what the first one has started. Knows no form.

Streamlit takes a click that comes while the first one is worked on for a new one: it ends the script wherever that next
draws something, and runs it again with the button pressed, at the address that the browser knew. So what was started is
noted in the session in the same breath, and the form counts as another one only once it was drawn without a click.
"""

from collections.abc import Callable

import streamlit as st

_STARTED = "started_from"  # of each form, the run that a click on it has started
_OPENED = "opened_run"  # the run that was last on the page


def start_once(form: str, start: Callable[[], str], *, clicked: bool) -> str | None:
    """The id of the run to open: that of this click, or of an earlier one on the same form; None where there is none.

    `start` must draw nothing. It may raise, and then the form can be clicked again.
    """
    started: dict[str, str] = st.session_state.setdefault(_STARTED, {})
    if form in started and not clicked and st.session_state.get(_OPENED) == started[form]:
        del started[form]  # its run was on the page since: the form is another one
    if form not in started and clicked:
        started[form] = start()
    return started.get(form)


def note_opened(run_id: str) -> None:
    """Remember that this run is on the page."""
    st.session_state[_OPENED] = run_id
