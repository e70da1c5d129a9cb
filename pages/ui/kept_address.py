"""A page's choices in its address: opened from there, left and come back to, and gone back to in the browser.

A page asks `is_opened`: then it fills its widgets in from the address. Whenever it is drawn, it ends with `write`.

What the browser asks for may carry an address that is older than what a script has just written: of a click that came
before the news did. Only once the browser has been seen at the address that was written, another one means that its
user has gone back, or forward.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import streamlit as st

_AT = "kept_address"  # where the session is
_SHOWN = "shown_page"
_SAID = "said_address"  # what the page that is shown has last said to be its address by a move
_LEFT = "left_address_of_"  # what a page's address said when it was last drawn


@dataclass
class _At:
    page: str
    address: dict[str, str]
    is_seen: bool  # by a script that the browser has asked for since
    is_written: bool = True  # by the page, which may be broken off between its opening and its end


def is_opened(page: str, names: Collection[str]) -> bool:
    """Whether the page is to be filled in from its address: it was not shown before, or the browser was sent there.

    A page that is come back to at an address that says nothing of its own, by any of these `names`, has the one that it
    was left with. Of an address without any, Streamlit has the last page's.
    """
    at: _At | None = st.session_state.get(_AT)
    if at is None or at.page != page:
        left: dict[str, str] | None = st.session_state.get(_LEFT + page)
        if left and st.query_params.to_dict().keys().isdisjoint(names):
            st.query_params.from_dict(left)
        # From now on, what is typed goes before the address, even where this script comes no further.
        st.session_state[_AT] = _At(page, st.query_params.to_dict(), is_seen=False, is_written=False)
        return True
    note()
    return at.is_seen and at.address != st.query_params.to_dict()


def note_page(page: str) -> None:
    """Notice which page is shown, be it one without choices: then another one is opened when it is come back to."""
    if st.session_state.get(_SHOWN) != page:
        st.session_state[_SHOWN] = page
        st.session_state.pop(_AT, None)
        st.session_state.pop(_SAID, None)


def note() -> None:
    """Notice that the browser is where it was sent to. For whatever it asks for, be it a part of a page."""
    at: _At | None = st.session_state.get(_AT)
    if at is not None and at.address == st.query_params.to_dict():
        at.is_seen = True


def write(page: str, address: Mapping[str, str]) -> None:
    """Keep this in the address, and for the next time that the page is opened."""
    wanted = dict(address)
    at: _At | None = st.session_state.get(_AT)
    if at is None or at.page != page or not at.is_written:
        st.session_state[_AT] = _At(page, wanted, is_seen=False)
        if st.query_params.to_dict() != wanted:  # said in vain, it could reach a browser that has gone on meanwhile
            st.query_params.from_dict(wanted)
    elif at.address != wanted:
        # Where the browser has not heard of the last address yet, it will come to it, whatever it asks for now.
        is_there = at.is_seen and st.query_params.to_dict() == wanted
        st.session_state[_AT] = _At(page, wanted, is_seen=is_there)
        if not is_there:
            st.query_params.from_dict(wanted)
    elif st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
    st.session_state[_LEFT + page] = wanted


def move(name: str, value: str) -> None:
    """Change one value of the address, or remove it: a move of the app's own, for which nothing is filled in again.

    The first one is said though it changes nothing: a link within the app hands its query over to the script alone.
    """
    address = st.query_params.to_dict()
    if address.get(name, "") == value and address == st.session_state.get(_SAID):
        return  # said in vain, it could reach a browser that has gone on meanwhile
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)
    moved = st.session_state[_SAID] = st.query_params.to_dict()
    at: _At | None = st.session_state.get(_AT)
    if at is not None:
        st.session_state[_AT] = replace(at, address=moved, is_seen=at.is_seen and at.address == moved)


def forget(page: str) -> None:
    """Have the page opened as its address says, and not as it was left."""
    st.session_state.pop(_LEFT + page, None)
