"""One click, one start: none is lost, and a second one on one form finds what the first has started. Knows no form.

As soon as the browser asks for another run of a script, Streamlit begins it beside the one that is still at work, which
ends wherever it next draws something. A click that the script has not come to by then would be lost, so it is noted
before anything is drawn. A click that comes while the first one is worked on runs the script again with the button
pressed, at the address that the browser knew. So one of a session's scripts at a time does what was asked for, what was
started is noted in the session in the same breath, and the form counts as another one only once it was drawn without a
click.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

_CLICKED = "clicked_form"  # the form on which Start was clicked, until that was answered
_IS_FRESH = "click_is_fresh"  # whether that was what this script was asked for
_PAGE = "page"  # the page that is shown
_STARTED = "started_from"  # of each form, the run that a click on it has started
_OPENED = "opened_runs"  # what was on a page since a form has started it
_TURN = "turn"  # the session's lock
_mutex = threading.Lock()


def note_click(form: str) -> None:
    """Remember that Start was clicked. For a button's `on_click`."""
    st.session_state[_CLICKED] = form
    st.session_state[_IS_FRESH] = True


def note_page(page: str) -> None:
    """Remember which page is shown: what was clicked on another one, and not begun, is not begun later.

    A second click can reach a form when what the first one has started is on its page already: it is for the form.
    """
    is_fresh = st.session_state.pop(_IS_FRESH, False)
    if st.session_state.get(_PAGE) != page:
        st.session_state[_PAGE] = page
        if not is_fresh:
            forget_click()


def forget_click() -> None:
    """What is shown has no Start: a click that comes now was meant for a form that is gone."""
    st.session_state.pop(_CLICKED, None)


def start_once(form: str, start: Callable[[], str] | None) -> str | None:
    """The id of the run to open: that of this click, or of an earlier one on the same form; None where there is none.

    `start` must draw nothing. It may raise, and then the form can be clicked again. It is None where the form says
    nothing that could be started.
    """
    with one_at_a_time():
        started: dict[str, str] = st.session_state.setdefault(_STARTED, {})
        clicked = st.session_state.pop(_CLICKED, None) == form and start is not None
        opened: set[str] = st.session_state.get(_OPENED, set())
        if form in started and not clicked and started[form] in opened:
            opened.discard(started.pop(form))  # it was on the page since: the form is another one
        if form not in started and clicked:
            assert start is not None
            started[form] = start()
        return started.get(form)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let no other script of this session do anything of the kind meanwhile."""
    with _mutex:
        turn: threading.Lock = st.session_state.setdefault(_TURN, threading.Lock())
    with turn:
        yield


def note_opened(run_id: str) -> None:
    """Remember that this run, or whatever else a form has started, is on the page."""
    st.session_state[_OPENED] = {*st.session_state.get(_OPENED, ()), run_id}
