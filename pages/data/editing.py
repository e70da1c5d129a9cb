"""Leaving photos out, putting them back and relabelling them: each click is remembered, and can be undone."""

from collections.abc import Sequence

import streamlit as st

from core.data import library
from core.data.overlay import Edit, What
from core.data.stored import StoredSet
from core.durable import said_plainly
from core.errors import DataSetError
from pages.data.words import told_apart
from pages.ui.format import counted, plain_name
from pages.ui.once import one_at_a_time
from pages.ui.photo_sheet import clear_selection
from pages.ui.problems import problems_in_a_toast


def mark_of(key: str, row: int) -> str:
    """What the user, or a finding, has made of a photo, in a word or two."""
    manifest, packed = library.load(key).manifest, library.as_packed(key).manifest
    if manifest.sides[row] < 0:
        return "left out"
    return "relabelled" if manifest.labels[row] != packed.labels[row] else ""


def edit_selected(kept: StoredSet, key: str, selected: Sequence[int], *, sheet: str, where: str) -> None:
    """What can be done with the photos that are selected on a sheet, and the last thing that was done.

    `selected` is what the browser says with the very click on a button: what a button was given when it was drawn may
    be older.
    """
    manifest, packed = library.load(key).manifest, library.as_packed(key).manifest
    asked: tuple[What, str] | None = None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if selected:
            can_be_back = any(packed.sides[row] >= 0 for row in selected)
            st.markdown(f"**{counted(len(selected), 'photo')} selected**", width="content")
            if st.button("Leave out", icon=":material/block:", key=f"data_out_{where}"):
                asked = "leave out", ""
            if st.button(
                "Put back",
                icon=":material/undo:",
                disabled=not can_be_back,
                help=None if can_be_back else "They equal photos of several sides: on any side, they would do harm.",
                key=f"data_back_{where}",
            ):
                asked = "put back", ""
            labels = told_apart(manifest.classes)
            label = st.selectbox(
                "Another class",
                range(len(labels)),
                index=None,
                placeholder="Another class",
                format_func=labels.__getitem__,
                label_visibility="collapsed",
                key=f"data_class_{where}",
                width=220,
            )
            if st.button("Relabel", icon=":material/sell:", disabled=label is None, key=f"data_relabel_{where}") and (
                label is not None
            ):
                asked = "label", manifest.classes[label]
        else:
            st.caption("Click photos to leave them out or to relabel them; double-click one to see it large.")
    _offer_undo(kept, where)
    if asked:
        _edit(kept, Edit(what=asked[0], photos=tuple(manifest.keys[row] for row in selected), label=asked[1]))
        clear_selection(sheet)
        st.rerun()  # the whole page: its counts are others now


def leave_out(kept: StoredSet, keys: Sequence[str]) -> None:
    """Leave many photos out at once."""
    _edit(kept, Edit(what="leave out", photos=tuple(keys)))


def _offer_undo(kept: StoredSet, where: str) -> None:
    signature, edits = kept.overlay.signature, kept.overlay.edits()
    if not edits:
        return
    last = edits[-1]
    said = {"leave out": "left out", "put back": "put back", "label": f"relabelled “{plain_name(last.label)}”"}[
        last.what
    ]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{counted(len(edits), 'change')} so far. The last: {counted(len(last.photos), 'photo')} {said}.")
        # With other edits it is another button: a click on the one that a window still shows undoes nothing else.
        shown = "-".join(map(str, signature))
        if st.button("Undo the last change", icon=":material/undo:", key=f"data_undo_{where}_{shown}"):
            _undo(kept, edits)
            st.rerun()


@problems_in_a_toast()
@one_at_a_time()
def _edit(kept: StoredSet, edit: Edit) -> None:
    with said_plainly("The change cannot be kept", kept.path):
        if edit not in kept.overlay.edits()[-1:]:  # else by an earlier click on the same button
            kept.overlay.add(edit)


@problems_in_a_toast()
@one_at_a_time()
def _undo(kept: StoredSet, edits: Sequence[Edit]) -> None:
    with said_plainly("The change cannot be undone", kept.path):
        if not kept.overlay.undo(edits):
            raise DataSetError("Photos were changed in another window meanwhile. See what the last change is by now.")
