"""From a file's bytes to what a pack keeps of it. Runs in processes of its own, and knows no others."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.decoding.photo import read_photo
from core.data.near import signature
from core.data.pack import Record
from core.data.pack_rule import PackRule
from core.data.sources.source import Found
from core.errors import PhotoError


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """What became of a file."""

    record: Record
    pixels: NDArray[np.uint8] | None = None  # (height, width, 3), where it is a photo
    signature: NDArray[np.uint8] | None = None


def photo_id(found: Found) -> str:
    """SHA-256 of what a file holds: copies have the same, whatever they are called."""
    contents = found.data if found.pixels is None else found.pixels.tobytes()
    return hashlib.sha256(contents).hexdigest()


def decode(files: Sequence[Found], rule: PackRule) -> list[Packed]:
    """What is kept of each of these files."""
    return [_decoded(file, rule) for file in files]


def _decoded(file: Found, rule: PackRule) -> Packed:
    notes: tuple[str, ...] = ()
    if (pixels := file.pixels) is None:
        try:
            photo = read_photo(file.path, file.data)
        except PhotoError as error:
            return refused(str(error))
        pixels, notes = photo.pixels, photo.notes
    packed = rule(pixels)
    height, width, _ = packed.shape
    record = Record(id=photo_id(file), height=height, width=width, notes=notes)
    return Packed(record=record, pixels=packed, signature=signature(packed))


def refused(problem: str, *, is_lost: bool = False) -> Packed:
    """A file that is no photo, or could not be fetched, and in a sentence why."""
    return Packed(record=Record(problem=problem, is_lost=is_lost))
