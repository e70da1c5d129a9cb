"""The Fine-tune page, script by script: every state is drawn, every bad input is refused where it is typed."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core.data import bundled
from core.models import build
from core.runs import jobs, locks
from core.runs.config import FineTuneConfig
from core.runs.events import (
    Checkpointed,
    Evaluated,
    Evaluating,
    Failed,
    Finished,
    Preparing,
    Queued,
    Step,
    Stopped,
)
from core.runs.presets import PRESETS
from core.runs.queue import DeviceQueue
from pages.places import FINE_TUNE, FINE_TUNE_RUN
from tests.pages import apps
from tests.pages.apps import button, field, texts
from tests.samples import FIRST_CLICK, STARTED, as_read, make_run, source_of, tiny_data_set

CONFIG = FIRST_CLICK.changed(epochs=2)
STEPS = [Step(step=n, loss=2 / n, learning_rate=0.01, seconds=n / 4, images=32) for n in range(1, 58)]
VALIDATED = Evaluated(
    split="validation", epoch=1, step=57, loss=0.5, accuracy=0.815, seconds=15, best=True, rows_hash="beef"
)
FINISHED = Finished(best_epoch=1, best_accuracy=0.815, test_accuracy=0.846, seconds=21.4)


pytestmark = pytest.mark.usefixtures("quiet")


def open_page(run_id: str | None = None, **query: str) -> AppTest:
    return apps.open_page(FINE_TUNE_RUN, run=run_id) if run_id else apps.open_page(FINE_TUNE, **query)


def choose_mode(page: AppTest, mode: str) -> None:
    page.button_group(key="fine_tune_mode").set_value(mode).run()


def test_first_click_trains_the_default(started: list[FineTuneConfig]) -> None:
    page = open_page()
    assert "12,810 of 3,383,818 parameters" in texts(page)
    button(page, "Start fine-tuning").click().run()
    assert started == [FIRST_CLICK]
    assert page.query_params["run"]


def test_plan_follows_every_choice(started: list[FineTuneConfig]) -> None:
    page = open_page()
    page.selectbox(key="fine_tune_architecture").select("my_cnn").run()
    assert "7,885,450 of 7,885,898 parameters" in texts(page)
    button(page, "Start fine-tuning").click().run()
    assert (started[0].architecture, started[0].weights) == ("my_cnn", "random")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, ""),
        ({"patience": "3"}, "early stopping has no effect"),
        ({"patience": "3", "schedule": "plateau"}, "early stopping and the schedule “plateau” have no effect"),
    ],
)
def test_what_needs_validation_photos_is_said_where_there_are_none(
    query: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no effect" not in as_read(texts(open_page(**query)))
    monkeypatch.setitem(bundled.BUNDLED, "cifar10_sample", source_of(tiny_data_set(validation=0)))
    page = as_read(texts(open_page(**query)))
    assert said in page
    assert ("no effect" in page) == bool(said)


def test_another_network_starts_from_the_best_weights_it_has(started: list[FineTuneConfig]) -> None:
    page = open_page()
    for architecture in ("my_cnn", "efficientnet_lite0"):
        page.selectbox(key="fine_tune_architecture").select(architecture).run()
    button(page, "Start fine-tuning").click().run()
    assert started == [FIRST_CLICK]


def test_change_from_the_preset_is_said(home: Path) -> None:
    page = open_page()
    assert "changed from the preset" not in texts(page)
    field(page, "Epochs").set_value(7).run()
    assert "7 epochs · learning rate 0.01 · batch 32 · 160 pixels · changed from the preset" in texts(page)


def test_lesson_preset_fills_in_its_settings(started: list[FineTuneConfig]) -> None:
    page = open_page()
    page.button_group(key="preset").set_value("lesson").run()
    assert (field(page, "Epochs").value, field(page, "Learning rate").value) == (3, 1e-4)
    button(page, "Start fine-tuning").click().run()
    assert (started[0].augmentation, started[0].epochs) == ("random_resized_crop", 3)


@pytest.mark.parametrize(
    ("label", "value", "good", "message"),
    [
        ("Epochs", 0, 7, "Epochs must be between 1 and 1,000, but it is 0"),
        ("Learning rate", 0.0, 0.1, "Learning rate must be greater than 0 and at most 10, but it is 0"),
        ("Batch size", 5000, 64, "Batch size must be between 1 and 1,024, but it is 5,000"),
        ("Momentum", 1.5, 0.5, "Momentum must be between 0 and 0.999, but it is 1.5"),
        ("Image size", 8, 64, "Image size must be between 32 and 512, but it is 8"),
        ("Weight decay", -0.1, 0.0, "Weight decay must be between 0 and 1, but it is -0.1"),
        ("Seed", -1, 3, "Seed must be between 0 and 2,147,483,647, but it is -1"),
    ],
)
def test_setting_out_of_range_is_refused_where_it_is_typed(label: str, value: float, good: float, message: str) -> None:
    page = open_page()
    field(page, label).set_value(value).run()
    assert message in as_read(texts(page))
    assert button(page, "Start fine-tuning").disabled
    field(page, label).set_value(good).run()
    assert not button(page, "Start fine-tuning").disabled


def test_file_of_weights_is_checked_as_it_is_named(tmp_path: Path, started: list[FineTuneConfig]) -> None:
    page = open_page()
    page.selectbox(key="fine_tune_architecture").select("resnet18").run()
    page.button_group(key="fine_tune_weights").set_value("file").run()
    assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in as_read(texts(page))
    assert button(page, "Start fine-tuning").disabled

    path = tmp_path / "holiday.pth"
    torch.save(build.build_random("my_cnn", 10, seed=0).state_dict(), path)
    page.text_input(key="fine_tune_weights_file").set_value(str(path)).run()
    assert "holiday.pth does not fit ResNet-18" in as_read(page.error[0].value)
    assert button(page, "Start fine-tuning").disabled

    torch.save(build.build_random("resnet18", 1000, seed=0).state_dict(), path)
    os.utime(path, (1, 1))
    page.run()
    assert "fits ResNet-18" in texts(page)
    button(page, "Start fine-tuning").click().run()
    assert started[0].weights_file == str(path)


def test_low_disk_space_is_said_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=10**7)
    monkeypatch.setattr("core.runs.jobs.shutil.disk_usage", lambda path: usage)
    page = open_page()
    assert "has 10 MB free" in as_read(page.error[0].value)
    assert button(page, "Start fine-tuning").disabled


def test_starting_run_says_what_it_does(home: Path) -> None:
    folder = make_run(home, Preparing(what="Loading PyTorch"))
    lock = locks.hold(folder.lock)
    page = open_page(folder.id)
    assert "Loading PyTorch …" in page.get("progress")[0].proto.text
    assert not button(page, "Stop").disabled
    os.close(lock)


def test_running_run_shows_where_it_is_and_stops_when_asked(home: Path) -> None:
    folder = make_run(home, STARTED, *STEPS[:10])
    lock = locks.hold(folder.lock)
    page = open_page(folder.id)
    bar = page.get("progress")[0].proto
    assert bar.text.startswith(
        f"{bar.value}% · Epoch 1 of 2, step 10 of 114 · most of the work is in the first epoch, which reads every "
        "photo · about "
    )
    shown = json.loads(page.get("bidi_component")[0].proto.json)
    assert shown["numbers"]["Steps a second"] == "4"
    assert shown["numbers"]["Trainable parameters"] == "12,810"
    assert "Loss over 10 of 114 steps, now 0.2000" in shown["description"]
    assert "A CPU · float32" in texts(page)
    button(page, "Stop").click().run()
    assert folder.control.exists()
    assert button(page, "Stopping …").disabled
    os.close(lock)


def test_run_that_stands_still_says_for_how_long(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(home, STARTED, *STEPS[:20])
    lock = locks.hold(folder.lock)
    page = open_page(folder.id)
    for clock_s in (time.time() + 86_400, 0.0):  # the system's clock is set, and set back
        monkeypatch.setattr(time, "time", lambda clock_s=clock_s: clock_s)
        assert " · about 15 s left" in page.run().get("progress")[0].proto.text
    with monkeypatch.context() as patched:
        apps.quiet_for(patched, 19.0)  # a slow step
        assert " · about 15 s left" in page.run().get("progress")[0].proto.text
    apps.quiet_for(monkeypatch, 130.0)
    assert (
        "step 20 of 114 · most of the work is in the first epoch, which reads every photo · no news for 2 min 10 s"
        in page.run().get("progress")[0].proto.text
    )
    os.close(lock)


def test_scoring_is_shown_while_it_runs(home: Path) -> None:
    folder = make_run(home, STARTED, *STEPS, Evaluating(split="validation", images=96, total_images=200))
    lock = locks.hold(folder.lock)
    assert "Scoring validation photos: 96 of 200" in open_page(folder.id).get("progress")[0].proto.text
    os.close(lock)


def test_queued_run_says_what_it_waits_for(home: Path) -> None:
    waiting_for = make_run(home, STARTED, name="the first <b>one</b>")
    folder = make_run(home, Queued(device="cpu"))
    held = [locks.hold(run.lock) for run in (waiting_for, folder)]
    for run in (waiting_for, folder):
        DeviceQueue(home, "cpu").join(run.id)
    page = open_page(folder.id)
    assert "Queued on the CPU: “the first <b>one</b>” must finish first" in as_read(page.get("progress")[0].proto.text)
    button(page, "Stop waiting").click().run()
    assert folder.control.exists()
    assert "starts by itself" in texts(page)
    for lock in held:
        os.close(lock)


def test_finished_run_says_how_well_it_went_and_what_to_do_next(home: Path, started: list[FineTuneConfig]) -> None:
    folder = make_run(home, STARTED, *STEPS, VALIDATED, Checkpointed(step=57, epoch=1, best=True), FINISHED)
    folder.best_checkpoint.write_bytes(b"x" * 3_000_000)
    page = open_page(folder.id)
    assert "84.6% of the 500 test photos are recognised" in page.success[0].value
    assert "12,810 of 3.4\u00a0M parameters were trained in 21 s" in page.success[0].value
    assert "Download the model (3 MB)" in [element.proto.label for element in page.get("download_button")]
    assert f"{folder.id}.pt" in texts(page), "the lines of Python name the file as it is downloaded"
    apps.arrive(button(page, "Set up full fine-tuning").click().run(), FINE_TUNE)
    button(page, "Start fine-tuning").click().run()
    assert started == [FineTuneConfig.of(mode="full", **PRESETS["quick"].full | {"epochs": 2})]


def test_settings_of_a_run_can_be_changed(home: Path, started: list[FineTuneConfig]) -> None:
    config = FineTuneConfig.of(
        architecture="alexnet", weights="random", mode="full", epochs=7, learning_rate=0.003, seed=5
    )
    page = open_page(make_run(home, Failed(message="x", step=0), config=config).id)
    apps.arrive(button(page, "Change settings").click().run(), FINE_TUNE)
    button(page, "Start fine-tuning").click().run()
    assert started == [config]


def test_failed_run_says_why_and_shows_its_log(home: Path) -> None:
    folder = make_run(
        home, STARTED, *STEPS, Checkpointed(step=57, epoch=1, best=True), Failed(message="It *broke*.", step=57)
    )
    folder.log.write_text("the last line")
    page = open_page(folder.id)
    assert "It \\*broke\\*\\. The last checkpoint is kept" in page.error[0].value
    assert "the last line" in texts(page)


def test_failed_run_offers_another_attempt_only_where_it_makes_sense(home: Path) -> None:
    for can_resume in (False, True):
        page = open_page(make_run(home, Failed(message="x", step=0, can_resume=can_resume)).id)
        assert ("Resume" in [button.label for button in page.button]) is can_resume


def test_interrupted_run_shows_its_log_and_can_be_resumed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(home, STARTED, *STEPS)
    folder.log.write_text("the last line")
    resumed: list[str] = []
    monkeypatch.setattr(jobs, "resume", lambda home, folder: resumed.append(folder.id))
    page = open_page(folder.id)
    assert "broke off after step 57" in page.warning[0].value
    assert "the last line" in texts(page)
    button(page, "Resume").click().run()
    assert resumed == [folder.id]


def test_resuming_what_another_tab_has_resumed_does_no_harm(home: Path) -> None:
    folder = make_run(home, STARTED, Stopped(step=0))
    page = open_page(folder.id)
    lock = locks.hold(folder.lock)
    button(page, "Resume").click().run()
    assert not page.exception
    assert page.toast[0].value == "The run is training already."
    os.close(lock)


@pytest.mark.parametrize("run_id", ["no-such-run", "../../etc", "20260101-000000-abcdef", "<script>"])
def test_run_that_is_not_there_is_said_to_be_not_there(run_id: str) -> None:
    page = open_page(run_id)
    assert "There is no run" in page.error[0].value
    apps.arrive(button(page, "Set up a new run").click().run(), FINE_TUNE)
    assert page.title[0].value == "Fine-tune"


def test_run_of_another_version_is_said_to_be_one(home: Path) -> None:
    folder = make_run(home)
    (folder.path / "config.json").write_text('{"format": 99}')
    assert "another version" in open_page(folder.id).error[0].value


def test_sidebar_shows_device_running_and_recent_runs(home: Path) -> None:
    ended = make_run(home, Stopped(step=0), name="ended [link](http://evil.example)")
    running = make_run(home, STARTED, name="running")
    lock = locks.hold(running.lock)
    DeviceQueue(home, "cpu").join(running.id)
    page = open_page()
    assert "A CPU · float32" in page.sidebar.markdown[0].value
    links = [element.proto for element in page.sidebar.get("page_link")]
    assert [link.query_string for link in links] == [f"run={running.id}", f"run={ended.id}"]
    assert "\\[link\\]\\(http" in links[1].label, "a name is data, not Markdown"
    os.close(lock)


def test_race_trains_both_ways_on_the_same_settings(
    started: list[FineTuneConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "race", lambda home, configs: [jobs.start(home, config) for config in configs])
    page = open_page()
    choose_mode(page, "race")
    assert "**12,810** (frozen) and **3,383,818** (full) are trained" in texts(page)
    assert page.query_params["mode"] == "race"
    button(page, "Start the race").click().run()
    settings = PRESETS["quick"].race
    frozen = settings | {"backbone_rate": 1.0, "batch_norm": "train"}  # which have no effect there
    assert started == [FineTuneConfig.of(mode="frozen", **frozen), FineTuneConfig.of(mode="full", **settings)]


def test_lanes_can_be_added_changed_and_removed(started: list[FineTuneConfig], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "race", lambda home, configs: [jobs.start(home, config) for config in configs])
    page = open_page(mode="race")
    button(page, "Add a run").click().run()
    assert "the same settings twice" in texts(page)
    assert button(page, "Start the race").disabled
    field(page, "Learning rate of run 3").set_value(1e-3).run()
    assert page.query_params["lanes"] == "frozen,full,full@0.001"
    page.button(key="fine_tune_lane_1_remove").click().run()
    assert page.query_params["lanes"] == "frozen,full@0.001"
    field(page, "Learning rate of run 2").set_value(0).run()
    assert "greater than 0 and at most 10, but it is 0" in texts(page)
    assert button(page, "Start the race").disabled
    field(page, "Learning rate of run 2").set_value(2e-3).run()
    button(page, "Start the race").click().run()
    assert [(config.mode, config.optimizer.learning_rate) for config in started] == [("frozen", 3e-3), ("full", 2e-3)]


def test_address_opens_the_same_settings(started: list[FineTuneConfig]) -> None:
    page = open_page(architecture="my_cnn", weights="random", mode="full", epochs="7", seed="3", weight_decay="0.5")
    assert not page.warning
    button(page, "Start fine-tuning").click().run()
    settings = PRESETS["quick"].full | {"epochs": 7, "seed": 3, "weight_decay": 0.5, "image_size": 224}
    assert started == [FineTuneConfig.of(architecture="my_cnn", weights="random", mode="full", **settings)]


def test_every_change_stands_in_the_address(started: list[FineTuneConfig]) -> None:
    page = open_page()
    assert page.query_params == {}
    field(page, "Epochs").set_value(5).run()
    choose_mode(page, "full")
    assert page.query_params == {"mode": "full", "epochs": "5"}
    field(page, "Learning rate").set_value(0.5).run()
    assert page.query_params == {"mode": "full", "epochs": "5", "learning_rate": "0.5"}


def test_settings_of_ones_own_outlast_another_choice_of_what_learns(started: list[FineTuneConfig]) -> None:
    page = open_page()
    field(page, "Epochs").set_value(5).run()
    for mode, learning_rate in (("full", 0.003), ("race", 0.003), ("frozen", 0.01)):
        choose_mode(page, mode)
        assert field(page, "Epochs").value == 5
        assert field(page, "Learning rate").value == learning_rate, "as the preset has it"
    for preset, epochs in (("lesson", 3), ("quick", 20)):
        page.button_group(key="preset").set_value(preset).run()
        assert field(page, "Epochs").value == epochs, "a click on a preset fills in all"


def test_address_opens_with_the_preset_that_it_holds(started: list[FineTuneConfig]) -> None:
    lesson = {name: str(value) for name, value in PRESETS["lesson"].full.items()}
    page = open_page(mode="full", **lesson)
    assert page.button_group(key="preset").value == "lesson"
    choose_mode(page, "frozen")
    assert field(page, "Learning rate").value == 1e-4
    assert "changed from the preset" not in texts(page)


def test_nonsense_in_the_address_is_said(started: list[FineTuneConfig]) -> None:
    page = open_page(architecture="<b>x</b>", epochs="nan", lanes="frozen,fall", mode="race")
    said = "\n".join(warning.value for warning in page.warning)
    assert all(word in said for word in ("architecture", "epochs", "a race that is not possible"))
    assert not button(page, "Start the race").disabled
