"""The table of all runs, kept up to date, in which they are selected."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.runs import overview, store
from core.runs.overview import Summary
from core.runs.status import Status
from core.words import message, shown
from pages.runs.selection import selected_ids, show_selected
from pages.runs.words import status_in_words
from pages.ui.format import plain

_TABLE = "runs_table"
_SHOWN = "runs_shown"  # the ids of the table's rows, as last drawn
_LIVE_POLL_S = 2.0
_IDLE_POLL_S = 10.0


def table(listed: Sequence[Summary], words: str, asked: Sequence[str]) -> None:
    """Draw the runs that match the words of the filter, and those that are asked for."""
    poll_s = _LIVE_POLL_S if any(summary.is_live for summary in listed) else _IDLE_POLL_S
    st.fragment(_draw, run_every=poll_s)(words, asked, before=_states(listed))


def _states(listed: Sequence[Summary]) -> list[tuple[str, str, Status | None]]:
    return [(summary.id, summary.name, summary.status) for summary in listed]


def _draw(words: str, asked: Sequence[str], *, before: list[tuple[str, str, Status | None]]) -> None:
    """The list, kept up to date."""
    listed = overview.summaries(store.home())
    if selected_ids() != list(asked) or _states(listed) != before:
        st.rerun()  # once: the whole page, with what can be done about it now
    # What is selected stays in sight, whatever the filter says.
    rows = [summary for summary in listed if summary.id in asked or _matches(summary, words)]
    if not rows:
        st.markdown(f"No run matches “{plain(words)}”.")
        return
    shown = [summary.id for summary in rows]
    st.session_state[_SHOWN] = shown
    # The rows' numbers change as runs come and go; the ids in the address do not.
    chosen = sorted(shown.index(run_id) for run_id in asked if run_id in shown)
    st.session_state[_TABLE] = {"selection": {"rows": chosen, "columns": [], "cells": []}}
    frame = _frame(rows)
    st.dataframe(
        frame,
        key=_TABLE,
        on_select=_select,
        selection_mode="multi-row",
        hide_index=True,
        placeholder="–",
        column_order=[name for name in frame.columns if name != "Note" or frame["Note"].any()],
        column_config={
            "Name": st.column_config.TextColumn(width=170),
            "Test": st.column_config.NumberColumn(format="%.1f%%", help="Accuracy on the test photos"),
            "Validation": st.column_config.NumberColumn(format="%.1f%%", help="Best accuracy on validation photos"),
            "Seconds": st.column_config.NumberColumn(
                format="%.1f", help="Time spent on training: waiting, and the other runs of a race, do not count"
            ),
            "Size": st.column_config.NumberColumn(format="bytes", help="On the disk, with its checkpoints"),
            "Started": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
            "Note": st.column_config.TextColumn(width="large"),
        },
    )


def _matches(summary: Summary, words: str) -> bool:
    text = f"{summary.name} {summary.network} {summary.mode} {status_in_words(summary)} {summary.id}".lower()
    return all(word in text for word in words.lower().split())


def _frame(rows: Sequence[Summary]) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "Name": [shown(summary.name) for summary in rows],
        "Status": [status_in_words(summary) for summary in rows],
        "Test": [_percent(summary.test_accuracy) for summary in rows],
        "Validation": [_percent(summary.best_accuracy) for summary in rows],
        "Network": [message(summary.network) for summary in rows],
        "What learns": [summary.mode for summary in rows],
        "Seconds": [summary.seconds for summary in rows],
        "Started": [summary.created for summary in rows],
        "Device": [message(summary.device) for summary in rows],
        "Size": [summary.size_bytes for summary in rows],
        "Note": [message(summary.problem) for summary in rows],
    }
    return pd.DataFrame(columns).astype({"Test": "float", "Validation": "float", "Seconds": "float"})


def _percent(accuracy: float | None) -> float | None:
    return None if accuracy is None else round(100 * accuracy, 1)


def _select() -> None:
    """Take the table's selection into the address; what was selected before stays first, and keeps its colour."""
    chosen = [st.session_state[_SHOWN][row] for row in st.session_state[_TABLE]["selection"]["rows"]]
    before = [run_id for run_id in selected_ids() if run_id in chosen]
    show_selected([*before, *(run_id for run_id in chosen if run_id not in before)])
