"""One photo and what the network takes it for. Names of files and classes are data."""

from collections.abc import Callable

import streamlit as st

from core.predict.answers import Answer, percent
from core.words import shown
from pages.ui.format import plain, plain_name

# The cross sits in the card's corner; on a phone, where the columns stand below each other, above the photo.
CORNER = """<style>
[class*=st-key-predict_card_] { position: relative; }
[class*=st-key-predict_card_] > [class*=st-key-predict_cross_] {
  position: absolute;
  right: 0.5rem;
  top: 0.5rem;
  width: auto;
  z-index: 1;
}
@media (max-width: 640px) {
  [class*=st-key-predict_card_] { padding-top: 2.75rem; }
}
</style>"""
_SMALL = 192  # pixels; a smaller photo is not blown up to a whole column


def answer_card(answer: Answer, *, truth: str | None, key: str, on_remove: Callable[[str], None]) -> None:
    """Draw a photo with its five likeliest classes, or the one line that says why there are none.

    `truth` is the class that the photo is known to have; `key`, which `on_remove` is given, tells it from the others.
    """
    if answer.problem is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.error(plain(answer.problem), icon=":material/broken_image:")
            _remove_button(answer, key, on_remove)
        return
    with st.container(border=True, key=f"predict_card_{key}"):
        photo, guesses, seen = st.columns([3, 5, 2], gap="medium")
        with photo:
            is_small = max(answer.width, answer.height) < _SMALL
            st.image(answer.thumbnail, width=_SMALL if is_small else "stretch", alt=f"The photo {shown(answer.name)}")
            st.caption(f"{plain_name(answer.name)} · {answer.width:,} x {answer.height:,}")
            for note in answer.notes:
                st.caption(plain(note))
        with guesses:
            best = answer.guesses[0]
            st.markdown(f"### {plain_name(best.class_name)}")
            if truth is not None:
                st.markdown(_verdict(best.class_name, truth))
            for guess in answer.guesses:
                st.progress(
                    guess.probability, text=f"{plain_name(guess.class_name)} · **{percent(guess.probability)}**"
                )
        with seen:
            st.image(answer.seen, width=112, alt=f"{shown(answer.name)} as the network sees it")
            st.caption(f"As the network sees it  \n{answer.seen_size} x {answer.seen_size}")
        _remove_button(answer, key, on_remove)


def _remove_button(answer: Answer, key: str, on_remove: Callable[[str], None]) -> None:
    st.button(
        "",
        icon=":material/close:",
        key=f"predict_cross_{key}",
        help=f"Remove {plain_name(answer.name)}",
        on_click=on_remove,
        args=(key,),
        type="tertiary",
    )


def _verdict(class_name: str, truth: str) -> str:
    if class_name == truth:
        return ":green[:material/check: Right]"
    return f":red[:material/close: Wrong: this is “{plain_name(truth)}”]"
