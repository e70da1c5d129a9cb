"""A trained model to take away: as a file, and the lines of Python that use it."""

from collections.abc import Sequence

import streamlit as st

from core.runs.folder import RunFolder
from core.words import size
from pages.fine_tune.python_snippet import python_snippet


def download_button(folder: RunFolder) -> None:
    """Download the run's best network. The run must have one."""
    st.download_button(
        f"Download the model ({size(folder.best_checkpoint.stat().st_size)})",
        data=folder.best_checkpoint.read_bytes,
        file_name=_file_name(folder),
        mime="application/octet-stream",
        icon=":material/download:",
        on_click="ignore",
        key=f"download-{folder.id}",
    )


def python_code(folder: RunFolder) -> None:
    """How to use the downloaded model in Python."""
    with st.expander("Use the model in Python", icon=":material/code:"):
        st.code(python_snippet(_file_name(folder)), language=None)


def several_models(folders: Sequence[RunFolder], names: Sequence[str]) -> None:
    """Both for several runs, whose names are Markdown."""
    with st.expander("Download the models and use them in Python", icon=":material/download:"):
        for place, folder in zip(st.tabs(list(names)), folders, strict=True):
            with place:
                download_button(folder)
                st.code(python_snippet(_file_name(folder)), language=None)


def _file_name(folder: RunFolder) -> str:
    """What the browser calls the downloaded model."""
    return f"{folder.id}.pt"
