"""What has come of runs: labels that differ, and a verdict that names lead, time and chance."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.runs import results
from core.runs.events import Evaluated, Finished, Step
from core.runs.folder import RunFolder
from core.runs.results import Result
from core.runs.status import Status
from tests.conftest import follow
from tests.samples import FIRST_CLICK, STARTED, make_run

CONFIG = FIRST_CLICK.changed(epochs=2)
STEPS = [Step(step=n, loss=2 / n, learning_rate=0.01, seconds=n / 4, images=32) for n in range(1, 58)]
VALIDATED = Evaluated(split="validation", epoch=1, step=57, loss=0.5, accuracy=0.815, seconds=15, best=True)
FINISHED = Finished(best_epoch=1, best_accuracy=0.815, test_accuracy=0.846, seconds=20.0)


def test_labels_differ_by_settings_time_or_id(home: Path) -> None:
    first = make_run(home, name="same")
    slower = make_run(home, name="same", config=CONFIG.changed(learning_rate=0.003))
    again = RunFolder(home / "runs" / "20300102-030405-abcdef")
    again.path.mkdir()
    again.write_description(CONFIG, name="same\n", created=0.0, queue="cpu")
    other = make_run(home, name="another", config=replace(CONFIG, epochs=3))
    found = results.labels([first, slower, again, other])
    assert found[1] == "same, learning rate 0.003"
    assert found[2] == "same, learning rate 0.01, 03:04:05"
    assert found[3] == "another"
    assert len(set(found)) == 4


def result(label: str, **values: Any) -> Result:
    nothing = Result(
        label=label,
        status=Status.FINISHED,
        parameters=None,
        seconds=10.0,
        steps_per_second=None,
        best=None,
        test_accuracy=None,
        test_images=500,
    )
    return replace(nothing, **values)


def test_verdict_names_lead_and_time() -> None:
    first = result("a", test_accuracy=0.846)
    for seconds, words in ((30, "a third of the time"), (5, "2.0 times the time"), (10.5, "about the same time")):
        sentence = results.judge([result("*b*", test_accuracy=0.6, seconds=seconds), first])
        assert sentence == f"a has the best test accuracy: 84.6%, 24.6 points ahead of *b*, in {words}."


def test_verdict_warns_of_chance_and_knows_a_tie() -> None:
    first = result("a", test_accuracy=0.846)
    close = results.judge([first, result("b", test_accuracy=0.826, seconds=0.0)])
    assert close.endswith("2.0 points ahead of b. With 500 test photos, a lead that small can be chance.")
    assert "chance" not in results.judge([replace(first, test_images=50_000), result("b", test_accuracy=0.826)])
    tie = results.judge([first, result("b", test_accuracy=0.846, seconds=5.0)])
    assert tie == "b and a have the same test accuracy, 84.6%: the first in half the time."


@pytest.mark.parametrize(
    ("tests", "images", "leads"),
    [
        ((0.846, 0.6), 500, True),
        ((0.846, 0.826), 500, False),
        ((0.846, 0.826), 50_000, True),
        ((0.846, 0.846), 500, False),
        ((0.846, None), 500, False),
        ((0.846, 0.826), None, True),
    ],
)
def test_winner_is_crowned_where_the_verdict_does_not_speak_of_chance(
    tests: tuple[float, float | None], images: int | None, leads: bool
) -> None:
    found = [result("a", test_accuracy=tests[1], test_images=images), result("b", test_accuracy=tests[0])]
    found[1] = replace(found[1], test_images=images)
    assert results.leader(found) is (found[1] if leads else None)


def test_verdict_of_runs_that_are_under_way_speaks_of_validation() -> None:
    first, second = (
        result(name, best=replace(VALIDATED, accuracy=accuracy)) for name, accuracy in (("a", 0.7), ("b", 0.8))
    )
    assert results.judge([first, second]) == "b has the best validation accuracy so far: 80.0%, 10.0 points ahead of a."
    tie = results.judge([first, replace(first, label="c")])
    assert tie == "a and c have the same validation accuracy so far, 70.0%."
    assert results.judge([first, result("c")]).endswith("70.0%. No other run has been scored yet.")


def test_speed_is_that_of_the_whole_run(home: Path) -> None:
    run = follow(make_run(home, STARTED, *STEPS, VALIDATED, FINISHED))
    [summed_up] = results.summarize([run])
    assert summed_up.steps_per_second == pytest.approx(4.0)
    assert (summed_up.seconds, summed_up.parameters, summed_up.best) == (20.0, 12_810, VALIDATED)
