"""Deleting runs, taking that back, and the trash that is emptied for good."""

import shutil
from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from core.runs import store, trash
from core.runs.folder import RunFolder
from core.runs.overview import Summary
from core.runs.trash import DeletedRun
from core.words import size
from pages.runs.selection import selected_ids, show_selected
from pages.ui.format import plain_name
from pages.ui.once import one_at_a_time
from pages.ui.problems import problems_in_a_toast

_IS_ASKED = "runs_purge_is_asked"  # whether what was deleted is to be removed for good
_DELETED = "runs_deleted"  # the ids of what was deleted last, for its undo


def delete_button(selected: Sequence[Summary]) -> None:
    """The button that deletes these runs."""
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


@one_at_a_time()
def _delete(selected: Sequence[Summary]) -> None:
    # Noted first, and filled as it goes: a newer run of the script ends this one where it next asks Streamlit anything.
    st.session_state[_DELETED] = deleted = list[str]()
    for summary in selected:
        if not summary.folder.path.exists():
            deleted.append(summary.id)  # by an earlier click on the same button
            continue
        with problems_in_a_toast():
            trash.delete(store.home(), summary.folder)
            deleted.append(summary.id)
    show_selected([run_id for run_id in selected_ids() if run_id not in deleted])


def offer_undo() -> None:
    """Offer to take back the last deletion."""
    ids = st.session_state.get(_DELETED, [])
    deleted = [run for run in trash.deleted_runs(store.home()) if run.id in ids] if ids else []
    if not deleted:
        return
    what = f"“{plain_name(deleted[0].name)}”" if len(deleted) == 1 else f"{len(deleted)} runs"
    held = size(sum(run.size_bytes for run in deleted))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(
            f"Deleted {what}. To free the {held}, delete for good under “Recently deleted” below.",
            icon=":material/delete:",
        )
        st.button("Undo", icon=":material/undo:", on_click=_restore, args=([run.id for run in deleted],), key="undo")


@one_at_a_time()
def _restore(run_ids: Sequence[str]) -> None:
    for run_id in run_ids:
        if RunFolder(store.home() / "runs" / run_id).path.exists():
            continue  # by an earlier click on the same button
        with problems_in_a_toast():
            trash.restore(store.home(), run_id)


def show_disk(listed: Sequence[Summary]) -> None:
    """What runs take on the disk, and what was deleted of late: it can be restored, or removed for good."""
    deleted = trash.deleted_runs(store.home())
    _say_sizes(listed, deleted)
    if deleted:
        _show_trash(deleted)
    else:
        st.session_state.pop(_IS_ASKED, None)


def _say_sizes(listed: Sequence[Summary], deleted: Sequence[DeletedRun]) -> None:
    parts = []
    if listed:
        parts.append(f"Runs take {size(sum(summary.size_bytes for summary in listed))}")
    if deleted:
        parts.append(f"deleted runs {size(sum(run.size_bytes for run in deleted))}")
    if not parts:
        return
    with suppress(OSError):
        parts.append(f"{size(shutil.disk_usage(store.home()).free)} of the disk are free")
    text = ", ".join(parts)
    st.caption(f":material/hard_drive: {text[0].upper()}{text[1:]}.")


def _show_trash(deleted: Sequence[DeletedRun]) -> None:
    with st.expander("Recently deleted", icon=":material/delete:", key="runs_trash"):
        st.caption(
            f"Deleted runs are kept for at least {trash.KEEP_DAYS} days and then removed when the dashboard is next "
            "started."
        )
        for run in deleted:
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.markdown(f"{plain_name(run.name)} · {size(run.size_bytes)}", width="content")
                st.button(
                    "Restore",
                    icon=":material/restore_from_trash:",
                    on_click=_restore,
                    args=([run.id],),
                    key=f"runs_restore_{run.id}",
                )
        total = size(sum(run.size_bytes for run in deleted))
        if st.session_state.get(_IS_ASKED):
            _ask_whether(deleted, total)
        else:
            st.button(
                f"Delete for good ({total})",
                icon=":material/delete_forever:",
                on_click=_ask,
                key="runs_purge",
            )


def _ask_whether(deleted: Sequence[DeletedRun], total: str) -> None:
    """In the page, and not in a dialog: one would close whenever another run begins or ends."""
    what = "The deleted run" if len(deleted) == 1 else f"{len(deleted)} deleted runs"
    st.warning(
        f"{what}, {total} with all models, will be removed from the disk. This cannot be undone.",
        icon=":material/delete_forever:",
    )
    with st.container(horizontal=True):
        st.button(
            "Delete for good",
            type="primary",
            icon=":material/delete_forever:",
            on_click=_delete_for_good,
            args=([run.id for run in deleted],),
            key="runs_purge_now",
        )
        st.button(
            "Keep it" if len(deleted) == 1 else "Keep them",
            on_click=st.session_state.pop,
            args=(_IS_ASKED, None),
            key="runs_purge_not",
        )


def _ask() -> None:
    st.session_state[_IS_ASKED] = True


@problems_in_a_toast()
def _delete_for_good(run_ids: Sequence[str]) -> None:
    st.session_state.pop(_IS_ASKED, None)
    freed = sum(run.size_bytes for run in trash.deleted_runs(store.home()) if run.id in run_ids)
    trash.remove(store.home(), run_ids)  # those that were asked about, and none that came to them since
    st.toast(f"{size(freed)} of the disk are free again.", icon=":material/delete_forever:")
