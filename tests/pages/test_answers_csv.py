"""The table of answers, as spreadsheets read it: no cell is computed, whatever photos and classes are called."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.predict.answers import Answer, Guess
from pages.predict.answers_csv import as_csv

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫"
UNSEEN = "\t\r\n \u00a0\ufeff\u200b\u2028\u202e\u3000\u3164\u00ad\u0301\x00\x1c\"'"
NAMES = st.lists(st.sampled_from([*SIGNS, *UNSEEN, *";,|a1", "=1+1", ";=1+1"]), max_size=8).map("".join)


def cells(table: str, separator: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table, newline=""), delimiter=separator))


def computes(cell: str) -> bool:
    """Whether a spreadsheet that drops what cannot be seen, and quotes, takes the cell for a formula."""
    for character in cell:
        if character == "'":
            return False
        if unicodedata.category(character)[0] not in "CZM" and character not in '"\u3164':
            return unicodedata.normalize("NFKC", character) in "=+-@"
    return False


@given(NAMES, NAMES, NAMES)
def test_no_cell_is_a_formula_for_any_spreadsheet(name: str, problem: str, class_name: str) -> None:
    answers = [
        Answer(name=name, problem=problem),
        Answer(name=name, guesses=(Guess(class_name=class_name, probability=0.5),)),
    ]
    for separator in ",;\t|":
        for row in cells(as_csv(answers), separator):
            assert not [cell for cell in row if computes(cell)]


@given(NAMES)
def test_name_comes_back_but_for_apostrophes(name: str) -> None:
    (row,) = cells(as_csv([Answer(name=name, problem="")]), ",")[1:]
    assert row[0].replace("'", "") == name.replace("'", "")


@pytest.mark.parametrize("lead", ["", " ", "\n", "\u00a0", "\ufeff", "\t", '"', "\u200b \u3000"])
@pytest.mark.parametrize("sign", SIGNS)
def test_formula_is_defused_whatever_comes_first(lead: str, sign: str) -> None:
    name = f"{lead}{sign}HYPERLINK(1)"
    cell = cells(as_csv([Answer(name=name, problem="")]), ",")[1][0]
    assert cell in (f"'{name}", f"{lead}'{sign}HYPERLINK(1)")


@pytest.mark.parametrize("name", ["frog", "a=b", "IMG-1.jpg", "5 + 3", "'quoted'", "½", "e\u0301"])
def test_harmless_name_stays_as_it_is(name: str) -> None:
    assert cells(as_csv([Answer(name=name, problem="")]), ",")[1][0] == name
