"""Runs: every run in one list; one of them to open, rename, resume or delete; several of them side by side.

In the address: `?compare=ID,ID` holds the selection, be it one run or several.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import TrashError
from core.runs import overview, store, trash
from core.runs.folder import RunFolder
from core.runs.overview import Summary
from core.runs.reader import RunReader
from core.runs.status import Status
from core.words import message, shown
from pages import places
from pages.ui import lookup, run_actions
from pages.ui.comparison import compare_runs, verdict
from pages.ui.format import duration, plain, plain_name
from pages.ui.icons import STATUS_ICONS
from pages.ui.problems import problems_in_a_toast, problems_shown

_MAX_COMPARED = 8  # as many as there are colours
_MAX_NAME = 80
_KEEP_DELETED_S = 7 * 24 * 3600.0
_LIVE_POLL_S = 2.0
_IDLE_POLL_S = 10.0
_COMPARE_POLL_S = 1.0
_TABLE = "runs_table"
_SHOWN = "runs_shown"  # the ids of the table's rows, as last drawn
_DELETED = "runs_deleted"  # the ids of what was deleted last, for its undo
# A table's cells take no icons of a font.
_STATUS_SIGNS = {
    Status.STARTING: "◌",
    Status.QUEUED: "◷",
    Status.RUNNING: "▶",
    Status.FINISHED: "✓",
    Status.STOPPED: "■",
    Status.FAILED: "✕",
    Status.INTERRUPTED: "◐",
}
_UNREADABLE = "⚠ Unreadable"


def main() -> None:
    """Draw the page."""
    st.title("Runs", anchor=False)
    if problem := _purge():
        st.warning(plain(problem), icon=":material/warning:")
    _undo()
    listed = overview.summaries(store.home())
    if listed:
        _list(listed)
    else:
        st.markdown("No run yet. Teach a network your photos, and it will be listed here, with all that came of it.")
        st.page_link(places.FINE_TUNE.script, label="Set up the first run", icon=":material/model_training:")
    _trash()


def _list(listed: Sequence[Summary]) -> None:
    """The table, and below it what is selected in it."""
    by_id = {summary.id: summary for summary in listed}
    asked = _selected_ids()
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
    poll_s = _LIVE_POLL_S if any(summary.is_live for summary in listed) else _IDLE_POLL_S
    st.fragment(_table, run_every=poll_s)(words, asked, before=_states(listed))
    if len(selected) == 1:
        _one(selected[0])
    elif selected:
        _several(selected)
    else:
        st.caption("Select a run to open, rename or delete it, or several fine-tunings to compare them.")


def _selected_ids() -> list[str]:
    """What the address selects, each once, as it stands there: it may name anything."""
    return list(dict.fromkeys(filter(None, st.query_params.get("compare", "").split(","))))


def _states(listed: Sequence[Summary]) -> list[tuple[str, str, Status | None]]:
    return [(summary.id, summary.name, summary.status) for summary in listed]


def _table(words: str, asked: Sequence[str], *, before: list[tuple[str, str, Status | None]]) -> None:
    """The list, kept up to date."""
    listed = overview.summaries(store.home())
    if _selected_ids() != list(asked) or _states(listed) != before:
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
                format="%.1f", help="The run's own clock: waiting, and others' turns in a race, do not count"
            ),
            "Size": st.column_config.NumberColumn(format="bytes", help="On the disk, with its checkpoints"),
            "Started": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm"),
            "Note": st.column_config.TextColumn(width="large"),
        },
    )


def _matches(summary: Summary, words: str) -> bool:
    text = f"{summary.name} {summary.network} {summary.mode} {_status(summary)} {summary.id}".lower()
    return all(word in text for word in words.lower().split())


def _status(summary: Summary) -> str:
    return f"{_STATUS_SIGNS[summary.status]} {summary.status.capitalize()}" if summary.status else _UNREADABLE


def _frame(rows: Sequence[Summary]) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "Name": [shown(summary.name) for summary in rows],
        "Status": [_status(summary) for summary in rows],
        "Test": [_percent(summary.test_accuracy) for summary in rows],
        "Validation": [_percent(summary.best_accuracy) for summary in rows],
        "Network": [message(summary.network) for summary in rows],
        "Learns": [summary.mode for summary in rows],
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
    before = [run_id for run_id in _selected_ids() if run_id in chosen]
    _show_selected([*before, *(run_id for run_id in chosen if run_id not in before)])


def _show_selected(run_ids: Sequence[str]) -> None:
    if run_ids:
        st.query_params["compare"] = ",".join(run_ids)
    else:
        st.query_params.pop("compare", None)


def _one(summary: Summary) -> None:
    """What there is to say of one run, and what can be done with it."""
    st.subheader(plain_name(summary.name), anchor=False)
    st.markdown(f"{_icon(summary)} {_in_words(summary)}")
    if summary.problem:
        st.markdown(f":red[{plain(summary.problem)}]")
    with st.container(horizontal=True):
        if summary.kind is not None:
            if st.button("Open", type="primary", icon=":material/open_in_new:", key="runs_open"):
                st.switch_page(places.OF_KIND[summary.kind].script, query_params={"run": summary.id})
            if summary.is_resumable:
                st.button(
                    "Resume",
                    icon=":material/play_arrow:",
                    on_click=_resume,
                    args=(summary,),
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
            with st.popover("Rename", icon=":material/edit:"):
                _rename_form(summary)
        _delete_button([summary])


def _in_words(summary: Summary) -> str:
    parts = [
        _status(summary).split(" ", 1)[1],
        plain(f"{summary.network}, {summary.mode}" if summary.mode else summary.network),
        "" if summary.test_accuracy is None else f"**{summary.test_accuracy:.1%}** of the test photos",
        "" if summary.best_accuracy is None else f"{summary.best_accuracy:.1%} best on validation",
        "" if summary.seconds is None else duration(summary.seconds),
        plain(summary.device),
        _megabytes(summary.size_bytes),
    ]
    return " · ".join(part for part in parts if part)


def _icon(summary: Summary) -> str:
    return STATUS_ICONS[summary.status] if summary.status else ":material/warning:"


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:,.0f} kB"


def _rename_form(summary: Summary) -> None:
    key = f"runs_name_{summary.id}"
    if key not in st.session_state:
        st.session_state[key] = summary.name[:_MAX_NAME]
    st.text_input("New name", key=key, max_chars=_MAX_NAME)
    st.button("Save", type="primary", on_click=_rename, args=(summary, key), key="runs_save_name")


def _rename(summary: Summary, key: str) -> None:
    name = "".join(letter for letter in st.session_state[key] if letter.isprintable()).strip()[:_MAX_NAME]
    if not name:
        st.toast("A run needs a name of 1 to 80 characters.", icon=":material/error:")
        return
    with problems_in_a_toast():
        summary.folder.rename(name)


@problems_in_a_toast()
def _resume(summary: Summary) -> None:
    run_actions.resume([lookup.reader(summary.id)])


def _several(selected: Sequence[Summary]) -> None:
    """Fine-tunings side by side, and what can be done with all that are selected."""
    fine_tunings = [summary for summary in selected if summary.kind == "fine_tune"]
    compared = fine_tunings[:_MAX_COMPARED]
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(f"{len(selected)} runs selected", anchor=False, width="content")
        _delete_button(selected)
    if len(fine_tunings) < len(selected):
        st.caption("Only fine-tunings that can be read are compared; the other runs are left out.")
    if len(compared) < len(fine_tunings):
        st.caption(f"The first {_MAX_COMPARED} of the {len(fine_tunings)} fine-tunings are compared.")
    if len(compared) >= 2:
        poll_s = _COMPARE_POLL_S if any(summary.is_live for summary in compared) else None
        st.fragment(_comparison, run_every=poll_s)([summary.id for summary in compared])


def _comparison(run_ids: Sequence[str]) -> None:
    readers: list[RunReader] = []
    for run_id in run_ids:
        with problems_shown():
            reader = lookup.reader(run_id)
            reader.poll()
            reader.folder.config()
            readers.append(reader)
    if readers:
        with problems_shown():
            st.info(verdict(readers), icon=":material/trophy:")
            compare_runs(readers)


def _delete_button(selected: Sequence[Summary]) -> None:
    alive = [summary for summary in selected if summary.is_live]
    st.button(
        "Delete" if len(selected) == 1 else f"Delete {len(selected)} runs",
        icon=":material/delete:",
        on_click=_delete,
        args=(selected,),
        disabled=bool(alive),
        help="A run that is still training cannot be deleted: stop it first." if alive else None,
        key="runs_delete",
    )


def _delete(selected: Sequence[Summary]) -> None:
    deleted: list[str] = []
    for summary in selected:
        if summary.id in st.session_state.get(_DELETED, []) and not summary.folder.path.exists():
            deleted.append(summary.id)  # by an earlier click on the same button
            continue
        with problems_in_a_toast():
            trash.delete(store.home(), summary.folder)
            deleted.append(summary.id)
    st.session_state[_DELETED] = deleted
    _show_selected([run_id for run_id in _selected_ids() if run_id not in deleted])


def _undo() -> None:
    """Offer to take back the last deletion."""
    ids = st.session_state.get(_DELETED, [])
    deleted = [run for run in trash.deleted_runs(store.home()) if run.id in ids] if ids else []
    if not deleted:
        return
    what = f"“{plain_name(deleted[0].name)}”" if len(deleted) == 1 else f"{len(deleted)} runs"
    size = _megabytes(sum(run.size_bytes for run in deleted))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(f"Deleted {what} ({size}).", icon=":material/delete:")
        st.button("Undo", icon=":material/undo:", on_click=_restore, args=([run.id for run in deleted],), key="undo")


def _restore(run_ids: Sequence[str]) -> None:
    for run_id in run_ids:
        if RunFolder(store.home() / "runs" / run_id).path.exists():
            continue  # by an earlier click on the same button
        with problems_in_a_toast():
            trash.restore(store.home(), run_id)


def _trash() -> None:
    """What was deleted of late, and can be restored after a reload, too."""
    deleted = trash.deleted_runs(store.home())
    if not deleted:
        return
    with st.expander("Recently deleted", icon=":material/delete:", key="runs_trash"):
        st.caption("Deleted runs are kept for at least 7 days and then removed when the dashboard is next started.")
        for run in deleted:
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.markdown(f"{plain_name(run.name)} · {_megabytes(run.size_bytes)}", width="content")
                st.button(
                    "Restore",
                    icon=":material/restore_from_trash:",
                    on_click=_restore,
                    args=([run.id],),
                    key=f"runs_restore_{run.id}",
                )
        total = _megabytes(sum(run.size_bytes for run in deleted))
        if st.button(f"Delete for good ({total})", icon=":material/delete_forever:", key="runs_purge"):
            _confirm_purge(len(deleted), total)


@st.dialog("Delete for good?", icon=":material/delete_forever:")
def _confirm_purge(count: int, total: str) -> None:
    what = "The deleted run" if count == 1 else f"{count} deleted runs"
    st.markdown(f"{what}, {total} with all models, will be removed from the disk. This cannot be undone.")
    with st.container(horizontal=True):
        st.button(
            "Delete for good",
            type="primary",
            icon=":material/delete_forever:",
            on_click=_delete_for_good,
            key="runs_purge_now",
        )
        st.button("Keep them", key="runs_purge_not")
    if st.session_state["runs_purge_now"] or st.session_state["runs_purge_not"]:
        st.rerun()  # the page, which closes the dialog


@problems_in_a_toast()
def _delete_for_good() -> None:
    trash.empty(store.home())


@st.cache_resource(show_spinner=False)
def _purge() -> str:
    """Once a server: remove what was deleted long ago. Returns what went wrong, if anything."""
    try:
        trash.purge(store.home(), older_than_s=_KEEP_DELETED_S)
    except TrashError as error:
        return str(error)
    return ""


main()
