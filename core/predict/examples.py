"""Photos that come with Unfreeze and whose class is known, for a network that knows that class. Never imports torch."""

import io
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from core.data import preview
from core.data.bundled import BUNDLED

_FOLDER = Path(__file__).with_name("example_photos")  # its README names each photo's source and licence
# Files of the folder, with the name that ImageNet gives to what they show.
_IMAGENET = {
    "siamese_cat.jpg": "Siamese cat",
    "espresso.jpg": "espresso",
    "tripod.jpg": "tripod",
    "egyptian_cat.jpg": "Egyptian cat",
    "persian_cat.jpg": "Persian cat",
}
_SAMPLE = "cifar10_sample"


@dataclass(frozen=True, kw_only=True)
class Example:
    """A photo as a file, and the class that it is known to have."""

    name: str
    contents: bytes
    class_name: str


@dataclass(frozen=True, kw_only=True)
class ExampleSet:
    """Photos that go together, and what they are, in a sentence."""

    description: str
    examples: tuple[Example, ...]


def examples_for(classes: Collection[str]) -> ExampleSet | None:
    """The photos whose classes are all among `classes`; None where a network knows other classes than any of them."""
    known = set(classes)
    sets = (_imagenet_photos(), _sample_photos())
    return next((some for some in sets if known >= {example.class_name for example in some.examples}), None)


@cache
def _imagenet_photos() -> ExampleSet:
    examples = tuple(
        Example(name=name, contents=(_FOLDER / name).read_bytes(), class_name=class_name)
        for name, class_name in _IMAGENET.items()
    )
    return ExampleSet(description=f"{len(examples)} photos of things that ImageNet has a class for.", examples=examples)


def _sample_photos() -> ExampleSet:
    """One test photo of each class."""
    data_set = BUNDLED[_SAMPLE].load()
    examples: list[Example] = []
    manifest = data_set.manifest
    test = manifest.rows("test")
    for row in test[preview.pick_per_class(manifest.labels[test], len(manifest.classes))]:
        class_name = manifest.classes[manifest.labels[row]]
        file = io.BytesIO()
        Image.fromarray(data_set.pixels[row]).save(file, "PNG")
        name = f"{class_name} ({manifest.names[row]}).png"
        examples.append(Example(name=name, contents=file.getvalue(), class_name=class_name))
    return ExampleSet(
        description=f"{len(examples)} test photos of the {BUNDLED[_SAMPLE].label}, which no run has trained on.",
        examples=tuple(examples),
    )
