"""One photo and what the network takes it for. Names of files and classes are data."""

import streamlit as st

from core.predict.answers import Answer
from core.words import shown
from pages.components.format import plain, plain_name

_SMALL = 192  # pixels; a smaller photo is not blown up to a whole column


def answer_card(answer: Answer, *, truth: str | None = None) -> None:
    """Draw a photo with its five likeliest classes, or the one line that says why there are none.

    `truth` is the class that the photo is known to have.
    """
    if answer.problem is not None:
        st.error(plain(answer.problem), icon=":material/broken_image:")
        return
    assert answer.thumbnail is not None
    assert answer.seen is not None
    best = answer.guesses[0]
    with st.container(border=True):
        photo, guesses, seen = st.columns([3, 5, 2], gap="medium")
        with photo:
            is_small = max(answer.thumbnail.shape[:2]) < _SMALL
            st.image(answer.thumbnail, width=_SMALL if is_small else "stretch", alt=f"The photo {shown(answer.name)}")
            st.caption(f"{plain_name(answer.name)} · {answer.width:,} x {answer.height:,}")
        with guesses:
            st.markdown(f"### {plain_name(best.class_name)}")
            if truth is not None:
                st.markdown(_verdict(best.class_name, truth))
            for guess in answer.guesses:
                st.progress(
                    guess.probability, text=f"{plain_name(guess.class_name)} · **{percent(guess.probability)}**"
                )
        with seen:
            st.image(answer.seen, width=112, alt=f"{shown(answer.name)} as the network sees it")
            st.caption(f"As the network sees it: {answer.seen.shape[0]} x {answer.seen.shape[1]}")


def percent(probability: float) -> str:
    """ "93.2%"; what rounds to none or all says so."""
    if probability < 0.0005:
        return "< 0.1%"
    return "> 99.9%" if probability > 0.9995 else f"{probability:.1%}"


def _verdict(class_name: str, truth: str) -> str:
    if class_name == truth:
        return ":green[:material/check: Right]"
    return f":red[:material/close: It is: {plain_name(truth)}]"
