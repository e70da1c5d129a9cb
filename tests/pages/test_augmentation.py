"""Augmentation is a section of the settings: folded away, explained, kept in the address, and said of a run."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from core.runs.augmentation_settings import AugmentationSettings
from core.runs.config import FineTuneConfig
from core.runs.presets import PRESETS
from core.runs.settings import settings_of
from pages.fine_tune.words import in_words
from pages.places import FINE_TUNE, FINE_TUNE_RUN
from tests.pages import apps
from tests.pages.apps import button, texts
from tests.samples import FIRST_CLICK, as_read, make_run

pytestmark = pytest.mark.usefixtures("quiet")

CHOSEN: Mapping[str, float] = {
    "crop_scale": 0.3,
    "flip": 0.5,
    "colour_jitter": 0.4,
    "hue": 0.1,
    "rotation": 15.0,
    "erasing": 0.25,
    "mixup": 0.2,
    "cutmix": 1.0,
    "views": 4,
}
SAID = (
    "random crops · crops from 30% on · horizontal flip 0.5 · colour jitter 0.4 · hue jitter 0.1 · "
    "rotation up to 15° · random erasing 0.25 · mixup 0.2 · cutmix 1 · 4 views of each photo"
)


def test_every_change_is_chosen_kept_in_the_address_and_trained(started: list[FineTuneConfig]) -> None:
    page = apps.open_page(FINE_TUNE, augmentation="random_resized_crop")
    for name, value in CHOSEN.items():
        page.number_input(key=f"fine_tune_{name}").set_value(value)
    page.run()
    assert not page.exception
    assert set(CHOSEN) == set(settings_of(AugmentationSettings)) <= set(page.query_params)
    assert "changed from the preset" in texts(page)
    assert SAID.replace("random crops · ", "", 1) in as_read(texts(page)), "beside the folded settings"
    again = apps.open_page(FINE_TUNE, **apps.address(page))
    button(again, "Start fine-tuning").click().run()
    assert started == [FIRST_CLICK.changed(augmentation="random_resized_crop", **CHOSEN)]


def test_smallest_crop_without_random_crops_does_nothing(started: list[FineTuneConfig]) -> None:
    page = apps.open_page(FINE_TUNE, crop_scale="0.5")
    assert "crop" not in in_words(FineTuneConfig().to_dict())
    assert "crops from" not in texts(page)
    button(page, "Start fine-tuning").click().run()
    assert started == [FIRST_CLICK]


def test_what_cannot_be_is_refused_beside_its_field() -> None:
    page = apps.open_page(FINE_TUNE)
    page.number_input(key="fine_tune_hue").set_value(0.7).run()
    assert "Hue jitter must be between 0 and 0.5, but it is 0.7." in as_read(texts(page))
    assert button(page, "Start fine-tuning").disabled
    page = apps.open_page(FINE_TUNE, mixup="1e400")
    assert "mixup" in texts(page)
    assert page.number_input(key="fine_tune_mixup").value == 0


def test_preset_takes_back_what_was_switched_on() -> None:
    page = apps.open_page(FINE_TUNE, flip="0.5", mixup="0.2")
    page.button_group(key="preset").set_value("lesson").run()
    assert [page.number_input(key=f"fine_tune_{name}").value for name in ("flip", "mixup")] == [0, 0]
    assert all(preset.settings("full")["cutmix"] == 0 for preset in PRESETS.values())


def test_run_says_what_was_done_to_its_photos(home: Path) -> None:
    asked = FIRST_CLICK.changed(augmentation="random_resized_crop", **CHOSEN)
    run = make_run(home, config=asked)
    assert SAID in as_read(in_words(asked.to_dict()))
    assert SAID in as_read(texts(apps.open_page(FINE_TUNE_RUN, run=run.id)))
