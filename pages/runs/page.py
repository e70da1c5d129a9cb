"""Runs: every run in one list; one of them to open, rename, resume or delete; several of them side by side.

In the address: `?compare=ID,ID` holds the selection, be it one run or several, `filter` the words that are looked for,
and `races=unfolded` that each run of a race has a row of its own; `x` and `scale` are those of the chart.
"""

from collections.abc import Sequence

import streamlit as st

from core.runs import overview, store, trash
from core.runs.kinds import KINDS
from core.runs.overview import Summary
from pages import places
from pages.runs.deletion import offer_undo, show_disk
from pages.runs.kept_features import show_kept_features
from pages.runs.one import show_one
from pages.runs.selection import selected_ids
from pages.runs.several import show_several
from pages.runs.table import open_clicked, table
from pages.ui import chart_view, kept_address
from pages.ui.fields import held
from pages.ui.format import plain

_FILTER, _UNFOLD = "runs_filter", "runs_unfold"
_MAX_FILTER = 200


def main() -> None:
    """Draw the page."""
    st.title("Runs", anchor=False)
    if problem := trash.purge_once(store.home()):
        st.warning(plain(problem), icon=":material/warning:")
    offer_undo()
    listed = overview.summaries(store.home())
    open_clicked(listed)
    if listed:
        _list(listed)
    else:
        st.markdown("No run yet. Train a network, and it will be listed here with all its results.")
        st.page_link(places.FINE_TUNE.script, label="Set up the first run", icon=":material/model_training:")
    show_disk(listed)
    show_kept_features()


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
    words, is_unfolded = _choose_rows(has_races=any(len(summary.race) > 1 for summary in listed))
    table(listed, words, is_unfolded=is_unfolded, asked=asked)
    if len(selected) == 1:
        show_one(selected[0])
        if (kind := selected[0].kind) and KINDS[kind].is_compared and len(listed) > 1:
            st.caption("Tick another fine-tuning to compare both.")
    elif selected:
        show_several(selected)
    else:
        st.caption(
            "Click a name to open a run. Tick a run to rename or delete it, and several fine-tunings to compare them; "
            "on the keyboard, Shift and Space tick the row that has the focus."
        )


def _choose_rows(*, has_races: bool) -> tuple[str, bool]:
    """Which rows the table has: the words of the filter, and whether the runs of a race have rows of their own."""
    is_opened = kept_address.is_opened(places.RUNS.address, ("compare", "filter", "races", *chart_view.NAMES))
    chart_view.open_view(places.RUNS.address, is_opened=is_opened)
    if is_opened:
        st.session_state[_FILTER] = st.query_params.get("filter", "")[:_MAX_FILTER]
        st.session_state[_UNFOLD] = st.query_params.get("races") == "unfolded"
    with st.container(horizontal=True, vertical_alignment="center"):
        # At the left: on the right, the table's own tools would cover it.
        is_unfolded = has_races and st.toggle("A row for each run of a race", held(_UNFOLD, False), key=_UNFOLD)
        words = st.text_input(
            "Filter",
            held(_FILTER, ""),
            key=_FILTER,
            placeholder="Filter by name, network or status",
            icon=":material/search:",
            label_visibility="collapsed",
            max_chars=_MAX_FILTER,
        )
    address = {"compare": ",".join(selected_ids()), "filter": words, "races": "unfolded" if is_unfolded else ""}
    if len(selected_ids()) > 1:  # there is a chart
        address |= chart_view.address()
    kept_address.write(places.RUNS.address, {name: value for name, value in address.items() if value})
    return words, is_unfolded


main()
