"""What is shown of a name has nothing in it that cannot be seen, and says no more and no less than the name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import words
from core.words import NO_NAME, message, shown, size
from tests.names import NAMES

# Any character, and often enough those that are invisible, turn text around, or stand on others.
ODD = "\u200b\u200c\u200d\u200e\u202a\u202e\u2066\u2068\u2069\ufe0f\u0301\u20e3\ufeff\u00ad\u3164 \n\x00אم❤👩a1"
TEXTS = st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=[])), max_size=200)
SHAPING = "\u200c\u200d\u180b\u180c\u180d\u180f" + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))


def bare(text: str) -> str:
    """Without the isolation, which is there for names from right to left alone."""
    if text.startswith("\u2068"):
        assert text.endswith("\u2069")
        assert any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text)
        return text[1:-1]
    return text


@given(TEXTS)
def test_all_that_is_shown_can_be_seen(name: str) -> None:
    text = bare(shown(name))
    assert text.strip()
    assert text == " ".join(text.split())
    assert not [c for c in text if words.is_invisible(c) and c not in SHAPING]
    assert len(text) <= words.MAX_NAME + 1
    text.encode()


@given(TEXTS)
def test_what_is_shown_is_shown_alike_again_and_in_a_sentence(name: str) -> None:
    assert shown(shown(name)) == shown(name)
    sentence = message(f"“{shown(name)}” is no photo.")
    assert sentence == f"“{shown(name)}” is no photo."


@given(
    st.text(
        st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=["C", "Z"]), min_size=1, max_size=80
    )
)
def test_ordinary_name_is_shown_as_it_is(name: str) -> None:
    assert shown(name) == name == message(name)


@given(TEXTS)
def test_names_that_differ_in_what_cannot_be_seen_look_different(name: str) -> None:
    hidden = shown(f"{name[:20]}a\u200bb")
    assert hidden != shown(f"{name[:20]}ab")


@pytest.mark.parametrize(
    ("name", "looks"),
    [
        ("", NO_NAME),
        (" \t\n\u00a0\u3000", NO_NAME),
        ("a\nb\t c", "a b c"),
        ("photo\u202e64.9%", "photo‹U+202E›64.9%"),
        ("\u200b", "‹U+200B›"),
        ("half \ud83d", "half ‹U+D83D›"),
        ("\u0301x", "\u25cc\u0301x"),
        ("שלום", "\u2068שלום\u2069"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("1\ufe0f\u20e3", "1\ufe0f\u20e3"),
        ("a\u200db", "a‹U+200D›b"),
        ("x" * 10_000, f"{'x' * 53}…{'x' * 25}"),
        (f"{'x' * 200}, learning rate 0.01", f"{'x' * 53}…{'x' * 5}, learning rate 0.01"),
    ],
)
def test_odd_name_is_spelled_out(name: str, looks: str) -> None:
    assert shown(name) == looks


def test_endless_text_is_shortened_at_once() -> None:
    assert len(shown("\u200b" * 10**7)) <= words.MAX_NAME
    assert len(message("\u202ex " * 10**6)) <= words.MAX_MESSAGE


def test_sentence_keeps_what_it_says_around_an_endless_name() -> None:
    sentence = message(f"{'x' * 10_000} is no photo. Choose another file.")
    assert sentence.endswith("x is no photo. Choose another file.")


def test_names_to_try_are_shown_unlike_each_other() -> None:
    assert len({shown(name) for name in NAMES if name.strip()}) == len([name for name in NAMES if name.strip()])


@pytest.mark.parametrize(
    ("num_bytes", "looks"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1 kB"),
        (37_240, "37.2 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (13_535_272, "13.5 MB"),
        (1_238_000_000, "1.24 GB"),
        (9.1e15, "9,100 TB"),
    ],
)
def test_size_has_three_digits_and_its_unit(num_bytes: float, looks: str) -> None:
    assert size(num_bytes) == looks


@given(TEXTS)
def test_name_of_a_file_has_nothing_in_it_that_a_disk_or_a_shell_would_mind(name: str) -> None:
    stem = words.file_stem(name)
    assert len(stem) <= 40
    assert all(character.isalnum() or character == "-" for character in stem)
    assert not any(words.is_invisible(character) for character in stem)
    assert not stem.startswith("-")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("EfficientNet-Lite0, frozen", "EfficientNet-Lite0-frozen"),
        ("../../etc/passwd", "etc-passwd"),
        ("<b>Äpfel</b>\u202e", "b-Äpfel-b"),
        ("...", ""),
    ],
)
def test_name_of_a_file_still_tells_whose_it_is(name: str, stem: str) -> None:
    assert words.file_stem(name) == stem
