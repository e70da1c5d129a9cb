"""The Linear Fit page, script by script: its settings, its states, what it teaches, and the files it takes."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.driver import work_alone
from core.models import saving
from core.runs import jobs, locks, store, workers
from core.runs.config import FineTuneConfig, LinearFitConfig
from core.runs.events import Event, Failed, Fitting, LinearStep, Stopped
from core.runs.folder import RunFolder
from core.runs.linear_script import script
from pages.places import LINEAR_FIT
from tests.core.test_linear_fit import end_of
from tests.pages import apps
from tests.pages.apps import address, button, field, texts
from tests.samples import as_read, make_run

open_page = partial(apps.open_page, LINEAR_FIT)


SHORT = LinearFitConfig(epochs=20, seed=4)
DEFAULT = LinearFitConfig()
STEPS = [LinearStep(step=n, loss=9 / n, weight=1.5, bias=0.25, seconds=n / 1e4) for n in range(1, 8)]


@pytest.fixture(autouse=True)
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker is started."""
    monkeypatch.setattr(workers, "prepare", lambda: None)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[LinearFitConfig]:
    """The configurations of the fits that were started, which are done at once."""
    configs: list[LinearFitConfig] = []

    def start(runs_home: Path, config: LinearFitConfig) -> RunFolder:
        configs.append(config)
        return fitted_run(runs_home, config)

    monkeypatch.setattr(jobs, "start", start)
    return configs


make_fit = partial(make_run, config=DEFAULT, queue="helper")


def fitted_run(home: Path, config: LinearFitConfig) -> RunFolder:
    folder = store.new_folder(home)
    folder.write_description(config, name="mine", created=0.0, queue="helper")
    work_alone(str(folder.path))
    return folder


def charts(page: AppTest) -> list[dict]:
    return [json.loads(chart.proto.json) for chart in page.get("bidi_component")]


def names(chart: dict) -> list[str]:
    return [trace["name"] for trace in chart["figure"]["data"]]


def test_points_and_the_exact_line_are_there_before_anything_is_fitted() -> None:
    scatter, curves = charts(open_page())
    assert scatter["numbers"] == {"Weight · exact 1.9917": "–", "Bias · exact 3.9678": "–"}
    assert "Exact, least squares" in names(scatter)
    assert "Trained" not in names(scatter)
    assert curves["numbers"] == {"Loss · exact 0.6298": "–", "Epoch · of 1,000": "–"}


def test_click_fits_with_the_lessons_settings_and_says_what_came_of_it(started: list[LinearFitConfig]) -> None:
    page = open_page()
    button(page, "Fit the line").click().run()
    assert started == [DEFAULT]
    assert address(page) == {"run": next(store.newest(store.home())).id}
    fitted = end_of(DEFAULT)
    scatter, curves = charts(page)
    assert list(scatter["numbers"].values()) == [f"{fitted.weight:.4f}", f"{fitted.bias:.4f}"]
    assert list(curves["numbers"].values()) == [f"{fitted.loss:.4f}", "1,000"]
    assert "Trained" in names(scatter)
    assert "Loss over 1,000 of 1,000 epochs" in curves["description"]
    said = texts(page)
    assert "**The bias is still moving:** 3.391 now, 3.948 in the end; 13% of its way is left." in said
    assert "learning rate ÷ (1 − momentum) = 0.001 as the effective step" in said
    assert "the distance shrinks to half every 338 epochs" in said
    assert "**The exact bias is near 4, not 3:**" in said
    assert "training heads for a bias of 3.9481 instead of 3.9678" in said
    assert f"| **Trained**, 1,000 epochs | 1.9936 | 3.3911 | {fitted.loss:.4f} |" in said
    assert "| **Exact**, least squares | 1.9917 | 3.9678 | 0.6298 |" in said
    assert "| **Exact** with weight decay 0.01 | 1.9915 | 3.9481 | 0.6302 |" in said


def test_fit_that_has_arrived_is_said_to_have(started: list[LinearFitConfig]) -> None:
    page = open_page(learning_rate="0.01", weight_decay="0.0")
    button(page, "Fit the line").click().run()
    assert "**Training has converged:**" in texts(page)
    assert "Weight decay pulls" not in texts(page)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"momentum": "0.999"},
            "**The weight is still moving:** 2.257 now, 1.991 in the end; it has gone past its goal by 59% of its way, "
            "and it swings around its goal. The bias is moving, too: it still gets up to 2.4 away.",
        ),
        ({"momentum": "0.999", "learning_rate": "0.01"}, "it has gone past its goal by 51% of its way, and it swings"),
        ({"momentum": "0.99", "epochs": "60"}, "71% of its way is left, and it swings around its goal."),
    ],
)
def test_swinging_fit_is_said_to_swing(started: list[LinearFitConfig], settings: dict[str, str], sentence: str) -> None:
    page = open_page(**settings)
    button(page, "Fit the line").click().run()
    assert sentence in texts(page)


def test_fit_that_runs_away_slowly_is_said_to(started: list[LinearFitConfig]) -> None:
    page = open_page(learning_rate="0.06", epochs="10")
    assert "every step overshoots" in texts(page)
    assert "one below 0.053" in texts(page)
    button(page, "Fit the line").click().run()
    assert "**The fit runs away:**" in texts(page)


def test_settings_live_in_the_address_and_come_from_it(started: list[LinearFitConfig]) -> None:
    page = open_page(learning_rate="0.001", seed="3")
    field(page, "Epochs").set_value(50).run()
    assert address(page) == {"epochs": "50", "learning_rate": "0.001", "seed": "3"}
    button(page, "Fit the line").click().run()
    assert started == [LinearFitConfig(epochs=50, learning_rate=0.001, seed=3)]
    assert list(address(page)) == ["run"], "the fit knows its settings"


def test_link_to_a_fit_opens_it_with_its_settings(home: Path, started: list[LinearFitConfig]) -> None:
    folder = fitted_run(home, SHORT)
    page = open_page(run=folder.id)
    assert (field(page, "Epochs").value, field(page, "Seed").value) == (20, 4)
    assert charts(page)[1]["numbers"]["Epoch · of 20"] == "20"
    field(page, "Seed").set_value(5).run()
    assert address(page) == {"run": folder.id, "seed": "5"}
    assert "The settings above differ from those of the fit below" in texts(page)
    assert "default_rng(4)" in texts(page), "all below is about the fit that is shown"
    button(page, "Lesson's settings").click().run()
    assert field(page, "Epochs").value == 1_000
    button(page, "Fit the line").click().run()
    assert started == [DEFAULT]


def test_another_link_on_the_page_shows_the_other_fits_settings(home: Path) -> None:
    page = open_page(run=fitted_run(home, SHORT).id)
    page.query_params["run"] = fitted_run(home, replace(SHORT, seed=9)).id
    assert field(page.run(), "Seed").value == 9


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("seed", "<b>abc</b>", "The address says seed = “<b>abc</b>”, which is not possible"),
        ("epochs", "1.5", "The address says epochs = “1.5”, which is not possible"),
        ("learning_rate", "nan", "The address says learning_rate = “nan”, which is not possible"),
        ("learning_rate", "99", "Learning rate must be greater than 0 and at most 10, but it is 99"),
    ],
)
def test_bad_address_is_said_in_a_sentence(name: str, text: str, message: str) -> None:
    assert message in as_read(texts(open_page(**{name: text})))


@pytest.mark.parametrize(
    ("label", "value", "message"),
    [
        ("Epochs", 20_001, "Epochs must be between 1 and 20,000, but it is 20,001"),
        ("Learning rate", 0.0, "Learning rate must be greater than 0 and at most 10, but it is 0"),
        ("Momentum", 1.0, "Momentum must be between 0 and 0.999, but it is 1"),
        ("Weight decay", -1.0, "Weight decay must be between 0 and 1, but it is -1"),
        ("Seed", -1, "Seed must be between 0 and 2,147,483,647, but it is -1"),
    ],
)
def test_setting_out_of_range_is_refused_where_it_is_typed(label: str, value: float, message: str) -> None:
    page = open_page()
    field(page, label).set_value(value).run()
    assert message in as_read(texts(page))
    assert button(page, "Fit the line").disabled
    button(page, "Lesson's settings").click().run()
    assert not button(page, "Fit the line").disabled


@pytest.mark.parametrize("run_id", ["no-such-run", "../../etc", "20260101-000000-abcdef", "<script>"])
def test_fit_that_is_not_there_is_said_to_be_not_there_and_the_form_works(
    run_id: str, started: list[LinearFitConfig]
) -> None:
    page = open_page(run=run_id)
    assert "There is no run" in page.error[0].value
    field(page, "Seed").set_value(8).run()
    button(page, "Fit the line").click().run()
    assert started == [LinearFitConfig(seed=8)]


def test_run_of_another_kind_is_said_to_be_none(home: Path) -> None:
    folder = store.new_folder(home)
    folder.write_description(FineTuneConfig(), name="mine", created=0.0, queue="cpu")
    assert "is no linear fit" in open_page(run=folder.id).error[0].value


def test_running_fit_shows_where_it_is_and_stops_when_asked(home: Path) -> None:
    folder = make_fit(home, Fitting(epochs=1_000), *STEPS)
    lock = locks.hold(folder.lock)
    page = open_page(run=folder.id)
    assert "Epoch 7 of 1,000" in page.info[0].value
    assert charts(page)[0]["numbers"]["Bias · exact 3.9678"] == "0.2500"
    button(page, "Stop").click().run()
    assert folder.control.exists()
    os.close(lock)


def test_fit_that_has_not_begun_says_what_it_waits_for(home: Path) -> None:
    folder = make_fit(home)
    lock = locks.hold(folder.lock)
    assert "Loading PyTorch" in open_page(run=folder.id).info[0].value
    os.close(lock)


def test_fits_that_ended_early_say_how(home: Path) -> None:
    begun: list[Event] = [Fitting(epochs=1_000), *STEPS]
    page = open_page(run=make_fit(home, *begun, Stopped(step=7)).id)
    assert "Stopped after epoch 7" in page.info[0].value
    page = open_page(run=make_fit(home, *begun, Failed(message="It *broke*.", step=7)).id)
    assert page.error[0].value == "It \\*broke\\*\\."
    page = open_page(run=make_fit(home, *begun).id)
    assert "cut off after epoch 7" in page.warning[0].value
    assert "Trained or exact?" not in [heading.value for heading in page.subheader]


def test_numbers_of_a_fit_that_ran_away_stay_short(home: Path) -> None:
    folder = fitted_run(home, LinearFitConfig(learning_rate=0.06))
    page = open_page(run=folder.id)
    assert "the learning rate 0.06 is too large" in as_read(page.error[0].value)
    shown = [number for chart in charts(page) for number in chart["numbers"].values()]
    assert max(map(len, shown)) < 10


def test_model_is_saved_in_both_ways_and_proved_equal(home: Path) -> None:
    folder = fitted_run(home, SHORT)
    page = open_page(run=folder.id)
    said = texts(page)
    assert "| `bias` | " in said
    assert said.count("| equal |") == 4
    assert "**different**" not in said
    assert "| (1,) | True |" in said
    assert "the check is never turned off" in said
    downloads = [element.proto.label for element in page.get("download_button")]
    assert downloads == ["Download linear_model.pth", "Download linear_model_with_arc.pth"]
    assert f"{end_of(SHORT).bias:.4f}" in said


@pytest.mark.parametrize("way", [0, 1])
def test_file_of_either_way_is_loaded_and_drawn(way: int) -> None:
    model = saving.save_and_load(1.5, -2.25)[way]
    page = open_page()
    page.file_uploader[0].set_value((model.file_name, model.contents, "application/octet-stream")).run()
    assert "`weight` 1.5, `bias` -2.25" in page.success[0].value
    assert "From the file" in names(charts(page)[0])


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (lambda: b"noise", "can be read safely"),
        (lambda: b"cos\nsystem\n(S'false'\ntR.", "can be read safely"),
        (lambda: b"", "is empty"),
    ],
)
def test_bad_file_is_refused_by_name_in_one_sentence(contents: Callable[[], bytes], message: str) -> None:
    page = open_page()
    page.file_uploader[0].set_value(("my *model*.pth", contents(), "application/octet-stream")).run()
    assert page.error[0].value.startswith("my \\*model\\*\\.pth ")
    assert message in page.error[0].value
    assert "From the file" not in names(charts(page)[0])


def test_script_of_the_settings_is_shown() -> None:
    page = open_page(momentum="0.5")
    assert script(LinearFitConfig(momentum=0.5)).strip() in [code.value.strip() for code in page.code]
