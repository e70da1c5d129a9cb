"""Predictions: known photos get their known names, and bad files cost only themselves."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from core.data.dataset import DataSet
from core.data.transforms import EvaluationTransform
from core.errors import WeightsFileError
from core.models import build, imagenet
from core.predict.answers import Answer, NetworkRef
from core.predict.prediction import predict, warm
from core.runs.config import FineTuneConfig
from core.training.checkpoints import read_checkpoint, write_checkpoint
from core.training.fine_tune import fine_tune
from core.training.state import TrainingState
from tests.conftest import PHOTOS
from tests.samples import photos_of

IMAGENET = NetworkRef(source="pretrained", architecture="efficientnet_lite0")


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the two photos with known answers are not here")
@pytest.mark.parametrize(
    ("photo", "class_name", "least"),
    [("pembroke.jpg", "Pembroke", 0.9), ("german_shepherd.jpg", "German shepherd", 0.5)],
)
def test_known_photo_is_recognised(photo: str, class_name: str, least: float) -> None:
    (answer,) = predict(IMAGENET, [(photo, (PHOTOS / photo).read_bytes())])
    assert answer.guesses[0].class_name == class_name
    assert answer.guesses[0].probability > least
    assert len(answer.guesses) == 5
    assert (answer.width, answer.height) == (500, 500)
    assert answer.seen_size == 224
    assert Image.open(io.BytesIO(answer.seen)).size == (224, 224)
    assert Image.open(io.BytesIO(answer.thumbnail)).size == (500, 500)


def test_answers_keep_their_order_and_a_bad_file_costs_only_itself() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 40, 60, 3), np.uint8)
    files = [("a.png", png(noise[0])), ("b.jpg", b"no photo"), ("c.png", png(noise[1])), ("d.png", png(noise[2]))]
    answers = predict(IMAGENET, files)
    assert [answer.name for answer in answers] == ["a.png", "b.jpg", "c.png", "d.png"]
    assert [answer.problem is None for answer in answers] == [True, False, True, True]
    alone = predict(IMAGENET, files[3:])[0]
    assert [guess.class_name for guess in alone.guesses] == [guess.class_name for guess in answers[3].guesses]
    assert [g.probability for g in alone.guesses] == pytest.approx(
        [g.probability for g in answers[3].guesses], rel=1e-4
    )


@pytest.fixture
def trained(tiny_data: DataSet, tmp_path: Path) -> tuple[Path, float]:
    """The checkpoint of a small run, and its validation accuracy."""
    state = TrainingState.new(FineTuneConfig(image_size=64, epochs=3, device="cpu", precision="float32"))
    for _ in fine_tune(state):
        pass
    state.save(tmp_path / "best.pt")
    assert state.accuracy is not None
    return tmp_path / "best.pt", state.accuracy


def accuracy(answers: list[Answer], data_set: DataSet) -> float:
    labels = [data_set.manifest.classes.index(answer.guesses[0].class_name) for answer in answers]
    return float(np.mean(labels == data_set.manifest.labels[data_set.manifest.rows("test")]))


def test_checkpoint_predicts_what_it_was_trained_on(trained: tuple[Path, float], tiny_data: DataSet) -> None:
    files = [(f"{index}.png", png(image)) for index, image in enumerate(photos_of(tiny_data, "test"))]
    for ref in (
        NetworkRef(source="checkpoint", path=str(trained[0])),
        NetworkRef(source="file", architecture="alexnet", path=str(trained[0])),  # it knows better
    ):
        answers = predict(ref, files)
        assert accuracy(answers, tiny_data) > 0.9
        assert warm(ref) == tiny_data.manifest.classes
        assert len(answers[0].guesses) == 2
        assert sum(guess.probability for guess in answers[0].guesses) == pytest.approx(1)


def test_state_dict_of_another_size_has_numbered_classes(tmp_path: Path) -> None:
    torch.save(build.build_random("resnet18", 3, seed=0).state_dict(), tmp_path / "mine.pth")
    ref = NetworkRef(source="file", architecture="resnet18", path=str(tmp_path / "mine.pth"))
    (answer,) = predict(ref, [("x.png", png(np.zeros((30, 30, 3), np.uint8)))])
    assert {guess.class_name for guess in answer.guesses} == {"class 0", "class 1", "class 2"}
    assert warm(ref) == ("class 0", "class 1", "class 2")


def test_network_of_imagenet_names_imagenets_classes() -> None:
    assert warm(IMAGENET) == imagenet.CLASSES


@pytest.mark.parametrize(
    "damage",
    [
        {"classes": ["only one"]},
        {"classes": [1, 2]},
        {"classes": None},
        {"architecture": "no such"},
        {"architecture": ["a", "list"]},
        {"weights": {"features.0": "text"}},
        {"transform": {}},
        {"transform": {"image_size": 10**9, "mean": [0, 0, 0], "std": [1, 1, 1]}},
        {"transform": {"image_size": 64, "mean": [0, 0, 0], "std": [1, 0, 1]}},
        {"transform": {"image_size": 64, "mean": [0, float("nan"), 0], "std": [1, 1, 1]}},
        {"transform": None},
    ],
    ids=str,
)
def test_forged_checkpoint_is_refused_in_one_sentence(trained: tuple[Path, float], damage: dict) -> None:
    path = trained[0].with_name("forged.pt")
    write_checkpoint(path, {**read_checkpoint(trained[0]), **damage})
    with pytest.raises(WeightsFileError, match=r"forged\.pt"):
        predict(NetworkRef(source="file", path=str(path), architecture="resnet18"), [])


def transform_to(size: int) -> EvaluationTransform:
    return EvaluationTransform(
        image_size=size, resize_size=size, kernel="bilinear", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )


@pytest.mark.parametrize("shape", [(1, 2_000_000), (2_000_000, 1), (3, 600_000)])
def test_a_panorama_costs_no_more_than_its_middle(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    height, width = shape
    strip = np.zeros((height, width, 3), np.uint8)
    strip[height // 2 - min(height // 2, 10) :, width // 2 - min(width // 2, 10) :] = 255
    sizes: list[int] = []
    resize = functional.resize

    def count(images: torch.Tensor, *arguments: object, **options: object) -> torch.Tensor:
        resized = resize(images, *arguments, **options)
        sizes.append(resized.numel())
        return resized

    monkeypatch.setattr(functional, "resize", count)
    transform = transform_to(32)
    inputs = transform(torch.from_numpy(strip)[None])
    assert inputs.shape == (1, 3, 32, 32)
    assert transform.restore(inputs)[0, 16:, 16:].min() == 255
    assert max(sizes) <= 3 * 32 * 32 * 64


def test_seen_is_what_the_network_reads() -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8))
    transform = transform_to(32)
    assert np.array_equal(transform.restore(transform(pixels))[0], pixels[0].numpy())
