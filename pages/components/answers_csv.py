"""Answers as a table for a spreadsheet. Pure; names of files and classes are data there, too."""

import csv
import io
import unicodedata
from collections.abc import Sequence

from core.predict.answers import TOP, Answer
from core.words import is_invisible

_FORMULA = ("=", "+", "-", "@")


def as_csv(answers: Sequence[Answer]) -> str:
    """One line a photo: name, problem, then class and probability of the likeliest classes.

    Every cell is quoted: where a semicolon or a tab separates cells, a name that holds one stays one cell.
    """
    table = io.StringIO()
    writer = csv.writer(table, quoting=csv.QUOTE_ALL)
    heads = [name for rank in range(1, TOP + 1) for name in (f"class {rank}", f"probability {rank}")]
    writer.writerow(["file", "problem", *heads])
    for answer in answers:
        guesses = [
            cell for guess in answer.guesses for cell in (_harmless(guess.class_name), f"{guess.probability:.6f}")
        ]
        writer.writerow([_harmless(answer.name), _harmless(answer.problem or ""), *guesses])
    return table.getvalue()


def _harmless(text: str) -> str:
    """A spreadsheet would compute a cell that begins like a formula; half characters cannot be saved."""
    text = text.encode(errors="replace").decode()
    return f"'{text}" if _begins_like_a_formula(text) else text


def _begins_like_a_formula(text: str) -> bool:
    """Whether the first character that one sees is a formula's, in any of its widths; quotes may be taken away."""
    for character in text:
        if character.isspace() or is_invisible(character) or character in "\"'" or unicodedata.combining(character):
            continue
        return unicodedata.normalize("NFKC", character).startswith(_FORMULA)
    return False
