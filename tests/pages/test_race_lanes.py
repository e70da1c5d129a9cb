"""The runs of a race in its form: each may differ in whatever they need not share, and nothing of that is lost."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from core import ask
from core.ask import File
from core.runs import jobs
from core.runs.config import MAX_LANES, SHARED_IN_A_RACE, FineTuneConfig
from core.runs.learning_settings import LearningSettings
from core.runs.presets import PRESETS
from core.runs.race_names import default_names
from core.runs.settings import Choice, Number, settings_of
from pages.fine_tune import lane_address
from pages.fine_tune.lane_address import CAN_DIFFER
from pages.fine_tune.lane_form import settings_of_lane
from pages.fine_tune.race_again import as_form
from pages.fine_tune.settings import settled, without_effect
from pages.places import FINE_TUNE, FINE_TUNE_RUN
from tests.pages import apps
from tests.pages.apps import button, field, texts
from tests.pages.test_fine_tune_page import FINISHED
from tests.pages.test_race_page import make_race
from tests.samples import as_read

NETWORKS = ("efficientnet_lite0", "resnet18", "my_cnn", "inception_v3")
ABOUT = settings_of(FineTuneConfig)


def values(name: str) -> st.SearchStrategy[Any]:
    """What a setting may be, as an address has it to the last digit."""
    about = ABOUT[name]
    if name == "architecture":
        return st.sampled_from(NETWORKS)
    if isinstance(about, Choice):
        return st.sampled_from(list(about.options))
    if not isinstance(about, Number):
        return st.text(min_size=1)
    least, most, excluded = about.allowed
    if about.is_whole:
        return st.integers(int(least), int(most))
    return st.floats(least, most, exclude_min=excluded).map(lambda value: float(f"{value:.12g}"))


OWN = st.fixed_dictionaries({}, optional={name: values(name) for name in ("learning_rate", *CAN_DIFFER)})
LANE = st.builds(lambda mode, own: {"mode": mode, **own}, values("mode"), OWN)
LANES = st.lists(LANE, min_size=2, max_size=MAX_LANES)


@given(LANES)
def test_address_holds_all_that_runs_have_of_their_own(lanes: list[dict[str, Any]]) -> None:
    text = lane_address.write(lanes)
    assert lane_address.read(text) == (lanes, []) if text else lanes == [*lane_address.DEFAULT]


@pytest.mark.parametrize("name", CAN_DIFFER)
def test_every_setting_has_its_way_into_the_address_and_back(name: str) -> None:
    about, default = ABOUT[name], FineTuneConfig().to_dict()[name]
    value = "/my/file;of=all,weights@%.pth" if default is None else default
    value = list(about.options)[-1] if isinstance(about, Choice) else value
    lanes = [{"mode": "full", name: value}, {"mode": "full"}]
    assert lane_address.read(lane_address.write(lanes)) == (lanes, [])


@given(st.text() | st.lists(st.text("fulrozen,;=@%.-0123456789eaimg_sizpochtd\0"), max_size=6).map(",".join))
def test_any_text_gives_runs_of_settings_of_the_right_type(text: str) -> None:
    lanes, _ = lane_address.read(text)
    for lane in lanes or ():
        assert lane["mode"] in ABOUT["mode"].options  # type: ignore[union-attr]
        for name, value in lane.items():
            assert name in ("mode", "learning_rate", *CAN_DIFFER)
            assert type(value) is type(FineTuneConfig().to_dict()[name] or "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("full;epochs=many,full", "epochs = “many” of run 1"),
        ("full,full;architecture=<b>", "architecture = “<b>” of run 2"),
        ("full,frozen;seed=3", "seed = “3” of run 2"),
        ("full;mode=frozen,full", "mode = “frozen” of run 1"),
        ("full,full;" + "x" * 99, f"{'x' * 40}… = “” of run 2"),
        ("full;epochs=" + "9" * 5_000 + ",full", "of run 1"),
    ],
)
def test_what_cannot_be_of_a_run_is_said_and_left_out(text: str, said: str) -> None:
    lanes, problems = lane_address.read(text)
    assert [lane.keys() for lane in lanes or ()] == [{"mode"}] * 2
    assert len(problems) == 1
    assert f"The address says {said}" in problems[0] or said in problems[0]
    assert len(problems[0]) < 250


@pytest.mark.parametrize(
    "text", ["", "full", "full,", "full,fall", "full@fast,full", "full@0,full", ",".join("ffffff")]
)
def test_what_is_no_race_is_refused_as_a_whole(text: str) -> None:
    assert lane_address.read(text) == (None, [])


RUN = st.fixed_dictionaries({name: values(name) for name in ("mode", "learning_rate", *CAN_DIFFER)})


@settings(max_examples=60)
def _counting(run: dict[str, Any]) -> dict[str, Any]:
    """The settings that count: where a run has minutes, how many epochs these are is measured anew."""
    return run | {"epochs": 0} if run["minutes"] else run


@given(st.lists(RUN, min_size=2, max_size=3))
def test_race_that_was_is_filled_in_as_it_was(own: list[dict[str, Any]]) -> None:
    runs: list[dict[str, Any]] = []
    for values_of_run in own:
        run = settled(FineTuneConfig().to_dict() | values_of_run)
        run["weights_file"] = f"/{len(runs)}.pth" if run["weights"] == "file" else None
        assume(run["architecture"] != "my_cnn" or run["weights"] != "pretrained")  # there are none
        try:
            runs.append(FineTuneConfig.of(**run).to_dict())
        except ValueError:  # the network reads no such photos, or has fewer blocks
            assume(False)
    form, lanes = as_form(runs)
    assert [_counting(settings_of_lane(form, lane)) for lane in lanes] == [*map(_counting, runs)]
    assert all(name not in without_effect(run) for run, lane in zip(runs, lanes, strict=True) for name in lane)


def test_race_whose_runs_freeze_otherwise_keeps_what_hangs_on_that() -> None:
    """BatchNorm's mode has an effect in a frozen run only where layers are frozen by their gradients alone."""
    runs = [
        FineTuneConfig(mode="last_stage", learning=LearningSettings(batch_norm="eval")).to_dict(),
        FineTuneConfig(mode="frozen", learning=LearningSettings(freezing="gradients")).to_dict(),
    ]
    form, lanes = as_form(runs)
    assert [_counting(settings_of_lane(form, lane)) for lane in lanes] == [*map(_counting, runs)]


@pytest.fixture
def raced(started: list[FineTuneConfig], monkeypatch: pytest.MonkeyPatch) -> list[FineTuneConfig]:
    """The configurations of the runs of a race that was started."""
    monkeypatch.setattr(jobs, "race", lambda home, configs: [jobs.start(home, config) for config in configs])
    return started


def open_race(**query: str) -> AppTest:
    return apps.open_page(FINE_TUNE, mode="race", **query)


def differ(page: AppTest, number: int, *names: str) -> None:
    page.multiselect(key=f"fine_tune_lane_{number}_differs").set_value(list(names)).run()


pytestmark = pytest.mark.usefixtures("quiet")


def test_run_differs_in_what_is_chosen_for_it_and_keeps_it(raced: list[FineTuneConfig]) -> None:
    page = open_race(lanes="frozen,full")
    offered = page.multiselect(key="fine_tune_lane_1_differs").options
    assert {"Network", "Image size", "Optimizer", "Epochs", "Warm-up", "BatchNorm of trainable layers"} <= {*offered}
    assert {ABOUT[name].label for name in (*SHARED_IN_A_RACE, "depth")}.isdisjoint(offered)
    differ(page, 1, "algorithm", "epochs")
    assert page.button_group(key="fine_tune_lane_1_algorithm").value == "adamw", "as all have it, until it is changed"
    page.button_group(key="fine_tune_lane_1_algorithm").set_value("adam")
    field(page, "Run 2: Epochs").set_value(5).run()
    button(page, "Add a run").click().run()
    page.button(key="fine_tune_lane_0_remove").click().run()
    assert page.query_params["lanes"] == "full;epochs=5;algorithm=adam,full"
    assert "171 to 285 steps" in texts(page)
    page.button_group(key="preset").set_value("lesson").run()
    assert field(page, "Run 1: Epochs").value == 5, "a preset is for what is said of all"
    button(page, "Start the race").click().run()
    lesson = PRESETS["lesson"].race
    assert raced == [
        FineTuneConfig.of(**lesson | {"mode": "full", "epochs": 5, "algorithm": "adam"}),
        FineTuneConfig.of(**lesson | {"mode": "full"}),
    ]


def test_wrong_value_is_said_with_its_run_and_its_setting(raced: list[FineTuneConfig]) -> None:
    page = open_race(lanes="frozen,full;epochs=0;algorithm=sgd,full;architecture=inception_v3", image_size="64")
    said = as_read(texts(page))
    assert "Run 2: Epochs must be between 1 and 1,000, but it is 0." in said
    assert "Run 3: Image size must be at least 75 for Inception v3, but it is 64." in said
    assert button(page, "Start the race").disabled
    assert not page.warning


def test_what_has_no_effect_in_a_run_is_not_asked_for_and_not_lost(raced: list[FineTuneConfig]) -> None:
    own = "batch_norm=eval;algorithm=sgd;momentum=0.5"
    page = open_race(lanes=f"frozen;{own},full;{own}", algorithm="adamw")
    keys = {element.key for element in page.get("button_group")}
    assert "fine_tune_lane_1_batch_norm" in keys
    assert "fine_tune_lane_0_batch_norm" not in keys
    assert "Without effect in run 1: BatchNorm of trainable layers." in as_read(texts(page))
    page.button_group(key="fine_tune_lane_1_algorithm").set_value("adamw").run()
    assert "Without effect in run 2: Momentum." in as_read(texts(page))
    page.button_group(key="fine_tune_lane_1_algorithm").set_value("sgd").run()
    assert field(page, "Run 2: Momentum").value == 0.5
    button(page, "Start the race").click().run()
    assert [(run.learning.batch_norm, run.optimizer.momentum) for run in raced] == [("train", 0.5), ("eval", 0.5)]


def test_networks_race_each_from_the_best_weights_that_it_has(raced: list[FineTuneConfig]) -> None:
    page = open_race(lanes="frozen,full;architecture=my_cnn,blocks;architecture=alexnet", depth="9")
    said = as_read(texts(page))
    assert "MyCNN starts from random weights." in said
    assert "AlexNet starts from ImageNet weights." in said
    assert "Image size" not in page.multiselect(key="fine_tune_lane_1_differs").options
    assert "The last layers are replaced: classifier.1 of EfficientNet-Lite0" in said.replace("`", "")
    button(page, "Start the race").click().run()
    assert [run.weights for run in raced] == ["pretrained", "random", "pretrained"]
    assert raced[2].learning.depth == 7, "all blocks that it has"


def test_file_of_weights_of_a_run_is_checked_with_its_network(
    raced: list[FineTuneConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def problem(file: File, architecture: str, path: str) -> str | None:
        asked.append((architecture, path))
        return None if architecture in path else f"{path} is not of {architecture}."

    monkeypatch.setattr(ask, "weights_problem", problem)
    monkeypatch.setattr(ask, "prepare_reading", lambda: None)
    page = open_race(lanes="frozen,full;weights=file;architecture=resnet18,full;weights=file;weights_file=%2Fx.pth")
    said = as_read(texts(page))
    assert "Run 2: File is empty" in said
    assert "Run 3: /x.pth is not of efficientnet_lite0." in said
    for number, name in ((1, "resnet18"), (2, "efficientnet_lite0")):
        page.text_input(key=f"fine_tune_lane_{number}_weights_file").set_value(f"/my {name}, of=all.pth")
    address = apps.address(page.run())
    assert len(asked) == len(set(asked)) == 3, "each file once, whatever else is clicked"
    again = apps.open_page(FINE_TUNE, **address)
    button(again, "Start the race").click().run()
    files = [None, "/my resnet18, of=all.pth", "/my efficientnet_lite0, of=all.pth"]
    assert [run.weights_file for run in raced] == files


def test_lanes_are_there_again_after_another_way_to_fine_tune(raced: list[FineTuneConfig]) -> None:
    page = open_race(lanes="full,full;epochs=5")
    for mode in ("frozen", "race"):
        page.button_group(key="fine_tune_mode").set_value(mode).run()
    assert field(page, "Run 2: Epochs").value == 5
    assert page.query_params["lanes"] == "full,full;epochs=5"


def test_settings_of_a_race_are_filled_in_with_those_of_each_run(home: Path, raced: list[FineTuneConfig]) -> None:
    configs = [
        FineTuneConfig.of(mode="full", epochs=2, algorithm="adamw"),
        FineTuneConfig.of(mode="full", epochs=3, momentum=0.5),
    ]
    folders = make_race(home, [], [], configs=configs)
    page = apps.open_page(FINE_TUNE_RUN, run=folders[0].id)
    apps.arrive(button(page, "Change settings").click().run(), FINE_TUNE)
    button(page, "Start the race").click().run()
    assert raced == configs


@pytest.mark.parametrize(
    ("other", "loss", "reason"),
    [
        ({"algorithm": "adamw"}, 2.0, None),
        ({"algorithm": "adamw"}, 2.1, None),  # nothing that is known explains it
        ({"algorithm": "adamw", "batch_norm": "eval"}, 2.1, "BatchNorm normalises by the batch in layers of one run"),
        ({"algorithm": "adamw", "mixup": 0.2}, 2.1, "augmentation changes the photos differently"),
        ({"algorithm": "adamw", "batch_norm": "eval"}, 2.0, None),
    ],
)
def test_race_page_names_runs_by_what_differs_and_explains_their_first_losses(
    home: Path, other: dict[str, Any], loss: float, reason: str | None
) -> None:
    configs = [FineTuneConfig.of(mode="full", epochs=2), FineTuneConfig.of(mode="full", epochs=3, **other)]
    names = default_names(configs)
    folders = make_race(home, [FINISHED], [FINISHED], configs=configs, names=names, first_losses=(2.0, loss))
    said = as_read(texts(apps.open_page(FINE_TUNE_RUN, run=folders[0].id)))
    assert "Full, SGD and Full, AdamW have the same test accuracy" in said.replace("**", "")
    assert "| | Full, SGD | Full, AdamW |" in said
    assert "for 1 epoch, as far as all of them went" in said
    assert ("Their first losses still differ, though seed and photos are the same: " in said) == bool(reason)
    assert (reason or "") in said
