"""Asking what is wrong with a file, once for each state that it is in, and saying it. The reading is done elsewhere."""

import os
from pathlib import Path
from typing import ParamSpec

import streamlit as st

from core.ask import File, FileQuestion
from core.errors import ReadingError, UnfreezeError
from pages.ui.format import plain

P = ParamSpec("P")
_KEPT = "checked_files"
_MOST_KEPT = 8  # those of a race, and some of before


def problem(question: FileQuestion[P, str | None], path: str, *arguments: P.args, **named: P.kwargs) -> str | None:
    """What is wrong with the file at `path`, or None. It is shown, too.

    Asked again only when the question or the file is another one, or by a click where the file was not read at all.
    """
    asked = (question, arguments, version(path))
    kept: dict[object, tuple[str | None, bool]] = st.session_state.setdefault(_KEPT, {})
    if asked not in kept:
        with st.spinner("Checking the file …"):
            # Kept, too, if it is a refusal: or every click on the page would wait for it again.
            kept[asked] = _ask(question, path, *arguments, **named)
    while len(kept) > _MOST_KEPT:
        del kept[next(iter(kept))]
    found, can_retry = kept[asked]
    if found:
        st.error(plain(found), icon=":material/error:")
    if can_retry:
        key = f"check_again_{hash(arguments)}"
        st.button("Check the file again", icon=":material/refresh:", on_click=_forget, args=(asked,), key=key)
    return found


def _forget(asked: object) -> None:
    st.session_state[_KEPT].pop(asked, None)


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
