"""What can be done with a data set as a whole: another name, a new look at its source, another size, deleting it."""

import streamlit as st

from core.data import stored
from core.data.stored import MAX_NAME, StoredSet
from core.errors import UnfreezeError
from core.runs import packings, store
from core.runs.pack_config import PackConfig
from core.runs.settings import choices_of, numbers_of
from core.runs.snapshot import Snapshot
from pages.data.all_sets import delete
from pages.ui.fields import choice_field, number_field
from pages.ui.once import one_at_a_time
from pages.ui.problems import problems_in_a_toast


def show_actions(kept: StoredSet, run: Snapshot | None) -> None:
    """The buttons, in the row that is open."""
    is_live = run is not None and run.status.is_live
    settings = _settings(kept)
    if settings is not None and kept.newest and settings.source:
        st.button(
            "Update",
            icon=":material/refresh:",
            on_click=_make_version,
            args=(kept,),
            disabled=is_live,
            help="Looks at the photos' folder or archive again. New, changed and vanished photos make a new version; "
            "runs keep the one that they were made with.",
        )
    if settings is not None and kept.newest:
        with st.popover("Pack anew", icon=":material/photo_size_select_large:", disabled=is_live):
            _pack_anew(kept, settings)
    if settings is not None and not kept.newest and not is_live:
        st.button("Pack from the start", icon=":material/restart_alt:", on_click=_make_version, args=(kept,))
    if settings is not None:
        with st.popover("Rename", icon=":material/edit:", key=f"data_rename_{kept.id}_{kept.name}"):
            _rename_form(kept)
    st.button(
        "Delete",
        icon=":material/delete:",
        on_click=delete,
        args=(kept,),
        disabled=is_live,
        help="Stop the packing first." if is_live else "Your own files are not touched.",
    )


def _settings(kept: StoredSet) -> PackConfig | None:
    """What its newest packing was asked; None where that cannot be read."""
    try:
        return PackConfig.recorded(dict(kept.description().settings))
    except (ValueError, UnfreezeError):
        return None


def _pack_anew(kept: StoredSet, known: PackConfig) -> None:
    """Another size or shape, for a new version."""
    shape = choice_field(choices_of(PackConfig)["shape"], key=f"data_anew_shape_{kept.id}", default=known.shape)
    problem = number_field(numbers_of(PackConfig)["size"], key=f"data_anew_size_{kept.id}", default=known.size)
    size = st.session_state[f"data_anew_size_{kept.id}"]
    is_same = (size, shape) == (known.size, known.shape)
    st.caption("Reads all photos again, and makes a new version. Each photo stays on its side.")
    st.button(
        "Pack anew",
        type="primary",
        disabled=bool(problem) or is_same,
        on_click=_make_version,
        args=(kept,),
        kwargs={"size": size, "shape": shape},
        key="data_pack_anew",
    )


@problems_in_a_toast()
@one_at_a_time()
def _make_version(kept: StoredSet, **changes: object) -> None:
    try:
        packings.make_version(store.home(), kept, **changes)
    except UnfreezeError:
        run = packings.packing_of(store.home(), kept)
        if run is None or not run.status.is_live:  # else by an earlier click on the same button
            raise


def _rename_form(kept: StoredSet) -> None:
    key = f"data_name_{kept.id}"
    with st.form("data_rename_form", border=False):
        st.text_input("New name", kept.description().name[:MAX_NAME], key=key, max_chars=MAX_NAME)
        st.form_submit_button("Save", type="primary", on_click=_rename, args=(kept, key), key="data_save_name")


def _rename(kept: StoredSet, key: str) -> None:
    name = "".join(letter for letter in st.session_state[key] if letter.isprintable()).strip()[:MAX_NAME]
    if not name:
        st.toast(f"A data set needs a name of 1 to {MAX_NAME} characters.", icon=":material/error:")
        return
    with problems_in_a_toast():
        stored.rename(kept, name)
