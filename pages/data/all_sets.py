"""The data sets that there are, and those that were deleted of late."""

import streamlit as st

from core.data import library, stored
from core.data.bundled import BUNDLED
from core.data.stored import StoredSet
from core.errors import UnfreezeError
from core.runs import overview, packings, store
from core.words import size
from pages.data.words import state_in_words
from pages.places import DATA_SET, FINE_TUNE
from pages.ui.format import plain, plain_name
from pages.ui.once import one_at_a_time
from pages.ui.problems import problems_in_a_toast, problems_shown

_DELETED = "data_deleted"  # the id of the set that was deleted last, for its undo


@problems_shown()
def list_sets() -> None:
    """Every data set, those of the user's first."""
    offer_undo()
    st.markdown("##### Data sets")
    for kept in stored.all_sets(store.home()):
        with st.container(border=True):
            _own(kept)
    for key, source in BUNDLED.items():
        with st.container(border=True):
            st.markdown(f"**{plain_name(source.label)}**")
            st.caption(f"{plain(source.description)} It comes with Unfreeze.")
            _use(key)
    _show_deleted()


def _own(kept: StoredSet) -> None:
    """One of the user's."""
    st.page_link(
        DATA_SET.script, label=f"**{plain_name(kept.name)}**", query_params={"set": kept.id}, icon=DATA_SET.icon
    )
    try:
        state = state_in_words(packings.packing_of(store.home(), kept))
        if kept.newest:
            key = stored.key_of(kept.id, kept.newest)
            st.caption(plain(library.about(key).description))
            if state:
                st.markdown(state)  # no caption: red would be too pale in it
            _use(key)
        else:
            st.markdown(state or "Nothing is packed yet.")
    except UnfreezeError as error:
        st.markdown(f":red[:material/error: {plain(str(error))}]")


def _use(key: str) -> None:
    st.page_link(FINE_TUNE.script, label="Fine-tune on it", query_params={"data": key}, icon=FINE_TUNE.icon)


@one_at_a_time()
def delete(kept: StoredSet) -> None:
    """Delete a set, for a button's `on_click`."""
    st.session_state[_DELETED] = kept.id
    with problems_in_a_toast():
        if kept.path.exists():  # else by an earlier click on the same button
            packings.delete(store.home(), kept)


def was_deleted(set_id: str) -> bool:
    """Whether this set is the one that was deleted last in this session."""
    return bool(st.session_state.get(_DELETED) == set_id)


def offer_undo() -> None:
    """Offer to take back the last deletion."""
    gone = next((gone for gone in stored.deleted(store.home()) if gone.id == st.session_state.get(_DELETED)), None)
    if gone is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(f"Deleted “{plain_name(gone.name)}”. Its runs stay.", icon=":material/delete:")
        st.button("Undo", icon=":material/undo:", on_click=_restore, args=(gone.id,), key="data_undo")


@one_at_a_time()
def _restore(set_id: str) -> None:
    with problems_in_a_toast():
        if not (store.home() / "data" / set_id).exists():  # else by an earlier click on the same button
            stored.restore(store.home(), set_id)


def _show_deleted() -> None:
    gone = stored.deleted(store.home())
    if not gone:
        return
    with st.expander("Recently deleted", icon=":material/delete:", key="data_trash"):
        st.caption(f"Kept for {stored.KEEP_DAYS} days, and then removed when the dashboard is next started.")
        for kept in gone:
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.markdown(f"{plain_name(kept.name)} · {size(overview.size_bytes(kept.path))}", width="content")
                st.button(
                    "Restore",
                    icon=":material/restore_from_trash:",
                    on_click=_restore,
                    args=(kept.id,),
                    key=f"data_restore_{kept.id}",
                )
                with st.popover("Delete for good", icon=":material/delete_forever:"):
                    st.markdown("The packed photos are removed from the disk. This cannot be undone.")
                    st.button(
                        "Delete for good",
                        type="primary",
                        on_click=_remove,
                        args=(kept.id,),
                        key=f"data_purge_{kept.id}",
                    )


@problems_in_a_toast()
def _remove(set_id: str) -> None:
    stored.remove(store.home(), [set_id])
    library.forget()
