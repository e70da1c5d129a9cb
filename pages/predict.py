"""Predict: drop photos, and see what a network takes them for."""

from collections.abc import Sequence

import streamlit as st

from core import helper
from core.errors import UnfreezeError
from core.predict.answers import Answer, NetworkRef
from pages.components.answer_card import answer_card
from pages.components.answers_csv import as_csv
from pages.components.format import plain
from pages.components.network_picker import pick_network
from pages.components.photo_drop import Photo, choose_photos

# A few at a time: answers appear as they come, and another viewer's question gets its turn in between.
_AT_ONCE = 4
_CARDS_AT_ONCE = 24
_TIMEOUT_S = 300.0  # a first use may download weights
_WARM_S = 60.0  # for a network that is here already


def main() -> None:
    """Draw the page."""
    st.title("Predict", anchor=False)
    st.markdown("Drop photos, and see what a network takes them for. They stay on this computer.")
    drop_zone, choice = st.columns([3, 2], gap="large")
    with choice:
        ref = pick_network()
        if ref is not None:
            _warm(ref)
    with drop_zone:
        photos = choose_photos()
    if ref is None:
        if photos:
            st.info("Choose a network, and these photos are predicted.", icon=":material/arrow_upward:")
        return
    if photos:
        _show_answers(ref, photos)


def _warm(ref: NetworkRef) -> None:
    """Load the network ahead of the first photo. What is wrong with it is said with the answers."""
    if st.session_state.get("predict_warmed") != ref:
        limit_s = _TIMEOUT_S if ref.kind == "pretrained" else _WARM_S
        helper.submit("core.predict.prediction:warm", ref, limit_s=limit_s)
        st.session_state["predict_warmed"] = ref


def _show_answers(ref: NetworkRef, photos: Sequence[Photo]) -> None:
    """An answer for every photo, each drawn as soon as it is there."""
    known: dict[tuple[NetworkRef, str], Answer] = st.session_state.setdefault("predict_answers", {})
    for key in known.keys() - {(ref, photo.id) for photo in photos}:
        del known[key]  # of photos that were taken away, or another network's
    progress, cards = st.empty(), st.container()
    num_shown = st.session_state.get("predict_num_cards", _CARDS_AT_ONCE)
    for start in range(0, len(photos), _AT_ONCE):
        portion = photos[start : start + _AT_ONCE]
        asked = [photo for photo in portion if (ref, photo.id) not in known]
        if asked:
            progress.progress(start / len(photos), text=f"{start} of {len(photos)} photos predicted …")
            try:
                answers = _ask(ref, asked)
            except UnfreezeError as error:
                progress.empty()
                st.error(plain(str(error)), icon=":material/error:")
                st.button(
                    "Try again", icon=":material/refresh:", on_click=st.session_state.pop, args=("predict_warmed", None)
                )
                return
            known.update({(ref, photo.id): answer for photo, answer in zip(asked, answers, strict=True)})
        with cards:
            for index, photo in enumerate(portion, start=start):
                if index < num_shown:
                    answer_card(known[ref, photo.id], truth=_truth_for(ref, photo))
    progress.empty()
    _rest(ref, photos, known, num_shown)


def _ask(ref: NetworkRef, photos: Sequence[Photo]) -> list[Answer]:
    answers: list[Answer] = helper.call(
        "core.predict.prediction:predict", ref, [(photo.name, photo.contents) for photo in photos], timeout_s=_TIMEOUT_S
    )
    return answers


def _truth_for(ref: NetworkRef, photo: Photo) -> str | None:
    """The photo's class, where the network knows it under that name: ImageNet's names are others."""
    return photo.truth if ref.kind == "checkpoint" else None


def _rest(
    ref: NetworkRef, photos: Sequence[Photo], known: dict[tuple[NetworkRef, str], Answer], num_shown: int
) -> None:
    """More cards, and all answers in one file."""
    if len(photos) < 2:
        return
    with st.container(horizontal=True):
        if num_shown < len(photos) and st.button(
            f"Show more of the {len(photos):,} photos", icon=":material/expand_more:"
        ):
            st.session_state["predict_num_cards"] = num_shown + _CARDS_AT_ONCE
            st.rerun()
        st.download_button(
            "Download as CSV",
            data=as_csv([known[ref, photo.id] for photo in photos]),
            file_name="predictions.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


main()
