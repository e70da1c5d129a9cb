"""What went wrong, said where it belongs: in its place on the page, or for a moment after a click."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import UnfreezeError
from pages.ui.format import plain


@contextmanager
def problems_shown() -> Iterator[None]:
    """Say in its place what is wrong with a run or its disk; the rest of the page is not touched."""
    try:
        yield
    except UnfreezeError as error:
        st.error(plain(str(error)), icon=":material/error:")


@contextmanager
def problems_in_a_toast() -> Iterator[None]:
    """Say for a moment why a click could not do what it asked for."""
    try:
        yield
    except UnfreezeError as error:
        st.toast(plain(str(error)), icon=":material/error:")
