"""A published data set in full: its archive is downloaded at a click, and then looked through like any other."""

import streamlit as st

from core import ask
from core.data.published import PUBLISHED, PublishedSet
from core.runs.settings import Choice
from pages.data import typed
from pages.data.looked import looked_through
from pages.data.origin import Origin
from pages.ui.download import Words, show_download
from pages.ui.fields import choice_field
from pages.ui.format import plain

_SET = "data_published"
_WHICH = Choice(
    label="Data set",
    help="Both are of the same size. The sample that comes with Unfreeze is a part of CIFAR-10.",
    options={key: published.name for key, published in PUBLISHED.items()},
)


def origin() -> Origin | None:
    """Draw the choice. Returns where the archive is, once it is here and known to be sound."""
    ask.look_at_photos.prepare()
    published = PUBLISHED[choice_field(_WHICH, key=_SET, default=next(iter(PUBLISHED)))]
    st.markdown(plain(published.about))
    st.caption(f"{plain(published.source)}. [Where it is published]({published.page})")
    archive = published.archive()
    state = show_download(archive, _words(published))
    if state in ("absent", "damaged"):
        st.caption(
            f"If you have {plain(published.name)} already, choose “This computer” and type the path of its archive "
            "or folder."
        )
    if state != "here":
        return None
    path = str(archive.path)
    looked = looked_through((path, published.num_bytes), lambda: ask.look_at_photos.later(path))
    if looked is None:
        return None
    way = typed.choose_way(looked, str(path))
    return Origin(name=published.name, source=path, reading=way.key, given=way.given)


def _words(published: PublishedSet) -> Words:
    return Words(
        thing="archive",
        button="Download",
        absent=f"{plain(published.name)} is not on this computer yet.",
        num_bytes=published.num_bytes,
        is_primary=True,
        key="data",
    )
