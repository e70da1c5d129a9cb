"""Folders of photos, as users have them: made by the tests, small, of every size and shape."""

import io
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core.data import stored
from core.data.sources.opening import open_source
from core.data.stored import StoredSet
from core.packing.packing import Packing
from core.runs import store
from core.runs.events import Event
from core.runs.folder import RunFolder
from core.runs.pack_config import PackConfig


def photo(seed: int, size: tuple[int, int] = (60, 40)) -> Image.Image:
    """A picture of (width, height) that looks like no other."""
    blocks = np.random.default_rng(seed).integers(0, 255, (6, 6, 3)).astype(np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC)


def jpeg(seed: int, size: tuple[int, int] = (60, 40), **options: object) -> bytes:
    """The same as a file."""
    file = io.BytesIO()
    photo(seed, size).save(file, "JPEG", **{"quality": 92, **options})
    return file.getvalue()


def write(root: Path, files: dict[str, bytes]) -> Path:
    """Files below a folder, by their relative paths."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def make_room(path: Path) -> None:
    """Remove what lies at a path, whatever it is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def class_folders(root: Path, classes: Sequence[str] = ("cat", "dog"), each: int = 10, *, first: int = 0) -> Path:
    """Class folders with so many photos each, of many sizes and shapes."""
    sizes = [(60, 40), (40, 60), (300, 200), (33, 33), (20, 90)]
    return write(
        root,
        {
            f"{name}/{number:03d}.jpg": jpeg(first + 1000 * index + number, sizes[number % len(sizes)])
            for index, name in enumerate(classes)
            for number in range(each)
        },
    )


def begin(home: Path, source: Path, **settings: object) -> tuple[StoredSet, RunFolder]:
    """A set of these photos and the run that packs it, which nobody has begun."""
    opened = open_source(source)
    reading = settings.pop("reading", None) or opened.readings()[0].key
    opened.close()
    made = stored.new_set(home, source.name, {})
    return made, run_of(home, made, source=str(source), reading=reading, **settings)


def run_of(home: Path, kept: StoredSet, **settings: object) -> RunFolder:
    """A run that packs a set's next version."""
    config = PackConfig.of(data_set=kept.id, name=kept.name, version=kept.newest + 1, **settings)
    folder = store.new_folder(home)
    folder.write_description(config, name="packing", created=time.time(), queue="packing")
    known = kept.description()
    kept.describe(
        stored.Description(name=known.name, created=known.created, settings=config.to_dict(), packing=folder.id)
    )
    return folder


def pack(folder: RunFolder) -> list[Event]:
    """Do a packing in this process."""
    job = Packing(folder, "packing")
    found: list[Event] = []
    for event in job.events():
        found.append(event)
        if job.is_save_due(event):
            job.save(event)
    return found


def packed(home: Path, source: Path, **settings: object) -> StoredSet:
    """A data set of these photos."""
    made, folder = begin(home, source, **settings)
    pack(folder)
    return made
