"""The Predict page, script by script: the network is found, photos are answered, and whatever fails is said."""

from concurrent.futures import Future
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from core import helper, sandbox
from core.data.bundled import BUNDLED
from core.errors import UnfreezeError
from core.models import imagenet
from core.predict import kept
from core.predict.answers import Answer, Guess, NetworkRef, percent
from core.predict.photos import as_jpeg
from core.runs import known_devices, store, workers
from core.runs.config import FineTuneConfig
from core.runs.folder import RunFolder
from core.runs.known_devices import DeviceInfo
from pages.places import PREDICT, RUNS
from pages.predict.answers_csv import as_csv
from pages.ui.format import plain_name
from tests.names import NAMES
from tests.pages import apps
from tests.pages.apps import button, texts
from tests.samples import as_read

open_page = partial(apps.open_page, PREDICT)


HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) :red[boom].png"


@pytest.fixture(autouse=True)
def quiet(home: Path, warmed: "Future[tuple[str, ...]]", monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started, and the devices are known."""
    monkeypatch.setattr(workers, "prepare", lambda: None)
    monkeypatch.setattr(helper, "submit", lambda target, *arguments, **_: warmed)
    monkeypatch.setattr(sandbox, "prepare", lambda: None)
    monkeypatch.setattr(sandbox, "ask", lambda target, *arguments, name, num_bytes: None)  # nothing is wrong
    known_devices.remember(home, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])


@pytest.fixture
def warmed() -> "Future[tuple[str, ...]]":
    """What comes of loading the network: at first, nothing yet."""
    return Future()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[NetworkRef]:
    """What the helper was asked; it takes every photo for a frog, but for a cup, and those that are bad."""
    refs: list[NetworkRef] = []

    def call(target: str, ref: NetworkRef, photos: list[tuple[str, bytes]], **_: object) -> list[Answer]:
        refs.append(ref)
        return [answer(name) for name, _ in photos]

    monkeypatch.setattr(helper, "call", call)
    return refs


def answer(name: str) -> Answer:
    if "bad" in name:
        return Answer(name=name, problem=f"{name} is no photo that can be read.")
    best = Guess(class_name="espresso" if "espresso" in name else "frog", probability=0.9)
    picture = as_jpeg(np.zeros((8, 8, 3), np.uint8))
    guesses = (best, Guess(class_name="*dog*", probability=0.1))
    return Answer(name=name, guesses=guesses, seen=picture, seen_size=8, thumbnail=picture, width=32, height=32)


def labels(page: AppTest) -> set[str]:
    return {button.label for button in page.button}


def try_bundled_photos(page: AppTest) -> None:
    button(page, "Try the bundled photos").click().run()


def drop(page: AppTest, **photos: bytes) -> None:
    """Drop files; an underscore in a name stands for its dot."""
    page.file_uploader[0].set_value([(name.replace("_", "."), data, "") for name, data in photos.items()]).run()


def names(page: AppTest) -> list[str]:
    """The photos that are shown with an answer, in order."""
    captions = [caption.value for caption in page.caption]
    return [caption.partition(" · ")[0].replace("\\", "") for caption in captions if " x 32" in caption]


def look_at_runs_and_come_back(page: AppTest) -> None:
    for other in (RUNS, PREDICT):
        page.query_params.clear()  # as the navigation's links do
        page.switch_page(other.script).run()


def make_run(home: Path, *, name: str = "mine", has_checkpoint: bool = True) -> RunFolder:
    folder = store.new_folder(home)
    folder.write_description(FineTuneConfig(image_size=96), name=name, created=0.0, queue="cpu")
    if has_checkpoint:
        folder.best_checkpoint.write_bytes(b"weights")
    return folder


def test_photos_are_answered_and_a_bad_one_costs_only_itself(asked: list[NetworkRef]) -> None:
    page = open_page()
    drop(page, **{f"photo{number}_jpg": bytes([number]) for number in range(7)}, bad_jpg=b"x")
    said = texts(page)
    assert said.count("### frog") == 7
    assert [error.value.partition(" ")[0] for error in page.error] == ["bad\\.jpg"]
    assert "**7 photos** · 1 file that cannot be read" in said
    assert set(asked) == {NetworkRef(source="pretrained", architecture="efficientnet_lite0")}
    assert len(asked) == 2, "eight photos, four at a time"
    page.run()
    assert len(asked) == 2, "answers are kept"


def test_everything_is_there_again_after_a_look_at_another_page(home: Path, asked: list[NetworkRef]) -> None:
    folder = make_run(home, name="mine")
    make_run(home, name="newer")
    page = open_page(run=folder.id)
    drop(page, **{f"photo{number}_jpg": bytes([number]) for number in range(30)})
    try_bundled_photos(page)
    button(page, "Show more of the 40 photos").click().run()
    before, questions = names(page), len(asked)
    assert len(before) == 40
    look_at_runs_and_come_back(page)
    assert names(page) == before
    assert len(asked) == questions, "answers are there, too"
    assert page.query_params["run"] == folder.id
    assert page.selectbox[0].value == folder.id


def test_photos_go_one_by_one_and_all_at_once(asked: list[NetworkRef], monkeypatch: pytest.MonkeyPatch) -> None:
    released: list[str] = []
    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", lambda self, session, file: released.append(file))
    page = open_page()
    drop(page, a_jpg=b"a", b_jpg=b"b")
    drop(page, b_jpg=b"b", c_jpg=b"c")
    assert names(page) == ["a.jpg", "b.jpg", "c.jpg"], "none is there twice"
    assert "b.jpg is here already" in texts(page).replace("\\", "")
    assert len(released) == 4, "Streamlit keeps no copy of its own"
    assert page.session_state["predict_kept"].num_bytes == 3
    remove = next(button for button in page.button if button.help == "Remove b\\.jpg")
    remove.click().run()
    assert names(page) == ["a.jpg", "c.jpg"]
    assert "here already" not in texts(page)
    try_bundled_photos(page)
    next(button for button in page.button if button.help == "Remove tripod\\.jpg").click().run()
    assert len(names(page)) == 6
    button(page, "Remove all").click().run()
    assert names(page) == []
    assert page.session_state["predict_kept"].num_bytes == 0
    assert page.session_state["predict_answers"][1] == {}, "nor are answers kept to nothing"
    assert "Try the bundled photos" in labels(page)


def test_what_has_no_room_is_said(asked: list[NetworkRef], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MAX_PHOTOS", 2)
    page = open_page()
    drop(page, a_jpg=b"a", b_jpg=b"b", c_jpg=b"c")
    assert names(page) == ["a.jpg", "b.jpg"]
    assert "c.jpg is left out: at most 2 photos" in as_read(texts(page))


def test_answers_of_another_network_are_gone_before_the_new_ones_come(
    asked: list[NetworkRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page()
    drop(page, a_jpg=b"a")
    assert "### frog" in texts(page)

    def fail(*arguments: object, **options: object) -> None:
        raise UnfreezeError("The weights of X could not be downloaded.")

    monkeypatch.setattr(helper, "call", fail)
    page.selectbox[0].set_value("resnet18").run()
    assert "### frog" not in texts(page)
    assert "Download as CSV" not in {element.proto.label for element in page.get("download_button")}


def test_imagenets_network_gets_photos_that_it_knows_and_only_these_are_judged(asked: list[NetworkRef]) -> None:
    page = open_page()
    drop(page, espresso_jpg=b"mine")
    try_bundled_photos(page)
    said = texts(page)
    assert names(page) == ["espresso.jpg", "siamese_cat.jpg", "espresso.jpg", "tripod.jpg", *names(page)[4:]]
    assert "1 of the 5 bundled ones right" in said
    assert said.count("Right]") == 1
    assert said.count("Wrong: this is") == 4
    assert "Wrong: this is “Siamese cat”" in said


def test_run_in_the_address_is_the_network_and_knows_right_from_wrong(home: Path, asked: list[NetworkRef]) -> None:
    make_run(home, name="newer")
    folder = make_run(home, name=HOSTILE)
    page = open_page(run=folder.id)
    assert "EfficientNet-Lite0 at 96 pixels" in as_read(texts(page))
    try_bundled_photos(page)
    assert asked[0].path == str(folder.best_checkpoint)
    assert ":green[:material/check: Right]" in texts(page)
    assert "Wrong: this is “airplane”" in texts(page)
    assert "1 of the 10 bundled ones right" in texts(page)
    assert page.query_params["run"] == folder.id


def test_names_of_classes_are_data(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = as_jpeg(np.zeros((8, 8, 3), np.uint8))
    names = iter(NAMES)
    each = 12

    def call(target: str, ref: NetworkRef, photos: list[tuple[str, bytes]], **_: object) -> list[Answer]:
        return [
            Answer(
                name=name,
                guesses=tuple(Guess(class_name=class_name, probability=0.08) for class_name in islice(names, each)),
                seen=picture,
                thumbnail=picture,
                width=32,
                height=32,
            )
            for name, _ in photos
        ]

    monkeypatch.setattr(helper, "call", call)
    page = open_page(run=make_run(home).id)
    drop(page, **{f"photo{number}_jpg": bytes([number]) for number in range(-(-len(NAMES) // each))})
    bars = [as_read(bar.proto.text) for bar in page.get("progress")]
    assert bars == [as_read(f"{plain_name(name)} · **8.0%**") for name in NAMES]
    assert f"### {plain_name(NAMES[0])}" in texts(page)


@pytest.mark.parametrize(
    ("classes", "said", "has_examples"),
    [
        (imagenet.CLASSES, "Knows 1,000 classes. Its answer to any photo is one of them.", True),
        (BUNDLED["cifar10_sample"].load().manifest.classes, "Knows 10 classes: airplane, automobile, bird, cat,", True),
        (("dark", "bright"), "Knows 2 classes: dark, bright. Its answer", False),
        (("class 0", "class 1"), "Knows 2 classes by their numbers: the file holds no names.", False),
        (("only",), "Knows one class, only: that is its answer to every photo.", False),
        (("**x**", "y" * 5000), f"Knows 2 classes: **x**, {'y' * 25}", False),
        (tuple(f"kind {number}" for number in range(13)), "Knows 13 classes. Its answer", False),
    ],
    ids=["imagenet", "cifar", "two", "numbers", "one", "hostile", "many"],
)
def test_what_a_file_can_answer_is_said_and_decides_on_the_bundled_photos(
    asked: list[NetworkRef],
    tmp_path: Path,
    warmed: "Future[tuple[str, ...]]",
    classes: tuple[str, ...],
    said: str,
    has_examples: bool,
) -> None:
    page = open_page(file=str(tmp_path / "mine.pth"))
    assert "Reading which classes it knows" in texts(page)
    assert "Try the bundled photos" not in labels(page), "nobody knows yet whether it knows theirs"
    drop(page, a_jpg=b"a")
    assert "Choose a network for these photos" in texts(page)
    warmed.set_result(classes)
    page.run()
    assert said in as_read(texts(page))
    assert names(page) == ["a.jpg"]
    assert ("Try the bundled photos" in labels(page)) == has_examples
    assert ("The bundled photos show classes that" in texts(page)) == (not has_examples)
    assert (len(classes) > 12) == ("Part of a name" in {field.label for field in page.text_input})


def test_classes_of_imagenet_and_of_a_run_are_known_before_the_network_is_loaded(
    home: Path, asked: list[NetworkRef]
) -> None:
    folder = make_run(home, name="mine")
    page = open_page()
    assert "Knows 1,000 classes." in texts(page)
    page.text_input(key="predict_search").set_value("SIAMESE").run()
    assert "1 of 1,000 classes" in texts(page)
    assert "Siamese cat" in texts(page)
    assert "Knows 10 classes: airplane," in texts(open_page(run=folder.id))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnfreezeError("There is no file x.pth."), "There is no file x.pth."),
        (RuntimeError("std::bad_alloc"), "The network could not be read."),
    ],
    ids=str,
)
def test_file_that_is_no_network_is_said_once(
    asked: list[NetworkRef], warmed: "Future[tuple[str, ...]]", error: Exception, said: str
) -> None:
    warmed.set_exception(error)
    page = open_page(file="/nowhere/x.pth")
    drop(page, a_jpg=b"a")
    assert not asked, "it would only say the same once more"
    assert said in texts(page).replace("\\", "")
    assert "bad_alloc" not in texts(page)
    button(page, "Read it again").click().run()


def test_bundled_photos_change_with_the_network_and_go_where_it_knows_other_classes(
    home: Path, asked: list[NetworkRef], warmed: "Future[tuple[str, ...]]", tmp_path: Path
) -> None:
    make_run(home, name="mine")
    warmed.set_result(("dark", "bright"))
    page = open_page(file=str(tmp_path / "x.pth"))
    drop(page, a_jpg=b"a")
    page.segmented_control[0].set_value("pretrained").run()
    try_bundled_photos(page)
    assert len(names(page)) == 6
    page.segmented_control[0].set_value("run").run()
    assert len(names(page)) == 11
    page.segmented_control[0].set_value("file").run()
    assert names(page) == ["a.jpg"]
    assert "bundled ones right" not in texts(page)
    assert "classes that this network does not know" in texts(page)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ({"run": "20200101-000000-abcdef"}, "There is no run"),
        ({"run": "../../etc"}, "There is no run"),
        ({"network": "<b>no</b>"}, "is not possible"),
    ],
)
def test_address_that_cannot_be_is_said(asked: list[NetworkRef], address: dict[str, str], sentence: str) -> None:
    assert sentence in as_read(texts(open_page(**address)))


def test_run_without_a_complete_epoch_is_said(home: Path, asked: list[NetworkRef]) -> None:
    folder = make_run(home, has_checkpoint=False)
    assert "not finished an epoch yet" in texts(open_page(run=folder.id))


def test_file_in_the_address_is_the_network(
    asked: list[NetworkRef], warmed: "Future[tuple[str, ...]]", tmp_path: Path
) -> None:
    (tmp_path / "mine.pth").write_bytes(b"weights")
    warmed.set_result(("dark", "bright"))
    page = open_page(file=str(tmp_path / "mine.pth"), network="resnet18")
    drop(page, a_jpg=b"a")
    assert (asked[0].source, asked[0].architecture, asked[0].path) == ("file", "resnet18", str(tmp_path / "mine.pth"))
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
    button(page, "Try again").click().run()
    assert texts(page).count("### frog") == 4


@pytest.mark.parametrize(
    ("probability", "shown"),
    [(0.0, "< 0.1%"), (0.0004, "< 0.1%"), (0.926, "92.6%"), (0.99949, "99.9%"), (1, "> 99.9%")],
)
def test_percentages_claim_no_certainty(probability: float, shown: str) -> None:
    assert percent(probability) == shown


def test_table_of_answers_defuses_formulas() -> None:
    table = as_csv([answer("=HYPERLINK(1).png"), answer("bad.png")])
    assert table.splitlines()[1].startswith("'=HYPERLINK(1).png,,frog,0.900000,")
    assert table.splitlines()[2] == "bad.png,bad.png is no photo that can be read."
