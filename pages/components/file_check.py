"""Asking what is wrong with a file, once for each state that it is in. The reading is done elsewhere."""

import os
from pathlib import Path
from typing import Any

import streamlit as st

from core import reader
from core.errors import UnfreezeError

_KEPT = "checked_file"


def problem(target: str, *arguments: Any, path: str) -> str | None:
    """What `target`, a "module:function", finds wrong with the file at `path`; None if nothing.

    Asked again only when the question or the file is another one.
    """
    question = (target, arguments, version(path))
    if st.session_state.get(_KEPT, (None,))[0] != question:
        try:
            found: str | None = reader.ask(target, *arguments, name=Path(path).name, num_bytes=version(path)[1])
        except UnfreezeError as error:
            found = str(error)  # kept, too: or every click on the page would wait for it again
        st.session_state[_KEPT] = (question, found)
    kept: str | None = st.session_state[_KEPT][1]
    return kept


def version(path: str) -> tuple[int, int]:
    """Numbers that change with a file: when it was written, and its bytes."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return 0, 0
    return stat.st_mtime_ns, stat.st_size
