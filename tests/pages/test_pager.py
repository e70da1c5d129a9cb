"""A page at a time: every thing is on one page, and no click leads behind the last."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from pages.ui.pager import _in_words


def script(count: int, per_page: int) -> None:
    """A page that shows which things it shows."""
    import streamlit as st

    from pages.ui.pager import page_of

    shown = page_of(st.session_state.get("count", count), per_page, key="photos")
    st.text(f"{shown.start}-{shown.stop}")


def opened(count: int, per_page: int = 48) -> AppTest:
    page = AppTest.from_function(script, kwargs={"count": count, "per_page": per_page}).run()
    assert not page.exception
    return page


def shown(page: AppTest) -> str:
    assert not page.exception
    return page.text[0].value


def turn(page: AppTest, label: str) -> str:
    next(button for button in page.button if button.label == label).click()
    return shown(page.run())


def test_buttons_turn_pages_and_end_at_both_ends() -> None:
    page = opened(100)
    assert shown(page) == "0-48"
    assert [button.disabled for button in page.button] == [True, False]
    assert turn(page, "Next") == "48-96"
    assert turn(page, "Next") == "96-100"
    assert [button.disabled for button in page.button] == [False, True]
    assert page.number_input[0].value == 3
    assert turn(page, "Previous") == "48-96"


def test_number_leads_to_any_page() -> None:
    page = opened(100_000)
    page.number_input[0].set_value(26).run()
    assert shown(page) == "1200-1248"
    assert page.caption[0].value == "of 2,084 pages · 1,201 to 1,248 of 100,000"
    assert turn(page, "Next") == "1248-1296"


def test_two_quick_clicks_turn_two_pages_and_none_too_many() -> None:
    page = opened(100)
    page.session_state["photos_page"] = 2  # as the first has left it, before anything is drawn
    assert turn(page, "Next") == "96-100"
    page = opened(100)
    page.session_state["photos_page"] = 3
    assert turn(page, "Next") == "96-100"


def test_page_that_is_gone_with_its_photos_becomes_the_last() -> None:
    page = opened(1_000)
    page.number_input[0].set_value(20).run()
    page.session_state["count"] = 60
    assert shown(page.run()) == "48-60"
    assert page.number_input[0].value == 2
    page.session_state["count"] = 10
    assert shown(page.run()) == "0-10"
    page.session_state["count"] = 1_000
    assert shown(page.run()) == "0-48"


@pytest.mark.parametrize(("count", "said"), [(0, []), (1, ["1 to 1 of 1"]), (48, ["1 to 48 of 48"])])
def test_one_page_needs_no_controls(count: int, said: list[str]) -> None:
    page = opened(count)
    assert shown(page) == f"0-{count}"
    assert not page.button
    assert not page.number_input
    assert [caption.value for caption in page.caption] == said


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_words_count_from_one(start: int, length: int) -> None:
    words = _in_words(range(start - 1, start - 1 + length), start + length)
    assert words == f"{start:,} to {start + length - 1:,} of {start + length:,}"
