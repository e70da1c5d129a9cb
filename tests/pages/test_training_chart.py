"""The chart of a run and of a race as their pages send it: what the address chooses, what is said below it."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.runs import locks
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Step
from core.runs.folder import RunFolder
from pages.places import FINE_TUNE_RUN, RUNS
from tests.pages import apps
from tests.pages.apps import address
from tests.pages.test_race_page import FINISHED, make_race
from tests.samples import STARTED, make_run

pytestmark = pytest.mark.usefixtures("quiet")

BEGUN = dataclasses.replace(STARTED, steps_per_epoch=1, total_steps=4)
STEPS = [Step(step=n, loss=1 / n, learning_rate=0.01, seconds=2.0 * n, images=32) for n in range(1, 5)]
RISING = [
    Evaluated(split="validation", epoch=n, step=n, loss=loss, accuracy=accuracy, seconds=2.0 * n, best=n <= 3)
    for n, loss, accuracy in ((1, 1.0, 0.5), (2, 0.5, 0.6), (3, 0.8, 0.9), (4, 0.9, 0.7))
]
OVERFITS = (
    "Validation loss was lowest after epoch 2 and has risen since, while training loss still falls: the network "
    "overfits. What is kept are the weights of epoch 3, the best on validation."
)


def overfitted(home: Path, name: str = "mine", **settings: Any) -> RunFolder:
    config = FineTuneConfig.of(epochs=4, **settings)
    return make_run(home, BEGUN, *STEPS, *RISING, FINISHED, config=config, name=name)


def chart(page: AppTest) -> dict[str, Any]:
    """What the browser is told of the chart."""
    shown: dict[str, Any] = json.loads(page.get("bidi_component")[0].proto.json)
    return shown


def chosen(page: AppTest) -> dict[str, str]:
    return {choice["name"]: choice["value"] for choice in chart(page)["choices"]}


def test_beginner_sees_steps_on_a_linear_scale(home: Path) -> None:
    page = apps.open_page(FINE_TUNE_RUN, run=overfitted(home).id)
    assert chosen(page) == {"x": "step", "scale": "linear"}
    assert chart(page)["figure"]["layout"]["xaxis"]["title"]["text"] == "Step"
    assert "yaxis3" not in chart(page)["figure"]["layout"]


def test_address_chooses_how_the_chart_is_drawn_and_says_nothing_that_could_not_be(home: Path) -> None:
    run = overfitted(home)
    page = apps.open_page(FINE_TUNE_RUN, run=run.id, x="seconds", scale="log_loss")
    assert chosen(page) == {"x": "seconds", "scale": "log_loss"}
    assert chart(page)["figure"]["layout"]["yaxis"]["type"] == "log"
    assert address(page) == {"run": run.id, "x": "seconds", "scale": "log_loss"}
    page = apps.open_page(FINE_TUNE_RUN, run=run.id, x="<b>", scale="../")
    assert chosen(page) == {"x": "step", "scale": "linear"}


def test_going_back_or_on_to_another_run_draws_the_chart_as_the_address_says(home: Path) -> None:
    first, second = overfitted(home), overfitted(home)
    page = apps.open_page(FINE_TUNE_RUN, run=first.id, x="images").run()
    for run, x in ((first, "step"), (first, "epoch"), (second, "step")):
        page.query_params.clear()
        page.query_params["run"] = run.id
        if x != "step":
            page.query_params["x"] = x
        assert chosen(page.run())["x"] == x
        page.run()  # the browser is seen there


def test_turn_of_the_validation_loss_is_said_below_the_chart_and_to_a_screen_reader(home: Path) -> None:
    shown = chart(apps.open_page(FINE_TUNE_RUN, run=overfitted(home).id))
    assert shown["notes"] == [OVERFITS]
    assert "the network overfits" in shown["description"]


def test_race_says_which_run_overfits_and_takes_its_steps_away_in_one_table(home: Path) -> None:
    folders = make_race(home, [*RISING, FINISHED], [FINISHED])
    shown = chart(apps.open_page(FINE_TUNE_RUN, run=folders[0].id, x="seconds"))
    (note,) = shown["notes"]
    assert note.startswith("the frozen one: validation loss was lowest after epoch 2")
    assert shown["downloads"] == {
        "name": f"the-frozen-one-against-the-full-one-{folders[0].id}",
        "csv": f"steps/{folders[0].id},{folders[1].id}.csv",
    }


def test_files_are_named_after_the_run_whatever_it_is_called(home: Path) -> None:
    run = overfitted(home, name="../<b>my\u202e run</b>.exe")
    downloads = chart(apps.open_page(FINE_TUNE_RUN, run=run.id))["downloads"]
    assert downloads == {"name": f"b-my-run-b-exe-{run.id}", "csv": f"steps/{run.id}.csv"}
    assert chart(apps.open_page(FINE_TUNE_RUN, run=overfitted(home, name="..").id))["downloads"]["name"][:2] == "20"


def test_schedule_and_thaws_are_drawn_while_a_run_trains(home: Path) -> None:
    config = FineTuneConfig.of(epochs=4, mode="full", schedule="cosine", thaw_every=2)
    run = make_run(home, BEGUN, *STEPS[:3], config=config)
    lock = locks.hold(run.lock)
    shown = chart(apps.open_page(FINE_TUNE_RUN, run=run.id))
    os.close(lock)
    assert shown["figure"]["data"][-1]["name"] == "Learning rate"
    assert [label["text"] for label in shown["figure"]["layout"]["annotations"]] == ["thaws"]
    assert shown["height"] > chart(apps.open_page(FINE_TUNE_RUN, run=overfitted(home).id))["height"]


def test_comparison_keeps_the_view_in_its_address(home: Path) -> None:
    compared = ",".join(overfitted(home, name=name).id for name in "ab")
    page = apps.open_page(RUNS, compare=compared, x="epoch")
    assert chosen(page) == {"x": "epoch", "scale": "linear"}
    assert address(page) == {"compare": compared, "x": "epoch"}
