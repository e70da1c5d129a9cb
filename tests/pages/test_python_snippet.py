"""The lines of Python that a finished run shows: run as they stand, they say of any photo what Predict says."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from core.data.transforms import EvaluationTransform
from core.models import build, heads
from core.predict.answers import NetworkRef, percent
from core.predict.examples import examples_for
from core.predict.prediction import predict
from core.training.checkpoints import write_checkpoint
from pages.fine_tune.python_snippet import python_snippet

SAMPLE = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = (120, 90)
ORIENTATION = 0x0112  # EXIF's tag
MODEL = "20261126-011622-a132a6.pt"
# Runs the lines once in every folder, in one process: it imports torch once.
DRIVER = """\
import os, runpy, sys
for folder in sys.argv[1:]:
    os.chdir(folder)
    runpy.run_path(os.path.join(os.path.dirname(folder), "use.py"))
"""


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def photographed(orientation: int) -> bytes:
    """A JPEG of the same upright scene, stored as a phone that is held this way stores it."""
    offered = examples_for(SAMPLE)
    assert offered is not None
    scene = Image.open(io.BytesIO(offered.examples[0].contents)).resize(SIDE)
    scene.getexif()[ORIENTATION] = {6: 8, 8: 6}.get(orientation, orientation)  # the turn that undoes the viewer's
    stored = ImageOps.exif_transpose(scene)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(stored, "JPEG", exif=exif, quality=95)


def grey_of_16_bits() -> bytes:
    values = np.linspace(0, 65_535, 100 * 80).reshape(80, 100).astype(np.uint16)
    return encoded(Image.fromarray(values), "PNG")


def transparent() -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 4), np.uint8)
    pixels[:30, :, 3] = 0
    return encoded(Image.fromarray(pixels, "RGBA"), "PNG")


PHOTOS = {
    **{f"orientation {number}": photographed(number) for number in range(1, 9)},
    "16-bit grey": grey_of_16_bits(),
    "transparent": transparent(),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that is sure of what it sees, and so tells a photo from the same one on its side."""
    model = build.build_random("squeezenet1_1", len(SAMPLE), seed=0)
    with torch.no_grad():
        heads.get_head(model, "squeezenet1_1").weight.mul_(100)
    transform = EvaluationTransform(
        image_size=64, resize_size=73, kernel="bilinear", mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2)
    )
    contents = {
        "architecture": "squeezenet1_1",
        "classes": list(SAMPLE),
        "transform": transform.to_dict(),
        "weights": model.state_dict(),
        "configuration": {},
        "metrics": {},
    }
    path = tmp_path_factory.mktemp("snippet") / MODEL
    write_checkpoint(path, contents)
    return path


def said_on_the_page(checkpoint: Path, *photos: bytes) -> list[str]:
    ref = NetworkRef(source="checkpoint", path=str(checkpoint))
    best = [answer.guesses[0] for answer in predict(ref, [("photo.jpg", contents) for contents in photos])]
    return [f"{guess.class_name} {percent(guess.probability)}" for guess in best]


def without_exif(contents: bytes) -> bytes:
    image = Image.open(io.BytesIO(contents))
    return encoded(Image.fromarray(np.asarray(image)), "PNG")


def test_lines_as_shown_say_of_every_photo_what_the_page_says(checkpoint: Path) -> None:
    folders = [checkpoint.parent / name for name in PHOTOS]
    for folder, contents in zip(folders, PHOTOS.values(), strict=True):
        folder.mkdir()
        (folder / MODEL).symlink_to(checkpoint)
        (folder / "photo.jpg").write_bytes(contents)  # the content decides, not the name
    (checkpoint.parent / "use.py").write_text(python_snippet(MODEL))
    done = subprocess.run(
        [sys.executable, "-I", "-c", DRIVER, *map(str, folders)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    on_the_page = said_on_the_page(checkpoint, *PHOTOS.values())
    assert done.stdout.splitlines() == on_the_page
    as_stored = said_on_the_page(checkpoint, *map(without_exif, PHOTOS.values()))
    assert sum(map(str.__ne__, as_stored, on_the_page)) > 4, "photos that are not turned upright would be noticed"


def test_lines_name_the_downloaded_file_and_say_what_they_need() -> None:
    shown = python_snippet(MODEL)
    assert f"Path('{MODEL}')" in shown
    assert "needs Unfreeze's package `core`" in shown
    assert len(shown.splitlines()) <= 20
