"""The Architecture Inspector, script by script: every network opens, every figure is there, the choice is handed on."""

from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import helper, helper_process
from core.errors import UnfreezeError
from core.models.catalog import ARCHITECTURES
from core.models.description import LESSON_NETWORKS
from core.runs import known_devices, workers
from core.runs.known_devices import DeviceInfo
from pages.places import INSPECTOR
from tests.pages import apps
from tests.pages.apps import address
from tests.samples import as_read

open_page = partial(apps.open_page, INSPECTOR)


def texts(page: AppTest) -> str:
    return as_read(apps.texts(page))


@pytest.fixture(autouse=True)
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started: what the helper would do happens here."""
    monkeypatch.setattr(workers, "prepare", lambda: None)
    monkeypatch.setattr(helper, "submit", lambda target, *arguments, **_: Future())
    monkeypatch.setattr(helper, "call", lambda target, *arguments, **_: helper_process.run(target, arguments))
    known_devices.remember(home, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])


def numbers(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def choose(page: AppTest, **values: Any) -> AppTest:
    if "network" in values:
        page.selectbox(key="inspector_network").select(values["network"])
    if "mode" in values:
        page.button_group(key="inspector_mode").set_value(values["mode"])
    for name in {"classes", "image_size"} & values.keys():
        page.number_input(key=f"inspector_{name}").set_value(values[name])
    return page.run()


def test_default_opens_without_an_address() -> None:
    page = open_page()
    assert "12,810 of 3,383,818 parameters** are trainable (0.38%)" in texts(page)
    assert address(page) == {}


def test_address_opens_the_network_and_keeps_it() -> None:
    given = {"network": "resnet18", "classes": "5", "mode": "full", "image_size": "96"}
    page = open_page(**given)
    parameters = f"{11_689_512 - 513_000 + 513 * 5:,}"
    assert numbers(page)["Parameters"] == numbers(page)["Trainable"] == parameters
    assert f"{parameters} of {parameters} parameters** are trainable (100%)" in texts(page)
    assert address(page) == given


@pytest.mark.parametrize(("network", "share"), [("resnet18", "0.05%"), ("vit_h_14", "0.0020%"), ("my_cnn", "99.9%")])
def test_little_is_never_nothing_and_nearly_all_is_never_all(network: str, share: str) -> None:
    assert f"are trainable ({share})" in texts(open_page(network=network))


def test_head_is_shown_before_and_after() -> None:
    page = open_page(network="resnet18")
    before, after, *_ = [code.value for code in page.code]
    assert before == "fc: Linear(in_features=512, out_features=1000, bias=True)"
    assert after == "fc: Linear(in_features=512, out_features=10, bias=True)"
    assert "513,000 parameters in the head, 11,689,512 in all" in texts(page)
    assert "5,130 parameters in the head, 11,181,642 in all" in texts(page)


def test_headline_numbers_are_exact() -> None:
    assert numbers(open_page(network="resnet18")) == {
        "Parameters": "11,181,642",
        "Trainable": "5,130",
        "Multiply-adds": "1.81 G",
        "Weights": "44.7 MB",
        "Layers": "52",
    }


def test_table_has_every_layer_once() -> None:
    page = open_page(network="resnet18")
    blocks, layers = (table.value for table in page.dataframe)
    assert list(blocks["Parameters"])[-1] == 5_130
    assert sum(blocks["Share"]) == pytest.approx(1)
    assert layers["Parameters"].sum() == 11_181_642
    row = layers[layers["Layer"] == "layer1.0.relu"].iloc[0]
    assert (row["Type"], row["Output"], row["Calls"], row["Trainable"]) == ("ReLU", "(1, 64, 56, 56)", 2, "")
    assert list(layers[layers["Trainable"] == "✓"]["Layer"]) == ["fc"]
    assert "their parameters count once" in texts(page)


def test_parameters_outside_the_blocks_are_said() -> None:
    assert "768 parameters more belong to the network itself" in texts(open_page(network="vit_b_16"))
    assert "outside its blocks" not in texts(open_page(network="resnet18"))


def test_print_is_there_with_either_head() -> None:
    *_, after, before = [code.value for code in open_page(network="alexnet").code]
    assert "(6): Linear(in_features=4096, out_features=10, bias=True)" in after
    assert "(6): Linear(in_features=4096, out_features=1000, bias=True)" in before


def test_every_network_of_the_catalog_and_the_course_can_be_chosen() -> None:
    options = open_page().selectbox(key="inspector_network").options
    assert len(options) == len(ARCHITECTURES) + len(LESSON_NETWORKS)
    assert {"AlexNet", "MyCNN", "LinearModel", "CustomLayer(1, 1)", "CustomModel"} <= set(options)


def test_every_choice_reaches_the_figures_and_the_address() -> None:
    page = choose(open_page(), network="alexnet", classes=3, mode="full", image_size=64)
    assert address(page) == {"network": "alexnet", "classes": "3", "mode": "full", "image_size": "64"}
    assert numbers(page)["Trainable"] == f"{61_100_840 - 4097 * 1000 + 4097 * 3:,}"
    assert "one input of (1, 3, 64, 64)" in texts(page)


def test_choices_outlive_a_network_that_has_no_field_for_them() -> None:
    page = choose(open_page(network="resnet18"), classes=3, image_size=64)
    assert address(choose(page, network="linear_model")) == {"network": "linear_model"}
    assert address(choose(page, network="my_cnn")) == {"network": "my_cnn", "classes": "3"}
    assert address(choose(page, network="alexnet")) == {"network": "alexnet", "classes": "3", "image_size": "64"}


@pytest.mark.parametrize("name", LESSON_NETWORKS)
def test_network_of_the_course_says_why_it_has_no_head(name: str) -> None:
    page = open_page(network=name)
    assert "so there is no head to replace" in texts(page)
    assert set(page.dataframe[0].value["requires_grad"]) == {"True"}
    assert not page.button
    assert len(page.number_input) == 0


def test_network_itself_may_be_a_layer() -> None:
    page = open_page(network="linear_model")
    assert list(page.dataframe[-1].value["Layer"]) == ["(the network itself)"]
    assert "In all: 1 layer, 2 parameters, 2 of them trainable." in texts(page)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("network", "<b>x</b>", "The address says network = “<b>x</b>”, which is not possible"),
        ("mode", "race", "The address says mode = “race”, which is not possible"),
        ("classes", "many", "The address says classes = “many”, which is not possible"),
        ("classes", "0", "Classes must be between 1 and 100,000, but it is 0."),
        ("image_size", "31", "Image size must be between 32 and 512, but it is 31."),
    ],
)
def test_bad_value_in_the_address_is_said(name: str, value: str, message: str) -> None:
    assert message in texts(open_page(**{name: value}))


def test_size_that_a_network_does_not_read_is_said() -> None:
    page = open_page(network="my_cnn", image_size="96")
    assert "MyCNN reads images of 224 pixels only" in texts(page)
    assert numbers(page)["Parameters"] == "7,885,898"


def test_smallest_size_is_the_networks_own() -> None:
    page = choose(open_page(network="alexnet"), image_size=62)
    assert "Image size must be between 63 and 512, but it is 62." in texts(page)
    assert not page.metric
    assert choose(page, image_size=63).metric


def test_choice_is_carried_to_the_fine_tune_page() -> None:
    page = choose(open_page(network="resnet18"), mode="full", image_size=96)
    next(button for button in page.button if button.label == "Fine-tune this network").click().run()
    assert page.title[0].value == "Fine-tune"
    assert page.selectbox(key="fine_tune_architecture").value == "resnet18"
    assert page.session_state["fine_tune_mode"] == "full"
    assert page.session_state["fine_tune_image_size"] == 96


def test_only_a_network_with_weights_is_offered_for_prediction() -> None:
    def queries(page: AppTest) -> list[str]:
        return [link.proto.query_string for link in page.main.get("page_link")]

    assert queries(open_page(network="resnet18")) == ["network=resnet18"]
    assert queries(open_page(network="my_cnn")) == []


def test_failing_helper_is_said_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(target: str, *arguments: Any, **_: Any) -> None:
        raise UnfreezeError("The helper process ended *unexpectedly*.")

    with monkeypatch.context() as broken:
        broken.setattr(helper, "call", fail)
        page = open_page(network="resnet18", classes="77")
        assert page.error[0].value == "The helper process ended \\*unexpectedly\\*\\."
    next(button for button in page.button if button.label == "Try again").click().run()
    assert numbers(page)["Trainable"] == f"{513 * 77:,}"
