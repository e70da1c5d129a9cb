"""The Runs page, script by script, and what it says of runs side by side."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.feature_files import FeatureFiles, Wanted
from core.runs import control, jobs, known_devices, locks, overview, results, store, trash, workers
from core.runs.config import FineTuneConfig, LinearFitConfig
from core.runs.events import Evaluated, Failed, Finished, Fitted, Step, Stopped
from core.runs.folder import RunFolder
from core.runs.known_devices import DeviceInfo
from core.runs.writer import RunWriter
from core.words import size
from pages.places import FINE_TUNE_RUN, LINEAR_FIT, RUNS
from tests.pages import apps
from tests.pages.apps import button, texts
from tests.samples import STARTED, as_read, make_run

CONFIG = FineTuneConfig(epochs=2)
STEPS = [Step(step=n, loss=2 / n, learning_rate=0.01, seconds=n / 4, images=32) for n in range(1, 58)]
VALIDATED = Evaluated(split="validation", epoch=1, step=57, loss=0.5, accuracy=0.815, seconds=15, best=True)
FINISHED = Finished(best_epoch=1, best_accuracy=0.815, test_accuracy=0.846, seconds=20.0)


@pytest.fixture(autouse=True)
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started, and the devices are known."""
    monkeypatch.setattr(workers, "prepare", lambda: None)
    known_devices.remember(home, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])


def finished_run(home: Path, name: str, *, test: float = 0.846, seconds: float = 20.0, **settings: Any) -> RunFolder:
    finished = replace(FINISHED, test_accuracy=test, seconds=seconds)
    return make_run(home, STARTED, *STEPS, VALIDATED, finished, name=name, config=CONFIG.changed(**settings))


def open_page(*selected: str) -> AppTest:
    return apps.open_page(RUNS, **({"compare": ",".join(selected)} if selected else {}))


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def listed(page: AppTest) -> list[str]:
    assert not page.exception, page.exception[0].message
    return list(page.dataframe[0].value["Name"])


def selected_rows(page: AppTest) -> list[int]:
    return page.session_state["runs_table"]["selection"]["rows"]


def test_no_run_yet_says_where_to_begin(home: Path) -> None:
    page = open_page()
    assert "No run yet" in texts(page)
    links = [element.proto.label for element in page.main.get("page_link")]
    assert links == ["Set up the first run"]
    assert not page.dataframe


def test_every_run_is_listed_with_what_came_of_it(home: Path) -> None:
    make_run(home, STARTED, *STEPS, VALIDATED, FINISHED, name="<b>*good*</b>")
    make_run(home, STARTED, Failed(message="It broke.", step=0), name="bad")
    (make_run(home).path / "config.json").write_text('{"format": 99}')
    rows = {row["Name"]: row for row in open_page().dataframe[0].value.to_dict("records")}
    good = rows["<b>*good*</b>"]  # a table's cells are text, never Markdown
    assert (good["Status"], good["Test"], good["Validation"], good["Time"]) == ("✓ Finished", 84.6, 81.5, 20.0)
    assert (good["Network"], good["What learns"], good["Device"]) == ("EfficientNet-Lite0", "frozen", "A CPU")
    assert (rows["bad"]["Status"], rows["bad"]["Note"]) == ("✕ Failed", "It broke.")
    unreadable = next(row for row in rows.values() if row["Status"] == "⚠ Unreadable")
    assert "another version" in unreadable["Note"]


def test_name_that_no_browser_can_be_sent_is_mended(home: Path) -> None:
    folder = finished_run(home, "half")
    description = (folder.path / "config.json").read_text()
    (folder.path / "config.json").write_text(description.replace('"half"', '"half \\ud83d\\nname"'))
    assert overview.summarize(folder).name == "half ‹U+D83D› name"
    assert results.labels([folder]) == ["half ‹U+D83D› name"]


def test_list_is_filtered_but_never_hides_what_is_selected(home: Path) -> None:
    alpha, beta = finished_run(home, "alpha"), make_run(home, STARTED, Stopped(step=0), name="beta")
    page = open_page(alpha.id)
    page.text_input(key="runs_filter").input("BETA frozen").run()
    assert sorted(listed(page)) == ["alpha", "beta"]
    page = open_page()
    page.text_input(key="runs_filter").input("stopped").run()
    assert listed(page) == ["beta"]
    page.text_input(key="runs_filter").input("*gamma*").run()
    assert "No run matches “\\*gamma\\*”" in texts(page)
    page.text_input(key="runs_filter").input(beta.id).run()
    assert listed(page) == ["beta"]


def test_filter_stands_in_the_address_and_is_there_when_the_page_is_come_back_to(home: Path) -> None:
    finished_run(home, "alpha")
    finished_run(home, "beta")
    page = apps.open_page(RUNS, filter="beta")
    assert listed(page) == ["beta"]
    page.text_input(key="runs_filter").input("alp").run()
    assert apps.address(page) == {"filter": "alp"}
    page.text_input(key="runs_filter").input("").run()
    assert apps.address(page) == {}
    assert "No run matches" in texts(apps.open_page(RUNS, filter="x" * 10_000))


def make_race(home: Path, *, tests: tuple[float, ...] = (0.8, 0.9)) -> list[RunFolder]:
    """A finished race; further runs follow it in the list."""
    folders = [store.new_folder(home) for _ in tests]
    ids = tuple(folder.id for folder in folders)
    configs = [CONFIG.changed(mode="frozen", learning_rate=0.003), CONFIG.changed(mode="full", learning_rate=0.003)]
    for folder, config, test in zip(folders, configs, tests, strict=True):
        folder.write_description(config, name=f"mine, {config.mode}", created=0.0, queue="cpu", race=ids)
        with RunWriter(folder) as writer:
            writer.append(STARTED)
            writer.append(replace(FINISHED, test_accuracy=test))
    return folders


def test_race_is_one_row_that_unfolds(home: Path) -> None:
    frozen, full = make_race(home)
    finished_run(home, "another")
    page = open_page()
    assert listed(page) == ["another", "EfficientNet-Lite0, race"]
    race = page.dataframe[0].value.to_dict("records")[1]
    assert (race["Test"], race["Time"], race["What learns"], race["Epochs"]) == (90.0, 40.0, "frozen, full", 2)
    assert (race["Image size"], race["Learning rate"], race["Status"]) == (224, 0.003, "✓ Finished")
    page.toggle[0].set_value(True).run()
    assert sorted(listed(page)) == ["another", "mine, frozen", "mine, full"]
    assert apps.address(page) == {"races": "unfolded"}
    assert sorted(listed(apps.open_page(RUNS, races="unfolded"))) == ["another", "mine, frozen", "mine, full"]
    page = open_page(frozen.id, full.id)
    assert listed(page) == ["another", "EfficientNet-Lite0, race"]
    assert selected_rows(page) == [1]
    assert "A race of 2 runs" in texts(page)
    page = open_page(full.id)
    assert sorted(listed(page)) == ["another", "mine, frozen", "mine, full"], "one of them is selected"
    trash.delete(home, frozen)
    assert listed(open_page()) == ["another", "mine, full"]


def test_selected_race_opens_on_its_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: opened.append((page, query_params)))
    runs = make_race(home)
    button(open_page(*(run.id for run in runs)), "Open").click().run()
    assert opened == [(FINE_TUNE_RUN.script, {"run": runs[0].id})]


def test_races_are_found_by_their_runs_and_by_what_they_are(home: Path) -> None:
    make_race(home)
    finished_run(home, "another")
    for words, found in {
        "race": ["EfficientNet-Lite0, race"],
        "mine full": ["EfficientNet-Lite0, race"],
        "mine another": [],
        "frozen": ["another", "EfficientNet-Lite0, race"],
    }.items():
        page = apps.open_page(RUNS, filter=words)
        assert ([] if not page.dataframe else listed(page)) == found, words


@pytest.mark.parametrize("is_damaged", [False, True])
def test_click_on_a_name_opens_the_run_or_says_what_is_wrong_with_it(home: Path, is_damaged: bool) -> None:
    folder = finished_run(home, "mine")
    if is_damaged:
        (folder.path / "config.json").write_text("not JSON")
    page = open_page()
    page.session_state["runs_opened"] = folder.id  # as the click on its cell notes it
    page.run()
    if is_damaged:
        assert "is damaged" in as_read(texts(page))
    else:
        assert apps.arrive(page, FINE_TUNE_RUN).run().title[0].value == "mine"


def test_address_selects_a_run_and_what_can_be_done_with_it(home: Path) -> None:
    finished_run(home, "another")
    folder = finished_run(home, "my *run*")
    page = open_page(folder.id)
    assert "my \\*run\\*" in texts(page)
    assert "**84.6%** of the test photos · 81.5% best on validation · 20 s · A CPU" in texts(page)
    assert selected_rows(page) == [listed(page).index("my *run*")]
    assert [label for label in labels(page) if label] == ["Open", "Save", "Delete"]


@pytest.mark.parametrize("asked", ["nope", "../../etc", "20260101-000000-abcdef", "<script>"])
def test_run_in_the_address_that_is_not_there_is_left_out(home: Path, asked: str) -> None:
    folder = finished_run(home, "mine")
    page = open_page(asked, folder.id, folder.id)
    assert "There is no run “" in page.warning[0].value
    assert [heading.value for heading in page.subheader] == ["mine"]


def test_run_is_opened_on_its_own_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: opened.append((page, query_params)))
    fine_tuning = finished_run(home, "mine")
    fit = store.new_folder(home)
    fit.write_description(LinearFitConfig(), name="a line", created=0.0, queue="helper")
    with RunWriter(fit) as writer:
        writer.append(Fitted(weight=2.0, bias=3.0, loss=1.0, seconds=0.5))
    for run in (fine_tuning, fit):
        button(open_page(run.id), "Open").click().run()
    assert opened == [(FINE_TUNE_RUN.script, {"run": fine_tuning.id}), (LINEAR_FIT.script, {"run": fit.id})]


def test_run_is_renamed(home: Path) -> None:
    folder = finished_run(home, "mine")
    page = open_page(folder.id)
    page.text_input(key=f"runs_name_{folder.id}").input("  new\x07 [name](http://evil.example) \n")
    button(page, "Save").click().run()
    assert folder.description()["name"] == "new [name](http://evil.example)"
    assert listed(page) == ["new [name](http://evil.example)"]
    assert "\\[name\\]\\(http" in texts(page)
    page.text_input(key=f"runs_name_{folder.id}").input("\x07 ")
    button(page, "Save").click().run()
    assert page.toast[0].value == "A run needs a name of 1 to 80 characters."
    assert folder.description()["name"].startswith("new")


def test_stopped_run_is_resumed_and_one_that_goes_on_already_does_no_harm(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(home, STARTED, Stopped(step=0))
    page = open_page(folder.id)
    lock = locks.hold(folder.lock)
    button(page, "Resume").click().run()
    assert page.toast[0].value == "The run is training already."
    os.close(lock)
    resumed: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "resume", lambda home, folder: resumed.append(folder.id))
        button(page, "Resume").click().run()
    assert resumed == [folder.id]
    trash.delete(home, folder)  # in another tab
    button(page, "Resume").click().run()
    assert "There is no run" in page.toast[0].value


def test_live_run_can_be_stopped_and_not_deleted(home: Path) -> None:
    folder = make_run(home, STARTED, *STEPS)
    lock = locks.hold(folder.lock)
    page = open_page(folder.id)
    assert "Running" in texts(page)
    assert button(page, "Delete").disabled
    button(page, "Stop").click().run()
    assert control.read(folder.control) == control.STOP
    assert button(page, "Stopping …").disabled
    os.close(lock)


def test_deleted_run_can_be_taken_back(home: Path) -> None:
    folder, other = finished_run(home, "to *delete*"), finished_run(home, "other")
    folder.best_checkpoint.write_bytes(b"x" * 3_000_000)
    page = open_page(folder.id)
    button(page, "Delete").click().run()
    assert "Deleted “to \\*delete\\*”. To free the 3 MB, delete for good" in page.info[0].value
    assert listed(page) == ["other"]
    assert "compare" not in page.query_params
    button(page, "Undo").click().run()
    assert sorted(listed(page)) == ["other", "to *delete*"]
    assert not page.info
    assert {summary.id for summary in overview.summaries(home)} == {folder.id, other.id}


def test_several_are_deleted_and_taken_back_together(home: Path) -> None:
    folders = [finished_run(home, f"run {number}") for number in range(3)]
    page = open_page(*(folder.id for folder in folders[:2]))
    button(page, "Delete 2 runs").click().run()
    assert "Deleted 2 runs" in page.info[0].value
    assert listed(page) == ["run 2"]
    button(page, "Undo").click().run()
    assert len(listed(page)) == 3


def test_what_is_asked_about_is_removed_for_good_and_nothing_that_came_to_it_since(home: Path) -> None:
    first, later = finished_run(home, "first"), finished_run(home, "later")
    trash.delete(home, first)
    page = open_page()
    page.button(key="runs_purge").click().run()
    trash.delete(home, later)  # in another tab, after this page was drawn
    page.button(key="runs_purge_now").click().run()
    assert [run.id for run in trash.deleted_runs(home)] == [later.id]
    assert [label for label in labels(page) if label.startswith("Delete for good")] == [
        f"Delete for good ({size(trash.size_bytes(home))})"
    ], "it would ask again"
    page.button(key="runs_purge").click().run()
    page.button(key="runs_purge_not").click().run()
    assert "cannot be undone" not in texts(page)
    assert len(trash.deleted_runs(home)) == 1


def test_what_runs_take_on_the_disk_is_said_in_one_place(home: Path) -> None:
    assert "of the disk are free" not in texts(open_page())
    kept, deleted = finished_run(home, "kept"), finished_run(home, "deleted")
    kept.best_checkpoint.write_bytes(b"x" * 7_000_000)
    deleted.best_checkpoint.write_bytes(b"x" * 3_000_000)
    trash.delete(home, deleted)
    assert "Runs take 7 MB, deleted runs 3 MB, " in texts(open_page())


def test_kept_features_are_shown_and_cleared(home: Path) -> None:
    assert not open_page().expander
    (file,) = FeatureFiles(home).open(Wanted("a" * 64, 2, 2, 500_000))
    assert file is not None
    file.write(np.arange(2), np.ones((2, 500_000), np.uint8))
    page = open_page()
    assert page.expander[0].label == f"Kept features: {size(FeatureFiles(home).on_disk.num_bytes)} of 10 GB"
    page.button(key="runs_features_clear").click().run()
    assert not page.expander
    assert FeatureFiles(home).on_disk == (0, 0)


def test_what_was_deleted_can_be_restored_after_a_reload_or_removed_for_good(home: Path) -> None:
    folders = [finished_run(home, name) for name in ("first", "second")]
    for folder in folders:
        trash.delete(home, folder)
    page = open_page()
    assert "No run yet" in texts(page)
    assert page.expander[0].label == "Recently deleted"
    page.button(key=f"runs_restore_{folders[0].id}").click().run()
    assert listed(page) == ["first"]
    page.button(key="runs_purge").click().run()
    assert "cannot be undone" in texts(page)
    assert len(trash.deleted_runs(home)) == 1, "it asks first"
    page.button(key="runs_purge_now").click().run()
    assert trash.deleted_runs(home) == []
    assert listed(page) == ["first"]


def test_run_that_cannot_be_read_can_be_deleted(home: Path) -> None:
    folder = finished_run(home, "mine")
    (folder.path / "config.json").write_text("not JSON")
    page = open_page(folder.id)
    assert "is damaged: its config.json holds no description" in as_read(texts(page))
    assert [label for label in labels(page) if label] == ["Delete"]
    button(page, "Delete").click().run()
    assert [run.id for run in trash.deleted_runs(home)] == [folder.id]


def test_what_lay_long_in_the_trash_is_removed_when_the_server_starts(home: Path) -> None:
    folder = finished_run(home, "mine")
    trash.delete(home, folder)
    os.utime(home / "trash" / folder.id, (0, 0))
    trash.purge(home, older_than_s=0)  # as the server did when it was last started
    page = open_page()
    assert not page.expander
    assert trash.deleted_runs(home) == []


def test_several_are_compared(home: Path) -> None:
    frozen = finished_run(home, "frozen <b>one</b>", test=0.846, seconds=10)
    full = finished_run(home, "full one", test=0.7, seconds=31, mode="full", learning_rate=0.003)
    page = open_page(frozen.id, full.id)
    shown = texts(page)
    assert (
        "has the best test accuracy: 84.6%, 14.6 points ahead of full one, in a third of the time."
        in page.info[0].value
    )
    assert "| Learning rate | 0\\.01 | 0\\.003 |" in shown
    assert "| Test accuracy | **84.6%** | 70.0% |" in shown
    assert "Batch size" not in shown, "only what differs"
    chart = json.loads(page.get("bidi_component")[0].proto.json)
    names = [trace["name"] for trace in chart["figure"]["data"] if trace.get("showlegend", True)]
    assert names == ["frozen &lt;b&gt;one&lt;/b&gt;", "full one"]
    assert chart["numbers"]["full one · best on validation"] == "81.5%"


def test_runs_without_steps_and_other_kinds_do_no_harm_to_a_comparison(home: Path) -> None:
    trained, empty = finished_run(home, "trained"), make_run(home, name="empty")
    fit = store.new_folder(home)
    fit.write_description(LinearFitConfig(), name="a line", created=0.0, queue="helper")
    page = open_page(trained.id, empty.id, fit.id)
    assert "Only **trained** has been tested so far" in page.info[0].value
    assert "Only fine-tunings that can be read are compared" in texts(page)
    page = open_page(empty.id, make_run(home, name="empty, too").id)
    assert page.info[0].value == "None of these runs has been scored yet."
    page = open_page(empty.id, fit.id)
    assert not page.info
    assert "Delete 2 runs" in labels(page)


def test_more_runs_than_colours_are_cut(home: Path) -> None:
    folders = [make_run(home, STARTED, Stopped(step=0), name=f"run {number}") for number in range(10)]
    page = open_page(*(folder.id for folder in folders))
    assert "The first 8 of the 10 fine-tunings are compared." in texts(page)
