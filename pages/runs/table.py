"""The table of all runs, kept up to date: a name opens its run, and a tick selects one."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.runs import overview, store
from core.runs.overview import Summary
from core.runs.status import Status
from core.words import message
from pages import places
from pages.runs.rows import Row, rows_of
from pages.runs.selection import selected_ids, show_selected
from pages.ui.format import plain

_TABLE = "runs_table"
_SHOWN = "runs_shown"  # the table's rows, as the ids of their runs, as last drawn
_CLICKED, _OPENED = "runs_clicked", "runs_opened"
_LIVE_POLL_S = 2.0
_IDLE_POLL_S = 10.0
# What fits on a screen; the others can be switched on in the table's own menu.
_FIRST_COLUMNS = ("Name", "Status", "Test", "Network", "What learns", "Image size", "Epochs", "Time", "Started", "Size")


def table(listed: Sequence[Summary], words: str, *, is_unfolded: bool, asked: Sequence[str]) -> None:
    """Draw the runs that match the words of the filter, and those that are asked for."""
    poll_s = _LIVE_POLL_S if any(summary.is_live for summary in listed) else _IDLE_POLL_S
    st.fragment(_draw, run_every=poll_s)(words, is_unfolded, asked, before=_states(listed))


def _states(listed: Sequence[Summary]) -> list[tuple[str, str, Status | None]]:
    return [(summary.id, summary.name, summary.status) for summary in listed]


def _draw(words: str, is_unfolded: bool, asked: Sequence[str], *, before: list[tuple[str, str, Status | None]]) -> None:
    """The list, kept up to date."""
    listed = overview.summaries(store.home())
    if _OPENED in st.session_state or selected_ids() != list(asked) or _states(listed) != before:
        st.rerun()  # once: the whole page, with what can be done about it now
    matching = words.lower().split()
    # What is selected stays in sight, whatever the filter says.
    rows = [
        row
        for row in rows_of(listed, is_unfolded=is_unfolded, selected=asked)
        if _chosen(row, asked) or row.matches(matching)
    ]
    if not rows:
        st.markdown(f"No run matches “{plain(words)}”.")
        return
    st.session_state[_SHOWN] = [row.ids for row in rows]
    if not all(row.matches(matching) for row in rows):
        st.caption("Ticked runs stay in the list, whatever the filter says.")
    # The rows' numbers change as runs come and go; the ids in the address do not.
    chosen = [number for number, row in enumerate(rows) if _chosen(row, asked) == set(row.ids)]
    st.session_state[_TABLE] = {"selection": {"rows": chosen, "columns": [], "cells": []}}
    frame = _frame(rows)
    st.dataframe(
        frame,
        key=_TABLE,
        on_select=_select,
        selection_mode="multi-row",
        hide_index=True,
        placeholder="–",
        alt="All runs",
        column_order=[*_FIRST_COLUMNS, *(["Note"] if frame["Note"].any() else [])],
        column_config=_columns(),
    )


def _chosen(row: Row, asked: Sequence[str]) -> set[str]:
    """Those of a row's runs that are selected."""
    return set(row.ids).intersection(asked)


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "Name": [row.name for row in rows],
        "Status": [row.status for row in rows],
        "Test": [_percent(row.best(lambda run: run.test_accuracy)) for row in rows],
        "Validation": [_percent(row.best(lambda run: run.best_accuracy)) for row in rows],
        "Network": [row.texts(lambda run: message(run.network)) for row in rows],
        "What learns": [row.texts(lambda run: run.mode) for row in rows],
        "Image size": [row.shared(lambda run: run.image_size) for row in rows],
        "Epochs": [row.shared(lambda run: run.epochs) for row in rows],
        "Batch size": [row.shared(lambda run: run.batch_size) for row in rows],
        "Learning rate": [row.shared(lambda run: run.learning_rate) for row in rows],
        "Time": [row.total(lambda run: run.seconds) for row in rows],
        "Started": [row.first.created for row in rows],
        "Device": [row.texts(lambda run: message(run.device)) for row in rows],
        "Size": [row.total(lambda run: run.size_bytes) for row in rows],
        "Note": [row.texts(lambda run: message(run.problem)) for row in rows],
    }
    numbers = ("Test", "Validation", "Image size", "Epochs", "Batch size", "Learning rate", "Time", "Size")
    return pd.DataFrame(columns).astype(dict.fromkeys(numbers, "float"))


def _columns() -> dict[str, Any]:
    """How each column is shown."""
    return {
        "Name": st.column_config.ButtonColumn(
            width=180,
            type="tertiary",
            alignment="left",
            key=_CLICKED,
            on_click=_note_click,
            help="A click opens the run.",
        ),
        "Status": st.column_config.TextColumn(width=98),
        "Test": st.column_config.NumberColumn(
            format="%.1f%%", width=62, help="Accuracy on the test photos; of a race, the best"
        ),
        "Validation": st.column_config.NumberColumn(
            format="%.1f%%", help="Best accuracy on the validation photos; of a race, the best"
        ),
        "Network": st.column_config.TextColumn(width=118),
        "What learns": st.column_config.TextColumn(width=84),
        "Image size": st.column_config.NumberColumn(format="%d px", width=78, help="Pixels, each way"),
        "Epochs": st.column_config.NumberColumn(format="localized", width=60),
        "Batch size": st.column_config.NumberColumn(format="%d"),
        "Learning rate": st.column_config.NumberColumn(format="%g"),
        "Time": st.column_config.NumberColumn(
            format="%.1f s", width=70, help="Seconds of training, without waiting; of a race, all of its runs together"
        ),
        "Started": st.column_config.DatetimeColumn(format="D MMM, HH:mm", width=92),
        "Size": st.column_config.NumberColumn(format="bytes", width=66, help="On the disk, with its checkpoints"),
        "Note": st.column_config.TextColumn(width="large"),
    }


def _percent(accuracy: float | None) -> float | None:
    return None if accuracy is None else round(100 * accuracy, 1)


def open_clicked(listed: Sequence[Summary]) -> None:
    """Open the run whose name was clicked; one that cannot be read is selected, which says what is wrong with it.

    For the whole page, and not in the table's fragment, which its timer draws again: a page that was opened from there
    has been left empty at times.
    """
    run_id = st.session_state.pop(_OPENED, None)
    summary = next((summary for summary in listed if summary.id == run_id), None)
    if summary is None:
        return
    if summary.kind is None:
        show_selected([summary.id])
        return
    st.switch_page(places.of_kind(summary.kind).script, query_params={"run": summary.id})


def _note_click() -> None:
    clicked = st.session_state[_CLICKED]
    st.session_state[_OPENED] = st.session_state[_SHOWN][clicked["row"]][0]


def _select() -> None:
    """Take the table's selection into the address; what was selected before stays first, and keeps its colour."""
    rows = st.session_state[_TABLE]["selection"]["rows"]
    chosen = [run_id for row in rows for run_id in st.session_state[_SHOWN][row]]
    before = [run_id for run_id in selected_ids() if run_id in chosen]
    show_selected([*before, *(run_id for run_id in chosen if run_id not in before)])
