"""What a page of photos tells the browser, and which of what a browser says of a selection counts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from core.data.sheets import rows_of_text
from core.words import MAX_NAME
from pages.ui.photo_sheet import _selected
from tests.names import NAMES


def script() -> None:
    """A page of photos, and which of them are selected."""
    import streamlit as st

    from pages.ui.photo_sheet import Tile, clear_selection, photo_sheet

    state = st.session_state
    if state.get("is_done"):
        clear_selection("photos")
    tiles = [Tile(row, *state.get("texts", ("", ""))) for row in state.get("rows", [3, 4, 5, 9])]
    chosen = photo_sheet(state.get("set", "set-1"), "f" * 64, tiles, key="photos")
    st.text(str(chosen))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    opened = AppTest.from_function(script).run()
    assert not opened.exception
    return opened


def told(page: AppTest) -> dict[str, Any]:
    """What the browser is told."""
    assert not page.exception
    return json.loads(page.get("bidi_component")[0].proto.json)


def select(page: AppTest, *rows: int, showing: int) -> str:
    """Have the browser say that rows are selected; what the page makes of it."""
    page.session_state["photos"] = {"selected": {"showing": showing, "rows": list(rows)}}
    page.run()
    assert not page.exception
    return page.text[0].value


def test_browser_is_told_which_photos_and_where_they_lie(page: AppTest) -> None:
    data = told(page)
    assert (data["set"], data["version"], data["rows"]) == ("set-1", "f" * 64, [3, 4, 5, 9])
    assert rows_of_text(data["address"]) == data["rows"]
    assert data["captions"] == data["marks"] == [""] * 4
    assert page.text[0].value == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_that_can_be_seen(page: AppTest, name: str) -> None:
    page.session_state["texts"] = (name, name)
    data = told(page.run())
    for text in (*data["captions"], *data["marks"]):
        assert not name.strip() or text.strip()
        assert "\u202e" not in text
        assert len(text) <= 4 * MAX_NAME


def test_selection_is_of_the_photos_that_are_shown(page: AppTest) -> None:
    first = told(page)["showing"]
    assert select(page, 9, 4, 7, showing=first) == "[4, 9]"
    page.session_state["texts"] = ("", "left out")
    assert select(page, 9, 4, showing=first) == "[4, 9]"
    assert told(page)["showing"] == first
    assert told(page)["selected"] == [4, 9]
    page.session_state["rows"] = [4, 9]
    assert select(page, 9, 4, showing=first) == "[]"
    page.session_state["rows"] = [3, 4, 5, 9]
    assert select(page, 9, 4, showing=first) == "[]"  # it was another look at them
    assert select(page, 3, showing=told(page)["showing"]) == "[3]"


def test_selection_that_was_acted_upon_is_cleared(page: AppTest) -> None:
    first = told(page)["showing"]
    assert select(page, 4, showing=first) == "[4]"
    page.session_state["is_done"] = True
    assert select(page, 4, showing=first) == "[]"
    assert told(page)["showing"] > first


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(ANYTHING)
def test_nothing_that_a_browser_may_say_is_an_error(said: Any) -> None:
    assert _selected({"selected": said}, 1, [1, 2]) == []
    assert set(_selected({"selected": {"showing": 1, "rows": said}}, 1, [1, 2])) <= {1, 2}
    assert _selected(None, 1, [1, 2]) == []
