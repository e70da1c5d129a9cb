"""Architecture Inspector: what a network is made of, what a new head changes, and what freezing leaves to learn."""

import streamlit as st

from core import ask
from core.errors import UnfreezeError
from core.models.description import LESSON_NETWORKS, Description
from core.runs.config import Mode
from pages.inspector.choices import LABELS, choose, open_choices, value_of, write_address
from pages.inspector.head import show_head, show_numbers, show_way_on
from pages.inspector.tables import show_blocks, show_layers, show_named_parameters
from pages.ui.format import plain


def main() -> None:
    """Draw the page."""
    ask.describe.prepare()
    problems = open_choices()
    st.title("Architecture Inspector", anchor=False)
    st.markdown(
        "See the layers of a network, what a new head changes, and which parameters are still trained when "
        "it is frozen."
    )
    for problem in problems:
        st.warning(plain(problem), icon=":material/link_off:")
    settings = choose()
    write_address()
    if settings is None:
        return
    network = value_of("network")
    try:
        with st.spinner(f"Opening {LABELS[network]} …"):
            described = _describe_lesson(network) if network in LESSON_NETWORKS else _describe(*settings)
    except UnfreezeError as error:
        st.error(plain(str(error)))
        st.button("Try again")
        return
    show_numbers(described)
    if network in LESSON_NETWORKS:
        st.info(LESSON_NETWORKS[network].why_no_head, icon=":material/info:")
        show_named_parameters(described)
    else:
        show_head(described, value_of("mode"))
        show_way_on(network, settings)
    show_blocks(described)
    show_layers(described)
    _show_printed(described)


@st.cache_data(max_entries=256, show_spinner=False)
def _describe(network: str, num_classes: int, mode: Mode, image_size: int) -> Description:
    return ask.describe(network, num_classes, mode, image_size)


@st.cache_data(show_spinner=False)
def _describe_lesson(network: str) -> Description:
    return ask.describe_lesson(network)


def _show_printed(described: Description) -> None:
    with st.expander("print(model)", icon=":material/data_object:"):
        if described.original is None:
            st.code(described.printed, language=None, height=480)
            return
        after, before = st.tabs(["With the new head", "Original"])
        with after:
            st.code(described.printed, language=None, height=480)
        with before:
            st.code(described.original.printed, language=None, height=480)


main()
