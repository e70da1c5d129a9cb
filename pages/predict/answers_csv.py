"""Answers as a table for a spreadsheet. Pure; names of files and classes are data there, too."""

import csv
import io
import re
import unicodedata
from collections.abc import Sequence

from core.predict.answers import TOP, Answer
from core.words import is_invisible

_FORMULA = ("=", "+", "-", "@")
_SEPARATORS = re.compile(r"([;|\t\r\n])")


def as_csv(answers: Sequence[Answer]) -> str:
    """One line a photo: name, problem, then class and probability of the likeliest classes."""
    table = io.StringIO()
    writer = csv.writer(table)
    heads = [name for rank in range(1, TOP + 1) for name in (f"class {rank}", f"probability {rank}")]
    writer.writerow(["file", "problem", *heads])
    for answer in answers:
        guesses = [
            cell for guess in answer.guesses for cell in (_harmless(guess.class_name), f"{guess.probability:.6f}")
        ]
        writer.writerow([_harmless(answer.name), _harmless(answer.problem or ""), *guesses])
    return table.getvalue()


def _harmless(text: str) -> str:
    """The text, with an apostrophe before each part that a spreadsheet would compute.

    Where another sign than the comma separates cells, a part is a cell of its own.
    """
    parts = _SEPARATORS.split(text.encode(errors="replace").decode())  # half a character cannot be saved
    return "".join(f"'{part}" if _begins_like_a_formula(part) else part for part in parts)


def _begins_like_a_formula(text: str) -> bool:
    """Whether the first character that one sees is a formula's, in any of its widths; quotes may be taken away."""
    for character in text:
        if character.isspace() or is_invisible(character) or character in "\"'" or unicodedata.combining(character):
            continue
        return unicodedata.normalize("NFKC", character).startswith(_FORMULA)
    return False
