"""A race on its page: a verdict, its proof, and what happens when a lane stops or is deleted."""

import dataclasses
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.runs import jobs, locks, progress, store
from core.runs.config import FineTuneConfig
from core.runs.events import (
    Event,
    RareEvent,
    Stopped,
)
from core.runs.folder import RunFolder
from core.runs.writer import RunWriter
from pages.places import FINE_TUNE
from pages.ui.format import duration
from tests.conftest import follow
from tests.pages import apps
from tests.pages.apps import button, field, texts
from tests.pages.test_fine_tune_page import CONFIG, FINISHED, STEPS, VALIDATED, open_page
from tests.samples import STARTED

pytestmark = pytest.mark.usefixtures("quiet")


BOTH_WAYS = (CONFIG, dataclasses.replace(CONFIG, mode="full"))


def make_race(
    home: Path,
    *endings: list[RareEvent],
    full_saw: str = "beef",
    configs: Sequence[FineTuneConfig] = BOTH_WAYS,
    names: Sequence[str] = ("the frozen one", "the full one"),
    first_losses: Sequence[float] = (2.0, 2.0),
) -> list[RunFolder]:
    """Two lanes with 57 steps each, and how they ended; `full_saw` stands for the second's photos."""
    folders = [store.new_folder(home) for _ in configs]
    ids = tuple(folder.id for folder in folders)
    for folder, config, name, loss, ending in zip(folders, configs, names, first_losses, endings, strict=True):
        folder.write_description(config, name=name, created=0.0, queue="cpu", race=ids)
        trainable = 12_810 if config.mode == "frozen" else 3_383_818
        begun = dataclasses.replace(STARTED, mode=config.mode, trainable_parameters=trainable, head_hash="cafe")
        with RunWriter(folder) as writer:
            saw = "beef" if folder is folders[0] else full_saw
            steps = [dataclasses.replace(STEPS[0], loss=loss), *STEPS[1:]]
            happened: list[Event] = [begun, *steps, dataclasses.replace(VALIDATED, rows_hash=saw), *ending]
            for event in happened:
                writer.append(event)
    return folders


def test_time_left_of_a_race_is_that_of_its_lanes_together(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = make_race(home, [], [])
    held = [locks.hold(folder.lock) for folder in folders]
    readers = [follow(folder) for folder in folders]
    alone = [progress.measure(reader.events, reader.steps) for reader in readers]
    left_s = sum(now.remaining_s for now in alone if now and now.remaining_s)
    page = open_page(folders[0].id)
    assert f" · about {duration(left_s)} left" in page.get("progress")[0].proto.text
    apps.quiet_for(monkeypatch, 130.0)
    assert " · no news for 2 min 10 s" in page.run().get("progress")[0].proto.text
    for lock in held:
        os.close(lock)


def test_race_whose_lanes_saw_different_photos_is_said_to_be_unfair(home: Path) -> None:
    page = open_page(make_race(home, [FINISHED], [FINISHED], full_saw="dead")[0].id)
    assert "This race is not fair: its runs trained on different photos" in texts(page)
    assert "A fair race" not in texts(page)


def test_finished_race_has_a_verdict_and_its_proof(home: Path) -> None:
    better = dataclasses.replace(FINISHED, test_accuracy=0.9, seconds=40.0)
    frozen, full = make_race(home, [FINISHED], [better])
    for folder in (frozen, full):
        page = open_page(folder.id)
        said = texts(page)
        assert "the full one" in said
        assert "90.0%" in said
        assert "cafe" in said
        assert "beef" in said
    assert page.title[0].value == "Race: EfficientNet\\-Lite0"


def test_race_that_was_stopped_can_be_resumed_or_changed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = make_race(home, [FINISHED], [Stopped(step=57)])
    resumed: list[str] = []
    monkeypatch.setattr(jobs, "resume", lambda home, *runs: resumed.extend(run.id for run in runs))
    page = open_page(folders[0].id)
    assert "was stopped after step 57" in texts(page)
    button(page, "Resume the run").click().run()
    assert resumed == [folders[1].id]
    apps.arrive(button(page, "Change settings").click().run(), FINE_TUNE)
    assert button(page, "Start the race")
    assert field(page, "Epochs").value == CONFIG.epochs


def test_lane_of_a_deleted_race_is_shown_alone(home: Path) -> None:
    frozen, full = make_race(home, [FINISHED], [FINISHED])
    shutil.rmtree(frozen.path)
    assert "84.6% of the 500 test photos" in texts(open_page(full.id))


def test_models_of_a_race_can_be_taken_away_and_a_clear_winner_alone_is_crowned(home: Path) -> None:
    for test, is_clear in ((0.95, True), (0.847, False)):
        folders = make_race(home, [FINISHED], [dataclasses.replace(FINISHED, test_accuracy=test)])
        for folder in folders:
            folder.best_checkpoint.parent.mkdir(exist_ok=True)
            folder.best_checkpoint.write_bytes(b"weights")
        page = open_page(folders[0].id)
        assert len(page.get("download_button")) == 2
        assert [tab.label for tab in page.tabs] == ["the frozen one", "the full one"]
        snippets = "\n".join(code.value for code in page.code)
        assert all(f"{folder.id}.pt" in snippets for folder in folders)
        ways = [button for button in page.button if button.label.startswith("Predict with")]
        assert [way.proto.type for way in ways] == ["secondary", "primary" if is_clear else "secondary"]
