"""Files that are refused, on the pages that take them: one sentence where the file is named, and no exception."""

from concurrent.futures import Future
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core import helper, helper_process, sandbox
from core.errors import ReadingError
from core.models import build
from core.runs import known_devices, workers
from core.runs.known_devices import DeviceInfo
from pages.places import FINE_TUNE, PREDICT, Place
from tests.hostile import REFUSED, REFUSED_STATISTICS, save
from tests.pages.apps import button, open_page

SMALL = "squeezenet1_1"
KINDS = (
    "complex",
    "NaN",
    "scalar",
    "shared by many",
    "deflated",
    "nested deeper",
    "code",
    "nothing",
    "JSON too long",
)
ALL = REFUSED | REFUSED_STATISTICS


@pytest.fixture(autouse=True)
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started: what a reader would do happens here."""
    monkeypatch.setattr(workers, "prepare", lambda: None)
    monkeypatch.setattr(helper, "submit", lambda target, *arguments, **_: Future())
    monkeypatch.setattr(sandbox, "prepare", lambda: None)
    monkeypatch.setattr(
        sandbox, "ask", lambda target, *arguments, name, num_bytes: helper_process.run(target, arguments)
    )
    known_devices.remember(home, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each kind; the address of a folder, too."""
    folder = tmp_path_factory.mktemp("refused")
    state = dict(build.build_random(SMALL, 3, seed=0).state_dict())
    for kind in KINDS:
        ALL[kind][0](folder / f"{KINDS.index(kind)}.pth", state)
    return {ALL[kind][1]: folder / f"{KINDS.index(kind)}.pth" for kind in KINDS} | {"is a folder": folder}


def only_error(page: AppTest) -> str:
    assert not page.exception, page.exception[0].message
    (error,) = page.error
    return error.value.replace("\\", "")


def test_fine_tune_says_what_is_wrong_with_each(refused: dict[str, Path]) -> None:
    page = open_page(architecture=SMALL, weights="file")
    for fragment, path in refused.items():
        page.text_input(key="fine_tune_weights_file").set_value(str(path)).run()
        assert fragment in only_error(page)
        assert button(page, "Start fine-tuning").disabled


def test_predict_says_what_is_wrong_with_each_and_loads_none(refused: dict[str, Path], tmp_path: Path) -> None:
    page = open_page(PREDICT, network=SMALL, file=str(tmp_path / "none.pth"))
    assert "There is no file" in only_error(page)
    for fragment, path in refused.items():
        page.text_input(key="predict_file").set_value(str(path)).run()
        assert fragment in only_error(page)
    save(tmp_path / "sound.pth", dict(build.build_random(SMALL, 3, seed=0).state_dict()))
    assert "predict_warmed" not in page.session_state
    page.text_input(key="predict_file").set_value(str(tmp_path / "sound.pth")).run()
    assert not page.error
    assert page.session_state["predict_warmed"][0].path.endswith("sound.pth")


@pytest.mark.parametrize("place", [FINE_TUNE, PREDICT])
def test_file_that_was_not_read_for_lack_of_time_is_kept_until_a_click_asks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place
) -> None:
    save(tmp_path / "sound.pth", dict(build.build_random(SMALL, 10, seed=0).state_dict()))
    answer = sandbox.ask
    asked: list[str] = []

    def busy(target: str, *arguments: object, name: str, num_bytes: int) -> None:
        asked.append(name)
        raise ReadingError(f"{name} was not read.")

    monkeypatch.setattr(sandbox, "ask", busy)
    path = str(tmp_path / "sound.pth")
    query = {"architecture": SMALL, "weights": "file", "weights_file": path} | {"network": SMALL, "file": path}
    page = open_page(place, **query).run()
    assert only_error(page) == "sound.pth was not read."
    assert asked == ["sound.pth"], "not asked anew by whatever else is done on the page"
    monkeypatch.setattr(sandbox, "ask", answer)
    button(page, "Check the file again").click().run()
    assert not page.error
    assert not [button for button in page.button if button.label == "Check the file again"]
