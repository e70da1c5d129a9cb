"""What each preset's recipe achieves, as a Markdown table, and its place in a document. Trains nothing."""

import statistics
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.runs.config import FineTuneConfig
from core.runs.presets import PRESETS
from tests.bench.recipe_results import Result

MARKER = "<!-- What stands below is measured, and is replaced by: python -m tests.bench recipes --write -->"
_WIDTH = 120
_INTRO = """# Recipes

What each preset's settings come to on the bundled photos, for each way to fine-tune.
"""
_COLUMNS = ("Preset", "What learns", "Test accuracy, %", "Validation accuracy, %", "Seconds", "Epochs", "Image size")


def table(cells: Mapping[str, FineTuneConfig], results: Mapping[str, Sequence[Result]], command: str) -> str:
    """A row for each cell that has results, of which there is one at least, below what they were measured on and how.

    Cells are named “preset/way”; their results are those of different seeds, all of one machine.
    """
    found = [result for of_cell in results.values() for result in of_cell]
    seeds = max(map(len, results.values()))
    lines = [
        *textwrap.wrap(
            f"Measured on {found[0].conditions.machine}, with {found[0].conditions.versions}, on {_days(found)}, by",
            _WIDTH,
        ),
        "",
        f"    {command}",
        "",
        *textwrap.wrap(_how(next(iter(cells.values())), seeds), _WIDTH),
        "",
        _row(_COLUMNS),
        _row(["---", "---", *["---:"] * (len(_COLUMNS) - 2)]),
        *(_row(_entries(name, cells[name], of_cell, seeds)) for name, of_cell in results.items() if of_cell),
    ]
    return "\n".join(lines) + "\n"


def write_below(path: Path, text: str) -> None:
    """Put a table below the marker of a document; what stands above it is kept. Both are made where there is none."""
    above = path.read_text() if path.exists() else _INTRO
    above = above.partition(MARKER)[0].rstrip()
    path.write_text(f"{above}\n\n{MARKER}\n\n{text}")


def _how(config: FineTuneConfig, seeds: int) -> str:
    """What the numbers are."""
    numbers = f"the mean of {seeds} seeds ± their standard deviation" if seeds > 1 else "of one seed"
    return (
        f"{config.in_words('architecture')} on {config.in_words('data')}: accuracies and seconds are {numbers}. Test "
        "photos are scored once, with the weights of the epoch that was best on the validation photos. Seconds are the "
        "run's own, for training, validation and test, with no features known from earlier runs."
    )


def _days(results: Sequence[Result]) -> str:
    days = sorted({result.day for result in results})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _entries(name: str, config: FineTuneConfig, results: Sequence[Result], seeds: int) -> list[str]:
    label = PRESETS[name.partition("/")[0]].label
    if len(results) < seeds:
        label += f" ({len(results)} of {seeds} seeds)"
    return [
        label,
        config.what_learns,
        _spread([100 * result.outcome.test_accuracy for result in results]),
        _spread([100 * result.outcome.validation_accuracy for result in results]),
        _spread([result.outcome.seconds for result in results]),
        str(config.epochs),
        str(config.image_size),
    ]


def _spread(values: Sequence[float]) -> str:
    """Mean and standard deviation of a sample, or the one value that there is."""
    mean = f"{statistics.mean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


def _row(entries: Sequence[str]) -> str:
    return f"| {' | '.join(entries)} |"
