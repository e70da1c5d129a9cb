"""Photos that are dropped on the page: in folders, or as one archive. They go to the disk as they arrive."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import streamlit as st

from core import ask, incoming
from core.data.sources.opening import ARCHIVES, Dropped
from core.incoming import Incoming
from core.runs import store
from pages.data import typed
from pages.data.looked import looked_through
from pages.data.origin import Origin
from pages.ui.drop_zone import drop_zone

_TOKEN, _SLOT = "data_drop_token", "photos"


def origin() -> Origin | None:
    """Draw the zone. Returns what was dropped, once it is known what it is."""
    ask.look_at_dropped.prepare()
    files = drop_zone(
        key="data_drop",
        token=token(),
        slot=_SLOT,
        label="Drop a zip or tar file, or a folder of photos",
        hint="A folder for each class, perhaps below train and test.",
    )
    if not files:
        return None
    st.button("Remove all", icon=":material/delete:", type="tertiary", on_click=empty, args=(_SLOT,))
    dropped = [(file.path, Dropped(file=file.path.name, name=file.name)) for file in files]
    about = (token(), *((file.id, file.name, file.num_bytes) for file in files))
    looked = looked_through(about, lambda: ask.look_at_dropped.later(dropped))
    if looked is None:
        return None
    way = typed.choose_way(looked, str(about))
    return Origin(name=_name_of(files), reading=way.key, given=way.given, dropped=tuple(dropped))


def token() -> str:
    """Where this session's dropped files lie until a set is made of them."""
    known = st.session_state.get(_TOKEN)
    if known is None:
        known = st.session_state[_TOKEN] = incoming.new_drop(store.home())
    return str(known)


def forget_dropped(dropped: Sequence[tuple[Path, Dropped]]) -> None:
    """Let go of files that belong to a set by now."""
    incoming.remove(store.home(), token(), *(path.name for path, _ in dropped))


def empty(slot: str) -> None:
    """Remove what was dropped at one place of the page, and nothing else."""
    files = [file.id for file in incoming.files(store.home(), token()) if file.slot == slot]
    incoming.remove(store.home(), token(), *files)


def _name_of(files: Sequence[Incoming]) -> str:
    """What the set may be called: as the archive or the folder that was dropped."""
    first = PurePosixPath(files[0].name)
    if len(first.parts) > 1:
        return first.parts[0]
    name = first.name
    for ending in sorted(ARCHIVES, key=len, reverse=True):
        if name.casefold().endswith(ending):
            return name[: -len(ending)]
    return name
