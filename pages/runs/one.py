"""One selected run: what came of it, and what can be done with it."""

import streamlit as st

from core.runs.overview import Summary
from pages import places
from pages.runs.deletion import delete_button
from pages.runs.words import in_words
from pages.ui import run_actions
from pages.ui.format import plain, plain_name
from pages.ui.icons import STATUS_ICONS
from pages.ui.problems import problems_in_a_toast

_MAX_NAME = 80


def show_one(summary: Summary) -> None:
    """What there is to say of one run, and what can be done with it."""
    st.subheader(plain_name(summary.name), anchor=False)
    st.markdown(f"{_icon(summary)} {in_words(summary)}")
    if summary.problem:
        st.markdown(f":red[{plain(summary.problem)}]")
    with st.container(horizontal=True):
        if summary.kind is not None:
            if st.button("Open", type="primary", icon=":material/open_in_new:", key="runs_open"):
                st.switch_page(places.of_kind(summary.kind).script, query_params={"run": summary.id})
            if summary.is_resumable:
                st.button(
                    "Resume",
                    icon=":material/play_arrow:",
                    on_click=run_actions.resume,
                    args=(summary.folder,),
                    key="runs_resume",
                )
            if summary.is_live:
                is_stopping = summary.folder.control.exists()
                st.button(
                    "Stopping …" if is_stopping else "Stop",
                    icon=":material/stop:",
                    on_click=run_actions.stop,
                    args=(summary.folder,),
                    disabled=is_stopping,
                    key="runs_stop",
                )
            # Under its name, so that with another name it is another form, which is closed.
            with st.popover("Rename", icon=":material/edit:", key=f"runs_rename_{summary.id}_{summary.name}"):
                _rename_form(summary)
        delete_button([summary])


def _icon(summary: Summary) -> str:
    return STATUS_ICONS[summary.status] if summary.status else ":material/warning:"


def _rename_form(summary: Summary) -> None:
    key = f"runs_name_{summary.id}"
    if key not in st.session_state:
        st.session_state[key] = summary.name[:_MAX_NAME]
    with st.form("runs_rename_form", border=False):
        st.text_input("New name", key=key, max_chars=_MAX_NAME)
        st.form_submit_button("Save", type="primary", on_click=_rename, args=(summary, key), key="runs_save_name")


def _rename(summary: Summary, key: str) -> None:
    name = "".join(letter for letter in st.session_state[key] if letter.isprintable()).strip()[:_MAX_NAME]
    if not name:
        st.toast("A run needs a name of 1 to 80 characters.", icon=":material/error:")
        return
    with problems_in_a_toast():
        summary.folder.rename(name)
