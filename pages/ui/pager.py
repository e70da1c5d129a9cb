"""Controls to go through many things, a page at a time. Knows nothing of what they are."""

import streamlit as st

from pages.ui.format import plain


def page_of(count: int, per_page: int = 48, *, key: str) -> range:
    """Draw the controls for so many things; without them where all are on one page.

    Returns:
        Which of the things are on the page that was chosen, counted from 0; none where there are none.
    """
    assert per_page >= 1, per_page
    field, num_pages = f"{key}_page", max(-(-count // per_page), 1)
    # What was chosen among more things may lie behind the last page.
    page = min(max(int(st.session_state.get(field) or 1), 1), num_pages)
    shown = range((page - 1) * per_page, min(page * per_page, count))
    if num_pages == 1:
        st.session_state.pop(field, None)
        if count:
            st.caption(plain(_in_words(shown, count)))
        return shown
    st.session_state[field] = page
    with st.container(key=f"{key}_pager", horizontal=True, vertical_alignment="center"):
        _step(":material/chevron_left:", "Previous", field, -1, is_there=page > 1)
        _step(":material/chevron_right:", "Next", field, +1, is_there=page < num_pages)
        st.number_input(
            f"Page, of {num_pages:,}", 1, num_pages, page, key=field, width=130, label_visibility="collapsed", step=1
        )
        st.caption(f"of {num_pages:,} pages · {_in_words(shown, count)}", width="content")
    return shown


def _step(icon: str, label: str, field: str, by: int, *, is_there: bool) -> None:
    """A button that turns so many pages."""
    st.button(label, icon=icon, key=f"{field}_{label}", disabled=not is_there, on_click=_turn, args=(field, by))


def _turn(field: str, by: int) -> None:
    """Counted from the page of this moment: two quick clicks turn two pages. The next drawing knows which there are."""
    st.session_state[field] = int(st.session_state.get(field) or 1) + by


def _in_words(shown: range, count: int) -> str:
    """ "1,201 to 1,248 of 100,000"."""
    return f"{shown.start + 1:,} to {shown.stop:,} of {count:,}"
