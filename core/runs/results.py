"""What has come of runs: a label for each, and which of them is the best. Knows files, and no page."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.runs import history
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Finished
from core.runs.folder import RunFolder
from core.runs.race_names import default_names, short_names
from core.runs.settings import settings_of
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from core.words import shown

_NAME_LENGTH = 48  # a legend has little room
_FRACTIONS = {1 / 2: "half the time", 1 / 3: "a third of the time", 1 / 4: "a quarter of the time"}


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


def summarize(runs: Sequence[Snapshot], *, in_short: bool = False) -> list[Result]:
    """What has come of each of these runs. `in_short`: see `labels`.

    Raises:
        RunNotFoundError: a run's description cannot be read, or is not that of a fine-tuning.
    """
    found = labels([run.folder for run in runs], in_short=in_short)
    return [_summarize(run, label) for run, label in zip(runs, found, strict=True)]


def _summarize(run: Snapshot, label: str) -> Result:
    steps, finished = run.steps, run.last_event
    if not isinstance(finished, Finished):
        finished = None
    started = history.started(run.events)
    validations = history.validations(run.events)
    worked_s = float(steps["seconds"][-1]) if len(steps) else 0.0
    return Result(
        label=label,
        status=run.status,
        parameters=started.trainable_parameters if started else None,
        seconds=finished.seconds if finished else max([worked_s, *(event.seconds for event in validations)]),
        steps_per_second=float(steps["step"][-1]) / worked_s if worked_s else None,
        best=history.chosen(validations),
        test_accuracy=finished.test_accuracy if finished else None,
        test_images=started.test_images if started else None,
    )


def labels(folders: Sequence[RunFolder], *, in_short: bool = False) -> list[str]:
    """A different label for each run: its name and, where that is not enough, its settings, its time, its id.

    `in_short` is for a page that says what all share: runs that nobody has renamed are then labelled by what tells them
    apart alone.

    Raises:
        RunNotFoundError: a run's description cannot be read, or is not that of a fine-tuning.
    """
    found = [shown(folder.description()["name"], most=_NAME_LENGTH) for folder in folders]
    configs = [folder.config() for folder in folders]
    ids = [folder.id for folder in folders]
    if in_short and found == [shown(name, most=_NAME_LENGTH) for name in default_names(configs)]:
        found = [shown(name, most=_NAME_LENGTH) for name in short_names(configs)]
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
    rows = {
        about.label: [about.in_words(config.value_of(name)) for config in configs]
        for name, about in settings_of(FineTuneConfig).items()
    }
    return {label: values for label, values in rows.items() if len(set(values)) > 1}


def leader(results: Sequence[Result]) -> Result | None:
    """The run with the best test accuracy, if its lead is more than chance. Pure."""
    tested = sorted((result for result in results if result.test_accuracy is not None), key=_test, reverse=True)
    if len(tested) < 2 or _test(tested[0]) == _test(tested[1]) or _can_be_chance(tested[0], tested[1]):
        return None
    return tested[0]


def judge(results: Sequence[Result], *, best: Callable[[str], str] = str, other: Callable[[str], str] = str) -> str:
    """Which of these runs is the best, by how much, and in what time. Pure.

    `best` and `other` write the labels of the best run and of the one that it is compared with.
    """
    tested = sorted((result for result in results if result.test_accuracy is not None), key=_test, reverse=True)
    if len(tested) >= 2:
        return _compare_tests(tested[0], tested[1], best, other)
    if tested:
        only = tested[0]
        return f"Only {best(only.label)} has been tested so far: {_test(only):.1%} of the test photos are right."
    scored = sorted((result for result in results if result.best is not None), key=_validation, reverse=True)
    if not scored and all(result.status is Status.FINISHED for result in results):
        return "No photos were set aside to validate or test these runs, so nothing says which of them is better."
    if not scored:
        return "None of these runs has been scored yet."
    first = f"{best(scored[0].label)} has the best validation accuracy so far: {_validation(scored[0]):.1%}"
    if len(scored) == 1:
        return f"{first}. No other run has been scored yet."
    highest, second = _validation(scored[0]), _validation(scored[1])
    if highest == second:
        names = f"{best(scored[0].label)} and {best(scored[1].label)}"
        return f"{names} have the same validation accuracy so far, {highest:.1%}."
    return f"{first}, {_lead(highest, second, other(scored[1].label))}."


def _compare_tests(first: Result, second: Result, best: Callable[[str], str], other: Callable[[str], str]) -> str:
    """The two best of the tested runs."""
    if _test(first) == _test(second):
        faster, slower = sorted((first, second), key=lambda result: result.seconds)
        names = f"{best(faster.label)} and {best(slower.label)}"
        level = f"{names} have the same test accuracy, {_test(first):.1%}"
        spent = _share_of_time(faster.seconds, slower.seconds)
        return f"{level}: the first {spent}." if spent else f"{level}."
    lead = _lead(_test(first), _test(second), other(second.label))
    spent = _share_of_time(first.seconds, second.seconds)
    sentence = f"{best(first.label)} has the best test accuracy: {_test(first):.1%}, {lead}"
    return f"{sentence}, {spent}.{_chance(first, second)}" if spent else f"{sentence}.{_chance(first, second)}"


def _lead(ahead: float, behind: float, name: str) -> str:
    points = round(100 * ahead, 1) - round(100 * behind, 1)  # as the two are shown
    return f"{points:.1f} points ahead of {name}" if points else f"just ahead of {name}"


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
    if not _can_be_chance(first, second):
        return ""
    return f" With {first.test_images:,} test photos, a lead that small can be chance."


def _can_be_chance(first: Result, second: Result) -> bool:
    """Whether a lead says nothing: less than two standard errors of a difference between two proportions."""
    if not first.test_images:
        return False
    variance = sum(_test(result) * (1 - _test(result)) for result in (first, second)) / first.test_images
    return abs(_test(first) - _test(second)) < 2 * math.sqrt(variance)


def _test(result: Result) -> float:
    assert result.test_accuracy is not None
    return result.test_accuracy


def _validation(result: Result) -> float:
    assert result.best is not None
    return result.best.accuracy
