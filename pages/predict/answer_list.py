"""The answers to all photos: each drawn as soon as it is there, counted, and as a table to take away."""

from collections.abc import Iterable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import ask
from core.errors import UnfreezeError
from core.predict.answers import Answer, NetworkRef
from core.predict.kept import Photo
from pages.predict import known_classes
from pages.predict.answer_card import CORNER, answer_card
from pages.predict.answers_csv import as_csv
from pages.predict.photo_drop import remove_all_photos, remove_photo
from pages.ui.format import counted, plain, plain_name

# A few at a time: answers appear as they come, and another viewer's question gets its turn in between.
_AT_ONCE = 4
_CARDS_AT_ONCE = 24
_ANSWERS, _NUM_CARDS = "predict_answers", "predict_num_cards"


def show_answers(ref: NetworkRef, photos: Sequence[Photo]) -> None:
    """Draw a card for every photo. An answer is kept for as long as its photo and the network stay."""
    known = _known(ref, photos)
    if not photos:
        return
    st.html(CORNER)
    waiting = [photo for photo in photos if photo.id not in known]
    summary, csv = _toolbar()
    _fill(summary, csv, photos, known)
    progress = st.empty()
    num_shown = st.session_state.get(_NUM_CARDS, _CARDS_AT_ONCE)
    slots = _draw(photos[:num_shown], known)
    for start in range(0, len(waiting), _AT_ONCE):
        progress.progress(len(known) / len(photos), text=f"{len(known):,} of {len(photos):,} photos predicted …")
        portion = waiting[start : start + _AT_ONCE]
        try:
            answers = _ask(ref, portion)
        except UnfreezeError as error:
            _say_failure(error, progress, slots.values())
            return
        for photo, answer in zip(portion, answers, strict=True):
            known[photo.id] = answer
            if photo.id in slots:
                with slots[photo.id].container():
                    _card(photo, answer)
    if waiting:
        progress.empty()
        _fill(summary, csv, photos, known)
    if num_shown < len(photos):
        st.button(
            f"Show more of the {len(photos):,} photos",
            icon=":material/expand_more:",
            on_click=_show_more,
            args=(num_shown,),
        )


def _known(ref: NetworkRef, photos: Sequence[Photo]) -> dict[str, Answer]:
    """The answers of this network to these photos that are there already, by photo; others are let go."""
    of, answers = st.session_state.get(_ANSWERS, (None, {}))
    ids = {photo.id for photo in photos}
    known: dict[str, Answer] = {id: answer for id, answer in answers.items() if of == ref and id in ids}
    st.session_state[_ANSWERS] = ref, known
    return known


def _toolbar() -> tuple[DeltaGenerator, DeltaGenerator]:
    """The row above the cards. Returns the places of the summary and of the table."""
    with st.container(horizontal=True, vertical_alignment="center"):
        summary = st.empty()
        st.button("Remove all", icon=":material/delete_sweep:", key="predict_remove_all", on_click=_remove_all)
        return summary, st.empty()


def _fill(summary: DeltaGenerator, csv: DeltaGenerator, photos: Sequence[Photo], known: dict[str, Answer]) -> None:
    """Say how many photos there are, and how many of those whose class is known are right; offer the table."""
    summary.markdown(_summarise(photos, known))
    if len(photos) < 2:
        return
    label, icon = "Download as CSV", ":material/download:"
    if len(known) < len(photos):
        csv.button(label, icon=icon, disabled=True, key="predict_csv_later")
        return
    csv.download_button(
        label,
        data=as_csv([known[photo.id] for photo in photos]),
        file_name="predictions.csv",
        mime="text/csv",
        icon=icon,
        on_click="ignore",
    )


def _summarise(photos: Sequence[Photo], known: dict[str, Answer]) -> str:
    unread = sum(not known[photo.id].guesses for photo in photos if photo.id in known)
    text = f"**{counted(len(photos) - unread, 'photo')}**"
    if unread:
        text += f" · {counted(unread, 'file')} that cannot be read"
    judged = [photo for photo in photos if photo.truth is not None]
    if judged and all(photo.id in known for photo in judged):
        right = sum(_is_right(photo, known[photo.id]) for photo in judged)
        text += f" · {right} of the {len(judged)} bundled ones right"
    return text


def _is_right(photo: Photo, answer: Answer) -> bool:
    return bool(answer.guesses) and answer.guesses[0].class_name == photo.truth


def _draw(photos: Sequence[Photo], known: dict[str, Answer]) -> dict[str, DeltaGenerator]:
    """The cards that are known. Returns the places of the others.

    These say at once that they wait: another network's old answer must not stand there meanwhile.
    """
    slots: dict[str, DeltaGenerator] = {}
    for photo in photos:
        if photo.id in known:
            _card(photo, known[photo.id])
        else:
            slots[photo.id] = st.empty()
            slots[photo.id].caption(f":material/hourglass_empty: {plain_name(photo.name)} waits for its answer")
    return slots


def _card(photo: Photo, answer: Answer) -> None:
    answer_card(answer, truth=photo.truth, key=photo.id, on_remove=remove_photo)


def _ask(ref: NetworkRef, photos: Sequence[Photo]) -> list[Answer]:
    return ask.predict(ref, [(photo.name, photo.contents) for photo in photos])


def _say_failure(error: UnfreezeError, progress: DeltaGenerator, slots: Iterable[DeltaGenerator]) -> None:
    progress.error(plain(str(error)), icon=":material/error:")
    for slot in slots:
        slot.empty()
    st.button("Try again", icon=":material/refresh:", key="predict_again", on_click=known_classes.forget)


def _remove_all() -> None:
    remove_all_photos()
    st.session_state.pop(_NUM_CARDS, None)


def _show_more(num_shown: int) -> None:
    st.session_state[_NUM_CARDS] = num_shown + _CARDS_AT_ONCE
