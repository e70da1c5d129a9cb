"""The Predict page, script by script: the network is found, photos are answered, and whatever fails is said."""

from concurrent.futures import Future
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import helper, reader
from core.errors import UnfreezeError
from core.predict.answers import Answer, Guess, NetworkRef
from core.runs import devices, jobs, store
from core.runs.config import FineTuneConfig
from core.runs.devices import DeviceInfo
from core.runs.store import RunFolder
from pages.components.answer_card import percent
from pages.components.answers_csv import as_csv
from pages.components.format import plain_name
from tests.conftest import ROOT
from tests.names import NAMES
from tests.samples import as_read

HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) :red[boom].png"


@pytest.fixture(autouse=True)
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started, and the devices are known."""
    monkeypatch.setattr(jobs, "prepare", lambda: None)
    monkeypatch.setattr(helper, "submit", lambda target, *arguments, limit_s=None: Future())
    monkeypatch.setattr(reader, "prepare", lambda: None)
    monkeypatch.setattr(reader, "ask", lambda target, *arguments, name, num_bytes: None)  # nothing is wrong
    devices.remember(home, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[NetworkRef]:
    """What the helper was asked; it takes every photo for a frog, but for those of a cat."""
    refs: list[NetworkRef] = []

    def call(target: str, ref: NetworkRef, photos: list[tuple[str, bytes]], timeout_s: float) -> list[Answer]:
        refs.append(ref)
        return [answer(name) for name, _ in photos]

    monkeypatch.setattr(helper, "call", call)
    return refs


def answer(name: str) -> Answer:
    if "cat" in name:
        return Answer(name=name, problem=f"{name} is no photo that can be read.")
    pixels = np.zeros((8, 8, 3), np.uint8)
    guesses = (Guess(class_name="frog", probability=0.9), Guess(class_name="*dog*", probability=0.1))
    return Answer(name=name, guesses=guesses, seen=pixels, thumbnail=pixels, width=32, height=32)


def open_page(**address: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=30)
    for name, value in address.items():
        page.query_params[name] = value
    page.switch_page("predict.py")
    return page.run()


def texts(page: AppTest) -> str:
    assert not page.exception, page.exception[0].message
    elements = [*page.title, *page.markdown, *page.caption, *page.error, *page.warning, *page.info]
    return "\n".join(element.value for element in elements)


def try_bundled_photos(page: AppTest) -> None:
    next(button for button in page.button if button.label == "Try the bundled photos").click().run()


def make_run(home: Path, *, name: str = "mine", has_checkpoint: bool = True) -> RunFolder:
    folder = store.new_folder(home)
    folder.write_description(FineTuneConfig(image_size=96), name=name, created=0.0, queue="cpu")
    if has_checkpoint:
        folder.best_checkpoint.write_bytes(b"weights")
    return folder


def test_photos_are_answered_and_a_bad_one_costs_only_itself(asked: list[NetworkRef]) -> None:
    page = open_page()
    try_bundled_photos(page)
    said = texts(page)
    assert said.count("### frog") == 7
    assert [error.value.partition(" ")[0] for error in page.error] == ["cat"]
    assert set(asked) == {NetworkRef(kind="pretrained", architecture="efficientnet_lite0")}
    assert len(asked) == 2, "eight photos, four at a time"
    page.run()
    assert len(asked) == 2, "answers are kept"


def test_run_in_the_address_is_the_network_and_knows_right_from_wrong(home: Path, asked: list[NetworkRef]) -> None:
    make_run(home, name="newer")
    folder = make_run(home, name=HOSTILE)
    page = open_page(run=folder.id)
    assert "EfficientNet-Lite0 at 96 pixels" in texts(page)
    try_bundled_photos(page)
    assert asked[0].path == str(folder.best_checkpoint)
    assert ":green[:material/check: Right]" in texts(page)
    assert "It is: airplane" in texts(page)
    assert page.query_params["run"] == folder.id


def test_names_of_classes_are_data(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    names = iter(NAMES)

    def call(target: str, ref: NetworkRef, photos: list[tuple[str, bytes]], timeout_s: float) -> list[Answer]:
        each = 12
        return [
            Answer(
                name=name,
                guesses=tuple(Guess(class_name=class_name, probability=0.08) for class_name in islice(names, each)),
                seen=pixels,
                thumbnail=pixels,
                width=32,
                height=32,
            )
            for name, _ in photos
        ]

    monkeypatch.setattr(helper, "call", call)
    page = open_page(run=make_run(home).id)
    try_bundled_photos(page)
    bars = [as_read(bar.proto.text) for bar in page.get("progress")]
    assert bars == [as_read(f"{plain_name(name)} · **8.0%**") for name in NAMES]
    assert f"### {plain_name(NAMES[0])}" in texts(page)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ({"run": "20200101-000000-abcdef"}, "There is no run"),
        ({"run": "../../etc"}, "There is no run"),
        ({"network": "<b>no</b>"}, "cannot be"),
    ],
)
def test_address_that_cannot_be_is_said(asked: list[NetworkRef], address: dict[str, str], sentence: str) -> None:
    assert sentence in as_read(texts(open_page(**address)))


def test_run_without_a_complete_epoch_is_said(home: Path, asked: list[NetworkRef]) -> None:
    folder = make_run(home, has_checkpoint=False)
    assert "no complete epoch yet" in texts(open_page(run=folder.id))


def test_file_in_the_address_is_the_network(asked: list[NetworkRef], tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(b"weights")
    page = open_page(file=str(tmp_path / "mine.pth"), network="resnet18")
    try_bundled_photos(page)
    assert (asked[0].kind, asked[0].architecture, asked[0].path) == ("file", "resnet18", str(tmp_path / "mine.pth"))
    assert page.query_params["network"] == "resnet18"


def test_network_that_cannot_be_had_is_said_and_can_be_tried_again(
    asked: list[NetworkRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = helper.call

    def fail(*arguments: object, **options: object) -> None:
        raise UnfreezeError("The weights of X could not be downloaded.")

    monkeypatch.setattr(helper, "call", fail)
    page = open_page()
    try_bundled_photos(page)
    assert "could not be downloaded" in texts(page)
    monkeypatch.setattr(helper, "call", call)
    next(button for button in page.button if button.label == "Try again").click().run()
    assert texts(page).count("### frog") == 7


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(0.0, "< 0.1%"), (0.0004, "< 0.1%"), (0.926, "92.6%"), (0.99949, "99.9%"), (1, "> 99.9%")],
)
def test_percentages_claim_no_certainty(probability: float, shown: str) -> None:
    assert percent(probability) == shown


def test_table_of_answers_defuses_formulas() -> None:
    table = as_csv([answer("=HYPERLINK(1).png"), answer("cat.png")])
    assert table.splitlines()[1].startswith("'=HYPERLINK(1).png,,frog,0.900000,")
    assert table.splitlines()[2] == "cat.png,cat.png is no photo that can be read."
