"""Data: the photos that networks can learn from. Add some of your own, and open what is there."""

import streamlit as st

from core.errors import UnfreezeError
from core.runs import packings, store, workers
from pages.data.adding import ADD, Wanted, add_form
from pages.data.all_sets import list_sets
from pages.data.dropping import forget_dropped
from pages.places import DATA_SET
from pages.ui.format import plain
from pages.ui.once import start_once


def main() -> None:
    """Draw the page."""
    workers.prepare()
    st.title("Data", anchor=False)
    st.markdown(
        "The photos that networks learn from. Your files stay on this computer: they are read, and never changed."
    )
    form, sets = st.columns([5, 6], gap="large")
    with form:
        wanted = add_form()
    with sets:
        list_sets()
    try:
        set_id = start_once(ADD, (lambda: _make(wanted)) if wanted else None)
    except UnfreezeError as error:
        with form:
            st.error(plain(str(error)), icon=":material/error:")
        return
    if set_id is not None:
        st.switch_page(DATA_SET.script, query_params={"set": set_id})


def _make(wanted: Wanted) -> str:
    """Begin a data set, and return the id that opens it."""
    made = packings.make(store.home(), wanted.config, name=wanted.name, dropped=wanted.dropped)
    forget_dropped(wanted.dropped)
    return made.id


main()
