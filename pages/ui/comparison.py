"""Several fine-tunings side by side: one chart, one table, one verdict. Reads run folders, never trains."""

from collections.abc import Sequence

import streamlit as st

from core.figures.training import lane_colors
from core.runs.results import Result, differing_settings, judge, leader, summarize
from core.runs.snapshot import Snapshot
from pages.ui.format import count, duration, plain, rate
from pages.ui.training_chart import show_runs, training_of

_MAX_NUMBERS = 4  # more would push the chart off the screen


def compare_runs(runs: Sequence[Snapshot], *, in_short: bool = False) -> None:
    """Draw a chart and a table of these runs, or bring them up to date: two elements, for a polling fragment.

    `in_short` says that the page tells what all of them share, see `core.runs.results.labels`.

    Raises:
        RunNotFoundError: a run's description cannot be read, or is not that of a fine-tuning.
    """
    configs = [run.folder.config() for run in runs]
    results = summarize(runs, in_short=in_short)
    colors = lane_colors([config.mode for config in configs])
    trainings = [
        training_of(run, config, label=result.label, color=color)
        for run, config, result, color in zip(runs, configs, results, colors, strict=True)
    ]
    bests = {f"{result.label} · best on validation": _accuracy(_best_accuracy(result)) for result in results}
    show_runs(
        runs,
        trainings,
        numbers=bests if len(bests) <= _MAX_NUMBERS else {},
        description="Losses and validation accuracies. Best on validation: "
        + ", ".join(f"{result.label} {_accuracy(_best_accuracy(result))}" for result in results),
    )
    st.markdown(table(results, differing_settings(configs)))


def clear_winner(runs: Sequence[Snapshot]) -> Snapshot | None:
    """The run that the test photos show to be the best, if its lead is more than chance.

    Raises:
        RunNotFoundError: a run's description cannot be read, or is not that of a fine-tuning.
    """
    results = summarize(runs)
    first = leader(results)
    return None if first is None else runs[results.index(first)]


def verdict(runs: Sequence[Snapshot], *, in_short: bool = False) -> str:
    """Which run is the best, by how much, and in what time, in Markdown. `in_short`: see `compare_runs`.

    Raises:
        RunNotFoundError: a run's description cannot be read, or is not that of a fine-tuning.
    """
    return judge(summarize(runs, in_short=in_short), best=lambda label: f"**{plain(label)}**", other=plain)


def table(results: Sequence[Result], settings: dict[str, list[str]]) -> str:
    """A Markdown table with a column for each run: its settings, then its results, the best in bold. Pure."""
    rows = {
        **settings,
        "Status": [result.status.capitalize() for result in results],
        "Test accuracy": _best_in_bold([result.test_accuracy for result in results]),
        "Best on validation": [
            f"{accuracy}, epoch {result.best.epoch}" if result.best else accuracy
            for accuracy, result in zip(_best_in_bold(list(map(_best_accuracy, results))), results, strict=True)
        ],
        "Training time": [duration(result.seconds) if result.seconds else "–" for result in results],
        "Steps a second": [
            "–" if result.steps_per_second is None else rate(result.steps_per_second) for result in results
        ],
        "Trainable parameters": ["–" if result.parameters is None else count(result.parameters) for result in results],
    }
    cells = {name: [plain(value) for value in values] if name in settings else values for name, values in rows.items()}
    lines = [f"| {name} | {' | '.join(values)} |" for name, values in cells.items()]
    heading = f"| | {' | '.join(plain(result.label) for result in results)} |"
    return "\n".join([heading, f"| :-- |{' --: |' * len(results)}", *lines])


def _best_in_bold(accuracies: Sequence[float | None]) -> list[str]:
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    best = max(known) if len(known) > 1 else 2.0  # alone, it is the best of nothing
    return [f"**{_accuracy(accuracy)}**" if accuracy == best else _accuracy(accuracy) for accuracy in accuracies]


def _accuracy(accuracy: float | None) -> str:
    return "–" if accuracy is None else f"{accuracy:.1%}"


def _best_accuracy(result: Result) -> float | None:
    return result.best.accuracy if result.best else None
