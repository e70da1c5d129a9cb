"""A damaged run says what is wrong with it, on whatever page; no other run, page or link is touched."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from random import Random

import pytest

from core import helper, sandbox
from core.errors import UnfreezeError
from core.runs import known_devices, overview, workers
from core.runs.folder import RunFolder
from core.runs.known_devices import DeviceInfo
from pages.places import FINE_TUNE_RUN, LINEAR_FIT, PREDICT, RUNS, Place
from pages.ui import lookup
from tests.damage import KINDS, make_runs
from tests.pages.apps import open_alone, open_page

MAX_COMPARED = 8


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started."""
    monkeypatch.setattr(workers, "prepare", lambda: None)
    monkeypatch.setattr(helper, "submit", lambda *_, **__: Future())

    def refuse(*_: object, **__: object) -> None:
        raise UnfreezeError("There is no helper here.")

    monkeypatch.setattr(helper, "call", refuse)
    monkeypatch.setattr(sandbox, "ask", refuse)
    monkeypatch.setattr(sandbox, "prepare", lambda: None)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, RunFolder]]]:
    """A home with a run for every kind of damage, of every state in turn, and whole runs among them."""
    path = tmp_path_factory.mktemp("damaged") / "home"
    whole = make_runs(path)
    found: dict[str, RunFolder] = {}
    for number, kind in enumerate(KINDS):
        original = whole[number % len(whole)]
        copy = RunFolder(path / "runs" / f"20270101-000000-{number + 1_000:08d}")
        shutil.copytree(original.path, copy.path)
        KINDS[kind](copy, Random(number))
        found[kind] = copy
    known_devices.remember(path, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])
    yield path, found
    lookup._reader.cache_clear()


@pytest.fixture
def home(damaged: tuple[Path, dict[str, RunFolder]], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNFREEZE_HOME", str(damaged[0]))
    return damaged[0]


def test_all_of_them_are_listed_beside_the_whole_ones(home: Path, damaged: tuple[Path, dict[str, RunFolder]]) -> None:
    page = open_page(RUNS, races="unfolded")
    listed = page.dataframe[0].value
    assert len(listed) == len(overview.summaries(home)) >= len(KINDS) - 5
    assert (listed["Status"] == "✓ Finished").any()
    unreadable = listed[listed["Status"] == "⚠ Unreadable"]
    assert len(unreadable) > 15
    assert unreadable["Note"].str.endswith(".").all()
    assert page.sidebar.get("page_link")


def test_any_of_them_are_compared_with_whole_ones(home: Path, damaged: tuple[Path, dict[str, RunFolder]]) -> None:
    ids = [folder.id for folder in damaged[1].values()]
    for start in range(0, len(ids), 2 * MAX_COMPARED):
        open_page(RUNS, compare=",".join(ids[start : start + 2 * MAX_COMPARED]))


@pytest.mark.parametrize(
    "kind",
    [
        *("brackets in the description", "a list for a kind", "a loop of links in place of config.json"),
        *("a folder in place of steps-1.bin", "a folder in place of events.jsonl", "steps under strange names"),
        *("times that cannot be", "zeros in the events", "any value in the events", "a pipe in place of events.jsonl"),
    ],
)
def test_damaged_run_is_shown_or_says_what_is_wrong_with_it(
    home: Path, damaged: tuple[Path, dict[str, RunFolder]], kind: str
) -> None:
    page = open_alone(FINE_TUNE_RUN, run=damaged[1][kind].id)
    assert page.title or page.error[0].value.endswith(".")


@pytest.mark.long
@pytest.mark.parametrize("place", [FINE_TUNE_RUN, LINEAR_FIT, PREDICT, RUNS])
@pytest.mark.parametrize("kind", KINDS)
def test_each_of_them_opens_on_every_page(
    home: Path, damaged: tuple[Path, dict[str, RunFolder]], kind: str, place: Place
) -> None:
    open_alone(place, **{"compare" if place is RUNS else "run": damaged[1][kind].id})
