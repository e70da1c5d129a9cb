"""How much of a network learns is one choice along it, and whatever depends on it follows."""

from pathlib import Path

import pytest

from core.models.blocks import blocks_of
from core.runs import jobs
from core.runs.config import FineTuneConfig
from pages.fine_tune.words import in_words
from pages.places import FINE_TUNE, INSPECTOR, RUNS
from tests.pages import apps
from tests.pages.apps import button, texts
from tests.samples import FIRST_CLICK, make_run

pytestmark = pytest.mark.usefixtures("quiet")


def test_last_stage_is_named_counted_and_trained(started: list[FineTuneConfig]) -> None:
    page = apps.open_page(FINE_TUNE)
    page.button_group(key="fine_tune_mode").set_value("last_stage").run()
    learning = FineTuneConfig(mode="last_stage").parameters_that_learn(10)
    assert f"{learning:,} of 3,383,818 parameters" in texts(page)
    assert "from features.13 on" in texts(page).replace("`", "")
    button(page, "Start fine-tuning").click().run()
    assert [config.mode for config in started] == ["last_stage"]
    assert started[0].default_name == "EfficientNet-Lite0, last stage"


def test_depth_is_chosen_by_the_names_of_blocks_and_kept_in_the_address(started: list[FineTuneConfig]) -> None:
    page = apps.open_page(FINE_TUNE, architecture="resnet18", weights="random", mode="blocks", depth="3")
    depth = page.selectbox(key="fine_tune_depth")
    assert depth.value == 3
    assert len(depth.options) == len(blocks_of("resnet18")) - 1
    assert depth.options[0] == "layer4.1 on: 1 block and the new last layer"
    depth.set_value(2).run()
    assert (page.query_params["mode"], page.query_params["depth"]) == ("blocks", "2")
    button(page, "Start fine-tuning").click().run()
    assert [(config.mode, config.learning.depth) for config in started] == [("blocks", 2)]
    assert started[0].default_name == "ResNet-18, last 2 blocks"


def test_depth_of_a_deeper_network_becomes_all_of_this_one(started: list[FineTuneConfig]) -> None:
    page = apps.open_page(FINE_TUNE, architecture="resnet18", weights="random", mode="blocks", depth="9")
    page.selectbox(key="fine_tune_architecture").set_value("alexnet").run()
    assert page.selectbox(key="fine_tune_depth").value == len(blocks_of("alexnet")) - 1
    assert not page.exception


IDLE = {
    "mode": {
        "frozen": {"thaw_every", "backbone_rate", "layer_decay", "batch_norm"},
        "last_stage": set(),
        "full": {"freezing"},
    },
    "augmentation": {"random_resized_crop": set(), "none": {"crop_scale"}},
    "algorithm": {"sgd": set(), "adamw": {"momentum"}, "adam": {"momentum"}},
    "schedule": {"cosine": set(), "one_cycle": {"warm_up"}},
}


@pytest.mark.parametrize("by", IDLE)
def test_settings_that_have_no_effect_are_not_offered(by: str, started: list[FineTuneConfig]) -> None:
    every = set().union(*IDLE[by].values())
    page = apps.open_page(FINE_TUNE, mode="last_stage")
    for value, idle in IDLE[by].items():
        page.button_group(key=f"fine_tune_{by}").set_value(value).run()
        keys = {element.key for kind in ("number_input", "button_group") for element in page.get(kind)}
        assert {name for name in every if f"fine_tune_{name}" not in keys} == idle, value


def test_settings_that_are_not_offered_do_nothing(started: list[FineTuneConfig]) -> None:
    page = apps.open_page(FINE_TUNE, mode="full", layer_decay="0.5")
    page.button_group(key="fine_tune_mode").set_value("frozen").run()
    button(page, "Start fine-tuning").click().run()
    assert started == [FIRST_CLICK]


def test_network_that_thaws_stage_by_stage_says_so(started: list[FineTuneConfig]) -> None:
    page = apps.open_page(FINE_TUNE, mode="full", thaw_every="2", epochs="6")
    button(page, "Start fine-tuning").click().run()
    assert started[0].what_learns == "full, gradual"
    assert "a stage thaws every 2 epochs" in in_words(started[0].to_dict())
    names = [blocks_of("efficientnet_lite0")[started[0].first_block_at(epoch)].name for epoch in range(6)]
    assert names == ["classifier.1"] * 2 + ["features.13"] * 2 + ["features.7"] * 2


def test_recipe_is_chosen_said_and_trained(started: list[FineTuneConfig]) -> None:
    page = apps.open_page(FINE_TUNE, mode="full", algorithm="adamw", schedule="cosine", warm_up="0.1")
    assert page.button_group(key="fine_tune_algorithm").value == "adamw"
    button(page, "Start fine-tuning").click().run()
    chosen = started[0].optimizer
    assert (chosen.algorithm, chosen.schedule, chosen.warm_up) == ("adamw", "cosine", 0.1)
    said = in_words(started[0].to_dict())
    assert all(words in said for words in ("AdamW", "cosine schedule", r"warm\-up 0\.1"))


def test_depth_stands_in_the_list_and_in_the_inspector(home: Path, started: list[FineTuneConfig]) -> None:
    make_run(home, config=FineTuneConfig.of(mode="blocks", depth=4))
    page = apps.open_page(RUNS)
    assert "last 4 blocks" in str(page.dataframe[0].value.to_dict())
    page = apps.open_page(INSPECTOR, mode="last_stage")
    assert "the blocks that work at the lowest resolution are trained" in texts(page)
    assert page.button_group(key="inspector_mode").value == "last_stage"


def test_race_asks_how_deep_where_a_run_needs_it(
    started: list[FineTuneConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "race", lambda home, configs: [jobs.start(home, config) for config in configs])
    page = apps.open_page(FINE_TUNE, mode="race", lanes="frozen,full")
    assert "fine_tune_depth" not in {select.key for select in page.selectbox}
    page = apps.open_page(FINE_TUNE, mode="race", lanes="last_stage,blocks", depth="4")
    assert page.selectbox(key="fine_tune_depth").value == 4
    page.selectbox(key="fine_tune_depth").set_value(2).run()
    button(page, "Start the race").click().run()
    assert [config.what_learns for config in started] == ["last stage", "last 2 blocks"]


@pytest.mark.parametrize(("network", "weights"), [("efficientnet_lite0", "pretrained"), ("my_cnn", "random")])
def test_random_weights_of_one_preset_are_taken_back_by_another(network: str, weights: str) -> None:
    page = apps.open_page(FINE_TUNE, architecture=network)
    for preset, expected in (("scratch", "random"), ("quick", weights)):
        page.button_group(key="preset").set_value(preset).run()
        assert page.session_state["fine_tune_weights"] == expected
