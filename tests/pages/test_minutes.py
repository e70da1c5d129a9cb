"""Minutes in place of epochs, and views in place of new changes: what the form asks, starts and says of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.runs import estimate, history, jobs
from core.runs.config import FineTuneConfig
from core.runs.events import Budgeted, to_dict
from core.runs.folder import RunFolder
from core.runs.quantities import MOST_EPOCHS
from pages.fine_tune.settings import without_effect
from pages.fine_tune.words import budget, in_minutes, in_words
from pages.places import FINE_TUNE, FINE_TUNE_RUN
from tests.conftest import follow
from tests.pages import apps
from tests.pages.apps import button, field, texts
from tests.samples import FIRST_CLICK, STARTED, as_read, empty_run, make_run

pytestmark = pytest.mark.usefixtures("quiet")


def test_minutes_take_the_place_of_epochs_and_give_it_back(started: list[FineTuneConfig]) -> None:
    page = apps.open_page(FINE_TUNE, epochs="7")
    page.number_input(key="fine_tune_minutes").set_value(2.5).run()
    assert "as many epochs are trained as fit into **2.5 minutes**" in "\n".join(md.value for md in page.markdown)
    assert "fine_tune_epochs" not in {element.key for element in page.number_input}
    assert page.query_params["minutes"] == "2.5"
    assert "within 2.5 minutes · learning rate 0.01" in as_read(texts(page))
    page.number_input(key="fine_tune_minutes").set_value(0.0).run()
    assert field(page, "Epochs").value == FIRST_CLICK.epochs
    page.number_input(key="fine_tune_minutes").set_value(3.0).run()
    button(page, "Start fine-tuning").click().run()
    assert started == [FIRST_CLICK.changed(minutes=3.0, epochs=MOST_EPOCHS)]


def test_preset_goes_by_epochs() -> None:
    page = apps.open_page(FINE_TUNE, minutes="4")
    page.button_group(key="preset").set_value("lesson").run()
    assert page.number_input(key="fine_tune_minutes").value == 0
    assert field(page, "Epochs").value == 3


def test_settings_of_a_run_of_minutes_are_those_that_it_was_asked_for(started: list[FineTuneConfig]) -> None:
    """Its folder says how many epochs came of them; here it may be another number, on another day."""
    page = apps.open_page(FINE_TUNE, minutes="4", epochs="17")
    button(page, "Start fine-tuning").click().run()
    assert started == [FIRST_CLICK.changed(minutes=4.0, epochs=MOST_EPOCHS)]


@pytest.mark.parametrize(
    ("lanes", "said", "asked"),
    [
        (
            "frozen,full",
            "as many epochs are trained as fit into **5 minutes** for each run",
            [(5, MOST_EPOCHS), (5, MOST_EPOCHS)],
        ),
        ("frozen;minutes=0,full", "the runs train for 3 epochs and 5 minutes", [(0, 3), (5, MOST_EPOCHS)]),
        ("frozen;epochs=7;minutes=0,full;minutes=2", "for 7 epochs and 2 minutes", [(0, 7), (2, MOST_EPOCHS)]),
    ],
)
def test_race_says_when_its_runs_end(
    lanes: str, said: str, asked: list[tuple[float, int]], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raced: list[FineTuneConfig] = []

    def race(home: Path, configs: list[FineTuneConfig]) -> list[RunFolder]:
        raced.extend(configs)
        return [empty_run(home, config) for config in configs]

    monkeypatch.setattr(jobs, "race", race)
    page = apps.open_page(FINE_TUNE, mode="race", minutes="5", lanes=lanes)
    assert said in "\n".join(md.value for md in page.markdown)
    button(page, "Start the race").click().run()
    assert [(config.minutes, config.epochs) for config in raced] == asked


def test_minutes_are_the_estimate(home: Path) -> None:
    config = FIRST_CLICK.changed(minutes=5.0)
    assert estimate.seconds_of([config], home) == 300
    assert estimate.seconds_of([config, FIRST_CLICK], home) is None
    assert "judging by an earlier run" not in texts(apps.open_page(FINE_TUNE, minutes="5"))


@pytest.mark.parametrize(
    ("decided", "said"),
    [
        (
            {"epochs": 17, "first_epoch_s": 20, "last_epoch_s": 17},
            "17 epochs fit into 5 minutes, as measured at the start: each takes about 17 s.",
        ),
        (
            {"epochs": 98, "first_epoch_s": 12, "last_epoch_s": 3},
            "98 epochs fit into 5 minutes, as measured at the start: the first takes about 12 s, and the last about "
            "3 s.",
        ),
        (
            {"epochs": 1, "first_epoch_s": 240, "last_epoch_s": 240},
            "1 epoch fits into 5 minutes, as measured at the start: each takes about 4 min 0 s.",
        ),
        (
            {"epochs": MOST_EPOCHS, "first_epoch_s": 0.2, "last_epoch_s": 0.2},
            "1,000 epochs, the most there may be, take less than 5 minutes: each takes less than 1 s.",
        ),
        (
            {"epochs": 400, "first_epoch_s": 9, "last_epoch_s": 0.2},
            "400 epochs fit into 5 minutes, as measured at the start: the first takes about 9 s, and the last less "
            "than 1 s.",
        ),
        (
            {"epochs": 1, "first_epoch_s": 400, "last_epoch_s": 400, "fits": False},
            "Not even one epoch fits into 5 minutes, with measuring and test. One is trained: it takes about 6 min "
            "40 s.",
        ),
    ],
)
def test_run_says_how_many_epochs_fit_and_why(decided: dict[str, Any], said: str, home: Path) -> None:
    event = Budgeted(minutes=5, **decided)
    assert budget(event) == said
    config = FIRST_CLICK.changed(minutes=5.0, epochs=event.epochs)
    page = apps.open_page(FINE_TUNE_RUN, run=make_run(home, event, STARTED, config=config).id)
    assert said in as_read(texts(page))


def test_line_says_no_epochs_before_they_are_known() -> None:
    values = FIRST_CLICK.changed(minutes=1.0, epochs=MOST_EPOCHS).to_dict()
    assert "within 1 minute" in in_words(values)
    assert "epoch" not in in_words(values)
    assert "17 epochs · within 1 minute" in in_words(values | {"epochs": 17})
    assert "1,000 epochs" in in_words(values | {"minutes": 0.0})


@pytest.mark.parametrize(
    ("settings", "is_idle"),
    [
        ({}, True),
        ({"augmentation": "random_resized_crop"}, False),
        ({"flip": 0.5}, False),
        ({"flip": 0.5, "mode": "last_stage"}, False),
        ({"flip": 0.5, "mode": "full"}, True),
        ({"flip": 0.5, "mode": "full", "thaw_every": 2}, False),
        ({"flip": 0.5, "freezing": "gradients"}, True),
    ],
)
def test_views_are_asked_for_where_something_is_computed_anew(settings: dict[str, Any], is_idle: bool) -> None:
    assert ("views" in without_effect(FineTuneConfig.of(**settings).to_dict())) == is_idle


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(5, "5 minutes"), (1, "1 minute"), (0.5, "30 seconds"), (0.02, "1.2 seconds"), (1e-9, "a second")],
)
def test_any_number_of_minutes_can_be_read(minutes: float, said: str) -> None:
    assert in_minutes(minutes) == said


def test_epochs_of_a_race_are_asked_for_beside_minutes() -> None:
    """Some of its runs may go by them: they are kept, and checked."""
    page = apps.open_page(FINE_TUNE, mode="race", minutes="1", epochs="0", lanes="frozen,full;minutes=0")
    assert not page.exception
    assert button(page, "Start the race").disabled
    field(page, "Epochs").set_value(7).run()
    page.number_input(key="fine_tune_batch_size").set_value(16).run()
    assert "the runs train for 1 minute and 7 epochs" in texts(page)
    assert page.query_params["epochs"] == "7"


@pytest.mark.parametrize("damage", [{"epochs": 10**9}, {"epochs": 0}, {"minutes": 1e300}, {"minutes": -1.0}])
def test_damaged_decision_is_none(damage: dict[str, Any], home: Path) -> None:
    decided = Budgeted(minutes=5.0, epochs=3, first_epoch_s=1.0, last_epoch_s=1.0)
    folder = make_run(home, decided, STARTED)
    damaged = json.dumps(to_dict(decided) | damage)
    folder.events.write_text(folder.events.read_text().replace("Budgeted", "Forgotten") + damaged + "\n")
    assert history.budget(follow(folder).events) is None
