"""Settings in a line: what matters most is said, counted right, and a file is named as itself."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from core.runs import known_devices, workers
from core.runs.config import FineTuneConfig, Mode
from core.runs.events import Finished
from core.runs.known_devices import DeviceInfo
from core.runs.settings import settings_of
from pages.fine_tune.words import in_words, scores
from pages.places import FINE_TUNE
from tests.pages import apps
from tests.samples import STARTED, as_read


def test_line_of_a_run_says_all_that_its_accuracy_hangs_on() -> None:
    said = as_read(in_words(FineTuneConfig(epochs=1, image_size=64, augmentation="random_resized_crop").to_dict()))
    before = "ImageNet weights · CIFAR-10 sample · random crops · 64 pixels · 1 epoch"
    assert said == f"{before} · batch 32 · learning rate 0.01 · seed 0"


def test_weights_of_a_file_are_named_by_it_and_its_name_is_data() -> None:
    config = FineTuneConfig(weights="file", weights_file="/home/me/my *best* weights.pth")
    assert "weights from my *best* weights.pth · " in as_read(in_words(config.to_dict()))
    assert "\\*best\\*" in in_words(config.to_dict())


def test_numbers_that_are_not_typed_yet_are_asked_for() -> None:
    nothing = dict.fromkeys(("epochs", "learning_rate", "batch_size", "image_size"))
    assert in_words(nothing) == "? epochs · learning rate ? · batch ? · ? pixels"


def test_settings_that_are_no_matter_of_course_are_said_where_they_are_not_the_products_own() -> None:
    assert in_words(FineTuneConfig().to_dict() | {"momentum": 0.5, "precision": "float32"}).endswith(
        "momentum 0\\.5 · seed 0 · precision float32"
    )
    assert "momentum" not in in_words(FineTuneConfig().to_dict())


def test_result_says_what_classes_of_different_sizes_come_to_and_why_a_run_ended_early() -> None:
    finished = Finished(seconds=5.0, best_epoch=3, best_accuracy=0.9, test_accuracy=0.8)
    assert scores(finished, STARTED) == (
        "**80.0% of the 500 test photos are recognised.** Scored once, with the weights of epoch 3, the best on "
        "validation (90.0%)."
    )
    told = scores(replace(finished, test_balanced_accuracy=0.6, stopped_early=True), STARTED)
    assert "recognised.** On average over the classes, it is 60.0% of a class's photos. Scored once" in told
    assert told.endswith("(90.0%). On validation, no epoch after epoch 3 was better, so training ended early.")
    told = scores(replace(finished, test_accuracy=None, stopped_early=True), STARTED)
    assert told.endswith("On validation, no epoch after epoch 3 was better, so training ended early.")


def test_every_setting_of_a_fine_tuning_has_its_field(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "prepare", lambda: None)
    info = DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")
    known_devices.remember(home, [info, replace(info, name="cuda:0")])
    labels: set[str] = set()
    for mode in get_args(Mode):  # each has some that others do not use
        page = apps.open_page(
            FINE_TUNE, weights="file", mode=mode, augmentation="random_resized_crop", schedule="plateau"
        )
        labels |= {field.label for field in [*page.number_input, *page.selectbox, *page.button_group, *page.text_input]}
    # There is one source of photos so far, which is shown and not asked for.
    assert {about.label for name, about in settings_of(FineTuneConfig).items() if name != "data"} <= labels
