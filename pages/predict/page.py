"""Predict: drop photos, and see what a network takes them for."""

import streamlit as st

from pages.predict.answer_list import show_answers
from pages.predict.known_classes import say_known_classes
from pages.predict.network_picker import pick_network
from pages.predict.photo_drop import choose_photos


def main() -> None:
    """Draw the page."""
    st.title("Predict", anchor=False)
    st.markdown("Drop photos and see what a network recognises in them. They stay on this computer.")
    drop_zone, choice = st.columns([3, 2], gap="large")
    with choice:
        ref = pick_network()
        classes = None if ref is None else say_known_classes(ref)
    with drop_zone:
        photos = choose_photos(classes)
    if ref is not None and classes is not None:
        show_answers(ref, photos)
    elif photos:
        st.info("Choose a network for these photos.", icon=":material/hourglass_empty:")


main()
