"""Several fine-tunings side by side: one chart, one table, one verdict. Reads run folders, never trains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.figures.training import Lane, compare_training, lane_colors, smooth
from core.models.catalog import ARCHITECTURES
from core.runs import history
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Finished
from core.runs.reader import RunReader
from core.runs.status import Status, read_status
from core.words import shown
from pages.ui.format import count, duration, plain, rate
from pages.ui.live_chart import live_chart

_CHART_HEIGHT = 460
_NAME_LENGTH = 48  # a legend has little room
_MAX_NUMBERS = 4  # more would push the chart off the screen


@dataclass(frozen=True, kw_only=True)
class Result:
    """What has come of one run so far."""

    label: str  # fit to show, not Markdown
    status: Status
    parameters: int | None  # that learn
    seconds: float  # the run's own clock
    steps_per_second: float | None  # over the whole run
    best: Evaluated | None  # on validation images
    test_accuracy: float | None
    test_images: int | None


def compare_runs(readers: Sequence[RunReader]) -> None:
    """Draw a chart and a table of these runs, or bring them up to date: two elements, for a polling fragment.

    Raises:
        RunNotFoundError: a run's description cannot be read, or is not that of a fine-tuning.
    """
    configs = [reader.folder.config() for reader in readers]
    results = summarize(readers)
    lanes = [
        _lane(reader, label=result.label, color=color)
        for reader, result, color in zip(
            readers, results, lane_colors([config.mode for config in configs]), strict=True
        )
    ]
    chart_id = " ".join(reader.folder.id for reader in readers)
    bests = {f"{result.label} · best on validation": _accuracy(_best_accuracy(result)) for result in results}
    live_chart(
        compare_training(lanes, chart_id=chart_id),
        key=f"compare {chart_id}",
        numbers=bests if len(bests) <= _MAX_NUMBERS else {},
        height=_CHART_HEIGHT,
        description="Losses and validation accuracies. Best on validation: "
        + ", ".join(f"{result.label} {_accuracy(_best_accuracy(result))}" for result in results),
    )
    st.markdown(table(results, differing_settings(configs)))


def summarize(readers: Sequence[RunReader]) -> list[Result]:
    """Poll the runs and say what has come of each.

    Raises:
        RunNotFoundError: a run's description cannot be read, or is not that of a fine-tuning.
    """
    return [_summarize(reader, label) for reader, label in zip(readers, labels(readers), strict=True)]


def verdict(readers: Sequence[RunReader]) -> str:
    """Which run is the best, by how much, and in what time, in Markdown.

    Raises:
        RunNotFoundError: a run's description cannot be read, or is not that of a fine-tuning.
    """
    return judge(summarize(readers))


def labels(readers: Sequence[RunReader]) -> list[str]:
    """A different label for each run: its name and, where that is not enough, its settings, its time, its id.

    Raises:
        RunNotFoundError: a run's description cannot be read, or is not that of a fine-tuning.
    """
    found = [shown(reader.folder.description()["name"], most=_NAME_LENGTH) for reader in readers]
    configs = [reader.folder.config() for reader in readers]
    ids = [reader.folder.id for reader in readers]
    for distinction in (
        _distinguish(found, configs),
        [f"{run_id[9:11]}:{run_id[11:13]}:{run_id[13:15]}" for run_id in ids],
        ids,
    ):
        found = [
            f"{label}, {more}" if more and found.count(label) > 1 else label
            for label, more in zip(found, distinction, strict=True)
        ]
    return found


def _distinguish(names: Sequence[str], configs: Sequence[FineTuneConfig]) -> list[str]:
    """For each run, its settings in which the runs of the same name differ."""
    words: list[str] = []
    for name, config in zip(names, configs, strict=True):
        namesakes = [other for other_name, other in zip(names, configs, strict=True) if other_name == name]
        own = namesakes.index(config)
        words.append(", ".join(f"{row.lower()} {values[own]}" for row, values in differing_settings(namesakes).items()))
    return words


def differing_settings(configs: Sequence[FineTuneConfig]) -> dict[str, list[str]]:
    """The settings in which these runs are not all alike: each by its label, with a value for every run. Pure."""
    rows = {name: [_shown(name, getattr(config, name)) for config in configs] for name in configs[0].to_dict()}
    return {
        name.replace("_", " ").capitalize().replace("Architecture", "Network"): values
        for name, values in rows.items()
        if len(set(values)) > 1
    }


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
        "Its own time": [duration(result.seconds) if result.seconds else "–" for result in results],
        "Steps a second": [
            "–" if result.steps_per_second is None else rate(result.steps_per_second) for result in results
        ],
        "Parameters that learn": ["–" if result.parameters is None else count(result.parameters) for result in results],
    }
    cells = {name: [plain(value) for value in values] if name in settings else values for name, values in rows.items()}
    lines = [f"| {name} | {' | '.join(values)} |" for name, values in cells.items()]
    heading = f"| | {' | '.join(plain(result.label) for result in results)} |"
    return "\n".join([heading, f"| :-- |{' --: |' * len(results)}", *lines])


def judge(results: Sequence[Result]) -> str:
    """Which of these runs is the best, by how much, and in what time, in Markdown. Pure."""
    tested = sorted((result for result in results if result.test_accuracy is not None), key=_test, reverse=True)
    if len(tested) >= 2:
        return _compare_tests(tested[0], tested[1])
    if tested:
        only = tested[0]
        return f"Only **{plain(only.label)}** has been tested so far: {_test(only):.1%} of the test photos are right."
    scored = sorted((result for result in results if result.best is not None), key=_validation, reverse=True)
    if not scored:
        return "None of these runs has been scored yet."
    first = f"**{plain(scored[0].label)}** has the best validation accuracy so far: {_validation(scored[0]):.1%}"
    if len(scored) == 1:
        return f"{first}. No other run has been scored yet."
    best, second = _validation(scored[0]), _validation(scored[1])
    if best == second:
        names = f"**{plain(scored[0].label)}** and **{plain(scored[1].label)}**"
        return f"{names} have the same validation accuracy so far, {best:.1%}."
    return f"{first}, {_lead(best, second, plain(scored[1].label))}."


def _compare_tests(first: Result, second: Result) -> str:
    """The two best of the tested runs."""
    if _test(first) == _test(second):
        faster, slower = sorted((first, second), key=lambda result: result.seconds)
        names = f"**{plain(faster.label)}** and **{plain(slower.label)}**"
        level = f"{names} have the same test accuracy, {_test(first):.1%}"
        spent = _share_of_time(faster.seconds, slower.seconds)
        return f"{level}: the first {spent}." if spent else f"{level}."
    lead = _lead(_test(first), _test(second), plain(second.label))
    spent = _share_of_time(first.seconds, second.seconds)
    sentence = f"**{plain(first.label)}** has the best test accuracy: {_test(first):.1%}, {lead}"
    return f"{sentence}, {spent}.{_chance(first, second)}" if spent else f"{sentence}.{_chance(first, second)}"


def _lead(ahead: float, behind: float, name: str) -> str:
    points = round(100 * ahead, 1) - round(100 * behind, 1)  # as the two are shown
    return f"{points:.1f} points ahead of {name}" if points else f"just ahead of {name}"


_FRACTIONS = {1 / 2: "half the time", 1 / 3: "a third of the time", 1 / 4: "a quarter of the time"}


def _share_of_time(seconds: float, other_seconds: float) -> str:
    """How the first time compares with the other: "in a third of the time", "in 2.5 times the time"."""
    if not seconds or not other_seconds:
        return ""
    ratio = seconds / other_seconds
    for fraction, words in _FRACTIONS.items():
        if abs(ratio - fraction) < 0.1 * fraction:
            return f"in {words}"
    if 0.9 <= ratio <= 1.1:
        return "in about the same time"
    return f"in {ratio:.0%} of the time" if ratio < 1 else f"in {ratio:.1f} times the time"


def _chance(first: Result, second: Result) -> str:
    """Whether a lead says anything: two standard errors of a difference between two proportions."""
    if not first.test_images:
        return ""
    variance = sum(_test(result) * (1 - _test(result)) for result in (first, second)) / first.test_images
    if abs(_test(first) - _test(second)) >= 2 * variance**0.5:
        return ""
    return f" With {first.test_images:,} test photos, a lead that small can be chance."


def _summarize(reader: RunReader, label: str) -> Result:
    status = read_status(reader)
    steps, finished = reader.steps, reader.last_event
    if not isinstance(finished, Finished):
        finished = None
    started = history.started(reader.events)
    validations = history.validations(reader.events)
    worked_s = float(steps["seconds"][-1]) if len(steps) else 0.0
    return Result(
        label=label,
        status=status,
        parameters=started.trainable_parameters if started else None,
        seconds=finished.seconds if finished else max([worked_s, *(event.seconds for event in validations)]),
        steps_per_second=float(steps["step"][-1]) / worked_s if worked_s else None,
        best=max(validations, key=lambda event: event.accuracy, default=None),
        test_accuracy=finished.test_accuracy if finished else None,
        test_images=started.test_images if started else None,
    )


def _lane(reader: RunReader, *, label: str, color: str) -> Lane:
    started, steps = history.started(reader.events), reader.steps
    return Lane(
        label=label,
        color=color,
        steps=steps,
        smoothed=smooth(steps["loss"], started.total_steps if started else 1),
        validations=history.validations(reader.events),
        steps_per_epoch=started.steps_per_epoch if started else 1,
    )


def _shown(name: str, value: Any) -> str:
    if name == "architecture":
        return ARCHITECTURES[value].label
    if isinstance(value, float):
        return f"{value:g}"
    if value is None:
        return "–"
    return str(value) if name == "weights_file" else str(value).replace("_", " ")


def _best_in_bold(accuracies: Sequence[float | None]) -> list[str]:
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    best = max(known) if len(known) > 1 else 2.0  # alone, it is the best of nothing
    return [f"**{_accuracy(accuracy)}**" if accuracy == best else _accuracy(accuracy) for accuracy in accuracies]


def _accuracy(accuracy: float | None) -> str:
    return "–" if accuracy is None else f"{accuracy:.1%}"


def _best_accuracy(result: Result) -> float | None:
    return result.best.accuracy if result.best else None


def _test(result: Result) -> float:
    assert result.test_accuracy is not None
    return result.test_accuracy


def _validation(result: Result) -> float:
    assert result.best is not None
    return result.best.accuracy
