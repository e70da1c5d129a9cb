"""Settings in a line: what matters most is said, counted right, and a file is named as itself."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from core.runs import known_devices, workers
from core.runs.config import FineTuneConfig, Mode
from core.runs.known_devices import DeviceInfo
from core.runs.settings import settings_of
from pages.fine_tune.words import in_words
from pages.places import FINE_TUNE
from tests.pages import apps
from tests.samples import as_read


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


def test_every_setting_of_a_fine_tuning_has_its_field(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "prepare", lambda: None)
    info = DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")
    known_devices.remember(home, [info, replace(info, name="cuda:0")])
    labels: set[str] = set()
    for mode in get_args(Mode):  # each has some that others do not use
        page = apps.open_page(FINE_TUNE, weights="file", mode=mode, augmentation="random_resized_crop")
        labels |= {field.label for field in [*page.number_input, *page.selectbox, *page.button_group, *page.text_input]}
    # There is one source of photos so far, which is shown and not asked for.
    assert {about.label for name, about in settings_of(FineTuneConfig).items() if name != "data"} <= labels
