"""The pages as a script runs them, without a browser: opened at an address, and read."""

from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from core.runs.reader import RunReader
from pages.places import FIRST, Place
from tests.conftest import ROOT

_PATIENCE_S = 60


def open_page(place: Place = FIRST, **query: str) -> AppTest:
    """A page in its frame, at an address with that query, drawn once."""
    page = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=_PATIENCE_S)
    _be_at(page, place)  # as a browser asks for it, cold
    return _draw(page, query)


def arrive(page: AppTest, place: Place) -> AppTest:
    """Go on from where a click has led to, as a browser does that was sent there."""
    assert not page.exception, page.exception[0].message
    _be_at(page, place)
    return page


def quiet_for(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have every run be without news for so long."""
    look = RunReader.poll
    monkeypatch.setattr(RunReader, "poll", lambda reader: replace(look(reader), quiet_s=seconds))


def _be_at(page: AppTest, place: Place) -> None:
    page._page_hash = calc_hash(place.address if place is not FIRST else "")


def open_alone(place: Place, **query: str) -> AppTest:
    """A page without the frame around it."""
    return _draw(AppTest.from_file(str(ROOT / "pages" / place.script), default_timeout=_PATIENCE_S), query)


def _draw(page: AppTest, query: dict[str, str]) -> AppTest:
    for name, value in query.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception, page.exception[0].message
    return page


def address(page: AppTest) -> dict[str, str]:
    """The query of a page's address."""
    # What the test has set is a text, what the page has set is a list of one.
    return {name: value if isinstance(value, str) else value[0] for name, value in page.query_params.items()}


def texts(page: AppTest) -> str:
    """All that a page says."""
    assert not page.exception, page.exception[0].message
    elements = [
        *page.title,
        *page.subheader,
        *page.markdown,
        *page.caption,
        *page.error,
        *page.info,
        *page.success,
        *page.warning,
        *page.code,
    ]
    bars = [bar.proto.text for bar in page.get("progress")]
    return "\n".join([*(element.value for element in elements), *bars])


def button(page: AppTest, label: str) -> Any:
    """The button of that label."""
    return next(button for button in page.button if button.label == label)


def field(page: AppTest, label: str) -> Any:
    """The field for a number of that label."""
    return next(field for field in page.number_input if field.label == label)
