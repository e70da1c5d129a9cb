"""Asking what is wrong with a file, once for each state that it is in, and saying it. The reading is done elsewhere."""

import os
from pathlib import Path
from typing import Any

import streamlit as st

from core import sandbox
from core.errors import ReadingError, UnfreezeError
from pages.ui.format import plain

_KEPT = "checked_file"


def problem(target: str, *arguments: Any, path: str) -> str | None:
    """What `target`, a "module:function", finds wrong with the file at `path`, which is shown, too; None if nothing.

    Asked again only when the question or the file is another one, or by a click where the file was not read at all.
    """
    question = (target, arguments, version(path))
    if st.session_state.get(_KEPT, (None,))[0] != question:
        with st.spinner("Checking the file …"):
            # Kept, too, if it is a refusal: or every click on the page would wait for it again.
            st.session_state[_KEPT] = (question, *_ask(target, *arguments, path=path))
    found: str | None
    _, found, can_retry = st.session_state[_KEPT]
    if found:
        st.error(plain(found), icon=":material/error:")
    if can_retry:
        st.button("Check the file again", icon=":material/refresh:", on_click=st.session_state.pop, args=(_KEPT, None))
    return found


def _ask(target: str, *arguments: Any, path: str) -> tuple[str | None, bool]:
    """What is wrong, and whether the same file may be found sound another time."""
    try:
        return sandbox.ask(target, *arguments, name=Path(path).name, num_bytes=version(path)[1]), False
    except UnfreezeError as error:
        return str(error), isinstance(error, ReadingError)


def version(path: str) -> tuple[int, int]:
    """Numbers that change with a file: when it was written, and its bytes."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
