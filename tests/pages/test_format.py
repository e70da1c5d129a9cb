"""Markdown that shows a name is that name again once it is read, and holds nothing that a page makes something of."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.words import shown
from pages.ui.format import duration, loss, plain_name, roughly
from tests.names import NAMES
from tests.samples import as_read

# What Streamlit's frontend and GitHub's Markdown replace in a piece of text after Markdown's escapes are undone.
REPLACED = re.compile(
    r"https?://|www(?=\.)|[-.\w+]@[-\w]|:material_\w+:|:material/|:streamlit:|:[\w+-]+:|<->|->|<-|--|>=|<=|~="
)
PUNCTUATION = r"!\"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"
PARTS = st.sampled_from([*PUNCTUATION, *"aw1. \n", "www", "http", "://", ":material", "\u202e", "é"])
TEXTS = st.lists(PARTS, max_size=40).map("".join)


@given(st.one_of(TEXTS, st.sampled_from(NAMES)))
def test_markdown_of_a_name_is_read_as_the_name(name: str) -> None:
    markdown = plain_name(name)
    pieces = [re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", piece) for piece in markdown.split(":small[]")]
    assert "".join(pieces) == shown(name)
    assert not [piece for piece in pieces if REPLACED.search(piece)]
    source = re.sub(r"\\[!-/:-@\[-`{-~]", "", markdown.replace(":small[]", ""))
    assert not re.search(r"[\\`*_{}\[\]<>~$&|#]", source), "every mark of Markdown is escaped"


def test_reading_a_tests_markdown_gives_the_name() -> None:
    assert as_read(plain_name("https://x.example/*a*")) == "https://x.example/*a*"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3599.7, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations_are_read_at_a_glance(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.1, "5 s"),
        (12.6, "15 s"),
        (54, "55 s"),
        (58, "1 min"),
        (89, "1.5 min"),
        (284, "4.5 min"),
        (290, "5 min"),
        (9_000, "2.5 h"),
    ],
)
def test_estimates_are_no_more_exact_than_they_are(seconds: float, words: str) -> None:
    assert roughly(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0.0000"), (2.30258, "2.3026"), (0.0012, "0.0012"), (0.000032, "3.2e-05"), (float("inf"), "inf")],
)
def test_small_losses_are_not_shown_as_nothing(value: float, words: str) -> None:
    assert loss(value) == words
