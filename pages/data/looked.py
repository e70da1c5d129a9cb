"""Waits for a first look at photos without keeping the rest of the page waiting."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future

import streamlit as st

from core.data.sources.looking import Look
from core.errors import UnfreezeError
from pages.ui.format import plain

_LOOK = "data_look"
_POLL_S = 0.3


def looked_through(about: Hashable, ask: Callable[[], "Future[Look]"]) -> Look | None:
    """What a look has found; None while it is under way, or where it found nothing, which is drawn.

    Another `about` is another question. The same one is asked anew at a click alone: what is written to all the time
    would never be looked through, and a packing looks at it again anyway.
    """
    known: tuple[Hashable, Future[Look]] | None = st.session_state.get(_LOOK)
    if known is None or known[0] != about:
        if known is not None:
            known[1].cancel()  # nobody waits for it any more
        known = about, ask()
        st.session_state[_LOOK] = known
    looking = known[1]
    if not looking.done():
        st.fragment(_wait, run_every=_POLL_S)(looking)
        return None
    error = looking.exception()
    if error is None:
        return looking.result()
    sentence = str(error) if isinstance(error, UnfreezeError) else "The files could not be looked through."
    st.error(plain(sentence), icon=":material/error:")
    offer_to_look_again()
    return None


def offer_to_look_again() -> None:
    """A button for whoever has changed the files since."""
    st.button(
        "Look again", type="tertiary", icon=":material/refresh:", on_click=st.session_state.pop, args=(_LOOK, None)
    )


def _wait(looking: "Future[Look]") -> None:
    st.caption(":material/search: Looking through the files …")
    if looking.done():
        st.rerun()  # the whole page, which knows what to show then
