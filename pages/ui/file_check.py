"""Asking what is wrong with a file, once for each state that it is in, and saying it. The reading is done elsewhere."""

import os
from pathlib import Path
from typing import ParamSpec

import streamlit as st

from core.ask import File, FileQuestion
from core.errors import ReadingError, UnfreezeError
from pages.ui.format import plain

P = ParamSpec("P")
_KEPT = "checked_file"


def problem(question: FileQuestion[P, str | None], path: str, *arguments: P.args, **named: P.kwargs) -> str | None:
    """What is wrong with the file at `path`, or None. It is shown, too.

    Asked again only when the question or the file is another one, or by a click where the file was not read at all.
    """
    asked = (question, arguments, version(path))
    if st.session_state.get(_KEPT, (None,))[0] != asked:
        with st.spinner("Checking the file …"):
            # Kept, too, if it is a refusal: or every click on the page would wait for it again.
            st.session_state[_KEPT] = (asked, *_ask(question, path, *arguments, **named))
    found: str | None
    _, found, can_retry = st.session_state[_KEPT]
    if found:
        st.error(plain(found), icon=":material/error:")
    if can_retry:
        st.button("Check the file again", icon=":material/refresh:", on_click=st.session_state.pop, args=(_KEPT, None))
    return found


def _ask(
    question: FileQuestion[P, str | None], path: str, *arguments: P.args, **named: P.kwargs
) -> tuple[str | None, bool]:
    """What is wrong, and whether the same file may be found sound another time."""
    try:
        return question(File(Path(path).name, version(path)[1]), *arguments, **named), False
    except UnfreezeError as error:
        return str(error), isinstance(error, ReadingError)


def version(path: str) -> tuple[int, int]:
    """Numbers that change with a file: when it was written, and its bytes."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
