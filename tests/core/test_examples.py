"""Bundled photos: real, small, free to pass on, and offered only to a network that knows their classes."""

import io
import itertools

import pytest
import torchvision.models
from PIL import Image

from core.data.bundled import BUNDLED
from core.models import imagenet
from core.predict import examples
from core.predict.answers import NetworkRef
from core.predict.examples import examples_for
from core.predict.prediction import predict
from tests.samples import photos_of

SAMPLE = BUNDLED["cifar10_sample"].load()


def test_names_of_imagenets_classes_are_torchvisions() -> None:
    assert list(imagenet.CLASSES) == torchvision.models.get_model_weights("resnet18").DEFAULT.meta["categories"]


def test_imagenets_photos_are_recognised_by_the_bundled_network_beyond_doubt() -> None:
    offered = examples_for(imagenet.CLASSES)
    assert offered is not None
    assert 4 <= len(offered.examples) <= 8
    assert len({example.class_name for example in offered.examples}) == len(offered.examples)
    ref = NetworkRef(source="pretrained", architecture="efficientnet_lite0")
    answers = predict(ref, [(example.name, example.contents) for example in offered.examples])
    for example, answer in zip(offered.examples, answers, strict=True):
        first, second, *_ = answer.guesses
        assert first.class_name == example.class_name
        assert first.probability > max(0.7, 5 * second.probability)
        assert min(answer.width, answer.height) >= 224, "no network has to enlarge it much"
        assert len(example.contents) <= 60_000


def test_readme_names_every_photo_and_only_these() -> None:
    folder = examples._FOLDER
    offered = examples_for(imagenet.CLASSES)
    assert offered is not None
    assert {path.name for path in folder.glob("*.jpg")} == {example.name for example in offered.examples}
    rows = [line.split("|") for line in (folder / "README.md").read_text().splitlines() if line.startswith("| `")]
    named = {row[1].strip().strip("`"): (row[2].strip(), row[4].strip()) for row in rows}
    assert {name: what for name, (what, _) in named.items()} == examples._IMAGENET
    assert {licence for _, licence in named.values()} <= {"CC0", "public domain"}


def test_network_trained_on_the_sample_gets_a_test_photo_of_each_class() -> None:
    offered = examples_for(SAMPLE.manifest.classes)
    assert offered is not None
    assert sorted(example.class_name for example in offered.examples) == sorted(SAMPLE.manifest.classes)
    tests = {image.tobytes() for image in photos_of(SAMPLE, "test")}
    for example in offered.examples:
        assert Image.open(io.BytesIO(example.contents)).convert("RGB").tobytes() in tests


@pytest.mark.parametrize(
    "classes",
    [
        (),
        ("dark", "bright"),
        ("cat", "dog"),
        SAMPLE.manifest.classes[:-1],
        imagenet.CLASSES[:-100],
        tuple(f"class {number}" for number in range(1000)),
        tuple(name.title() for name in SAMPLE.manifest.classes),
    ],
    ids=lambda classes: f"{len(classes)} {', '.join(classes[:2])}",
)
def test_network_with_other_classes_gets_none(classes: tuple[str, ...]) -> None:
    assert examples_for(classes) is None


def test_more_classes_and_another_order_do_no_harm() -> None:
    classes = ("unicorn", *itertools.chain(reversed(SAMPLE.manifest.classes)))
    assert examples_for(classes) == examples_for(SAMPLE.manifest.classes)
