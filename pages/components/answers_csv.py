"""Answers as a table for a spreadsheet. Pure; names of files and classes are data there, too."""

import csv
import io
from collections.abc import Sequence

from core.predict.answers import TOP, Answer


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
    """A spreadsheet would compute a cell that begins like a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
