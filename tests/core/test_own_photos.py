"""A folder of photos from end to end: packed, trained on, and predicted with the very answers of its own validation."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core import devices
from core.data import library, overlay, stored
from core.data.glimpse import crops
from core.data.stored import StoredSet
from core.errors import DataChangedError, DataSetError
from core.predict.answers import NetworkRef
from core.predict.prediction import predict
from core.runs.config import FineTuneConfig
from core.runs.events import Finished, Started
from core.training.fine_tune import fine_tune
from core.training.inputs import EVALUATION_BATCH, evaluation_batch, training_batches
from core.training.state import TrainingState
from tests.folders import packed, photo, write


def saved(number: int, bright: bool) -> dict[str, bytes]:
    """A photo as one of many programs saves it: another size, mode, format or orientation each."""
    size = [(80, 60), (60, 80), (300, 200), (40, 40), (120, 33), (64, 64)][number % 6]
    image = photo(number, size).point(lambda value: value // 3 + 160 * bright)
    mode, ending, is_turned = [
        ("RGB", "jpg", False),
        ("L", "jpg", False),
        ("CMYK", "jpg", False),
        ("RGBA", "png", False),
        ("P", "png", False),
        ("RGB", "webp", False),
        ("RGB", "bmp", False),
        ("RGB", "jpg", True),
    ][number % 8]
    exif = image.getexif()
    if is_turned:
        exif[0x0112] = 6
    file = io.BytesIO()
    image.convert(mode).save(file, {"jpg": "JPEG"}.get(ending, ending.upper()), **({"exif": exif} if is_turned else {}))
    return {f"{'bright' if bright else 'dark'}/{number:03d}.{ending}": file.getvalue()}


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    for number in range(48):
        write(tmp_path / "mixed", saved(number, number % 2 == 0) | saved(100 + number, number % 2 == 1))
    return tmp_path / "mixed"


def config(kept: StoredSet, **settings: object) -> FineTuneConfig:
    return FineTuneConfig.of(
        **{
            "data": stored.key_of(kept.id, kept.newest),
            "architecture": "mobilenet_v3_small",
            "weights": "random",
            "image_size": 32,
            "batch_size": 16,
            "epochs": 2,
            "device": "cpu",
            "precision": "float32",
            **settings,
        }
    )


@pytest.mark.parametrize("shape", ["middle", "squash", "pad"])
def test_predict_gives_the_answers_of_validation_itself(home: Path, mixed: Path, tmp_path: Path, shape: str) -> None:
    kept = packed(home, mixed, size=48, shape=shape)
    state = TrainingState.new(config(kept))
    events = list(fine_tune(state))
    assert isinstance(events[-1], Finished)
    state.save_best(tmp_path / "best.pt")
    state.plan.tail.load_state_dict(state.best_weights)
    state.model.eval()
    manifest = library.load(state.config.data).manifest
    rows = manifest.rows("validation")
    assert len(rows) > 5
    with torch.inference_mode(), devices.exact_float32(state.device):
        own = torch.cat(
            [
                state.model(evaluation_batch(state, state.validation.gather(block))).double().softmax(dim=1)
                for block in state.validation.blocks(EVALUATION_BATCH)
            ]
        )
    files = [(manifest.names[row], (mixed / manifest.names[row]).read_bytes()) for row in rows]
    answers = predict(NetworkRef(source="checkpoint", path=str(tmp_path / "best.pt")), files)
    for answer, expected in zip(answers, own, strict=True):
        assert answer.guesses[0].class_name == manifest.classes[int(expected.argmax())]
        assert answer.guesses[0].probability == pytest.approx(float(expected.max()), abs=1e-6)


@pytest.mark.parametrize(("mode", "augmentation"), [("frozen", "random_resized_crop"), ("full", "none")])
def test_every_way_to_train_takes_photos_of_many_sizes(home: Path, mixed: Path, mode: str, augmentation: str) -> None:
    kept = packed(home, mixed, size=64)
    events = list(fine_tune(TrainingState.new(config(kept, mode=mode, augmentation=augmentation, epochs=1))))
    started = next(event for event in events if isinstance(event, Started))
    assert (started.train_images, started.validation_images, started.test_images) == (66, 10, 20)
    assert started.data_digest == library.load(f"{kept.id}@1").manifest.digest
    assert isinstance(events[-1], Finished)


def test_run_goes_on_with_its_own_photos_or_says_that_it_cannot(home: Path, mixed: Path, tmp_path: Path) -> None:
    kept = packed(home, mixed, size=48)
    state = TrainingState.new(config(kept))
    for _, event in zip(range(4), fine_tune(state), strict=False):
        assert event
    state.save(tmp_path / "last.pt")
    TrainingState.load(tmp_path / "last.pt", None)
    keys = library.load(state.config.data).manifest.keys
    kept.overlay.add(overlay.Edit(what="leave out", photos=tuple(keys[:1])))
    with pytest.raises(DataChangedError, match="have changed since it began"):
        TrainingState.load(tmp_path / "last.pt", None)


def test_set_without_training_photos_is_refused(home: Path, mixed: Path) -> None:
    kept = packed(home, mixed, size=48)
    known = library.load(f"{kept.id}@1").manifest
    kept.overlay.add(overlay.Edit(what="leave out", photos=tuple(known.keys[row] for row in known.rows("train"))))
    with pytest.raises(DataSetError, match="no training photos"):
        TrainingState.new(config(kept))


def test_crops_that_are_shown_are_those_of_the_first_step(home: Path, mixed: Path) -> None:
    kept = packed(home, mixed, size=64)
    settings = config(kept, augmentation="random_resized_crop", mode="full", batch_size=32, seed=5)
    shown = crops(settings.data, settings.architecture, 32, 5, 1, True)
    state = TrainingState.new(settings)
    batch, _ = training_batches(state)(state.batches.rows(1), 1)
    np.testing.assert_array_equal(shown, state.transform.restore(batch))


def test_pictures_helper_makes_what_it_says() -> None:
    (data,) = saved(7, bright=False).values()
    assert Image.open(io.BytesIO(data)).getexif()[0x0112] == 6
