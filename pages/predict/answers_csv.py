"""Answers as a table for a spreadsheet. Pure; names of files and classes are data there, too."""

import csv
import io
from collections.abc import Sequence

from core.cells import harmless
from core.predict.answers import TOP, Answer


def as_csv(answers: Sequence[Answer]) -> str:
    """One line a photo: name, problem, then class and probability of the likeliest classes."""
    table = io.StringIO()
    writer = csv.writer(table)
    heads = [name for rank in range(1, TOP + 1) for name in (f"class {rank}", f"probability {rank}")]
    writer.writerow(["file", "problem", *heads])
    for answer in answers:
        guesses = [
            cell for guess in answer.guesses for cell in (harmless(guess.class_name), f"{guess.probability:.6f}")
        ]
        writer.writerow([harmless(answer.name), harmless(answer.problem or ""), *guesses])
    return table.getvalue()
