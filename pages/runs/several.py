"""Several selected runs: fine-tunings side by side, and what can be done with all."""

from collections.abc import Sequence

import streamlit as st

from core.runs.kinds import KINDS
from core.runs.overview import Summary
from core.runs.snapshot import Snapshot
from pages import places
from pages.runs.deletion import delete_button
from pages.ui import lookup
from pages.ui.comparison import compare_runs, verdict
from pages.ui.problems import problems_shown

_MAX_COMPARED = 8  # as many as there are colours
_COMPARE_POLL_S = 1.0


def show_several(selected: Sequence[Summary]) -> None:
    """Fine-tunings side by side, and what can be done with all that are selected."""
    fine_tunings = [summary for summary in selected if summary.kind and KINDS[summary.kind].is_compared]
    compared = fine_tunings[:_MAX_COMPARED]
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        is_race = len(selected) > 1 and {summary.race for summary in selected} == {selected[0].race} != {()}
        raced = sum(len(summary.race) > 1 for summary in selected)
        of_a_race = f", {raced} of them from a race" if raced else ""
        title = f"A race of {len(selected)} runs" if is_race else f"{len(selected)} runs selected{of_a_race}"
        st.subheader(title, anchor=False, width="content")
        with st.container(horizontal=True, width="content"):
            kind = selected[0].kind
            if is_race and kind and st.button("Open", type="primary", icon=":material/open_in_new:", key="runs_open"):
                st.switch_page(places.of_kind(kind).script, query_params={"run": selected[0].id})
            delete_button(selected)
    if len(fine_tunings) < len(selected):
        st.caption("Only fine-tunings that can be read are compared; the other runs are left out.")
    if len(compared) < len(fine_tunings):
        st.caption(f"The first {_MAX_COMPARED} of the {len(fine_tunings)} fine-tunings are compared.")
    if len(compared) >= 2:
        poll_s = _COMPARE_POLL_S if any(summary.is_live for summary in compared) else None
        st.fragment(_comparison, run_every=poll_s)([summary.id for summary in compared])


def _comparison(run_ids: Sequence[str]) -> None:
    runs: list[Snapshot] = []
    for run_id in run_ids:
        with problems_shown():
            run = lookup.reader(run_id).poll()
            run.folder.config()
            runs.append(run)
    if runs:
        with problems_shown():
            st.info(verdict(runs), icon=":material/trophy:")
            compare_runs(runs)
