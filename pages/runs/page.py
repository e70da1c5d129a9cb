"""Runs: every run in one list; one of them to open, rename, resume or delete; several of them side by side.

In the address: `?compare=ID,ID` holds the selection, be it one run or several.
"""

from collections.abc import Sequence

import streamlit as st

from core.runs import overview, store, trash
from core.runs.overview import Summary
from pages import places
from pages.runs.deletion import offer_undo, show_trash
from pages.runs.one import show_one
from pages.runs.selection import selected_ids
from pages.runs.several import show_several
from pages.runs.table import table
from pages.ui.format import plain


def main() -> None:
    """Draw the page."""
    st.title("Runs", anchor=False)
    if problem := trash.purge_once(store.home()):
        st.warning(plain(problem), icon=":material/warning:")
    offer_undo()
    listed = overview.summaries(store.home())
    if listed:
        _list(listed)
    else:
        st.markdown("No run yet. Train a network, and it will be listed here with all its results.")
        st.page_link(places.FINE_TUNE.script, label="Set up the first run", icon=":material/model_training:")
    show_trash()


def _list(listed: Sequence[Summary]) -> None:
    """The table, and below it what is selected in it."""
    by_id = {summary.id: summary for summary in listed}
    asked = selected_ids()
    selected = [by_id[run_id] for run_id in asked if run_id in by_id]
    if missing := [run_id for run_id in asked if run_id not in by_id]:
        shown = ", ".join(f"“{plain(run_id[:40])}”" for run_id in missing[:3]) + (" …" if len(missing) > 3 else "")
        st.warning(
            f"There is no run {shown} here, so it is left out. It may have been deleted.",
            icon=":material/warning:",
        )
    words = st.text_input(
        "Filter",
        key="runs_filter",
        placeholder="Filter by name, network or status",
        icon=":material/search:",
        label_visibility="collapsed",
    )
    table(listed, words, asked)
    if len(selected) == 1:
        show_one(selected[0])
    elif selected:
        show_several(selected)
    else:
        st.caption("Select a run to open, rename or delete it, or several fine-tunings to compare them.")


main()
