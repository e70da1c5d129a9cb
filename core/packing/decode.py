"""From a file's bytes to what a pack keeps of it. Runs in processes of its own, and knows no others."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.data.decoding.photo import read_photo
from core.data.near import signature
from core.data.pack import Record, pixel_digest
from core.data.pack_rule import PackRule
from core.data.sources.source import Found
from core.errors import PhotoError


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """What became of a file."""

    record: Record
    pixels: NDArray[np.uint8] | None = None  # (height, width, 3), where it is a photo and they are at hand
    signature: NDArray[np.uint8] | None = None


def photo_id(found: Found) -> str:
    """SHA-256 of what a file holds: copies have the same, whatever they are called."""
    contents = found.data if found.pixels is None else found.pixels.tobytes()
    return hashlib.sha256(contents).hexdigest()


def refused(problem: str, *, is_lost: bool = False) -> Packed:
    """A file that is no photo, or could not be fetched, and in a sentence why."""
    return Packed(record=Record(problem=problem, is_lost=is_lost))


def most_bytes(found: Found, rule: PackRule) -> int:
    """What a file's photo can take at most, once it is decoded."""
    return 3 * rule.size**2 if found.pixels is None else min(3 * rule.size**2, 3 * max(found.pixels.shape) ** 2)


class Decoder:
    """Decodes by one rule into `room`, bytes that whoever asks can read, too."""

    def __init__(self, room: NDArray[np.uint8], rule: PackRule) -> None:
        self._room, self._rule = room, rule

    def __call__(self, files: Sequence[Found], start: int) -> list[Packed]:
        """What is kept of each of these files. Their pixels lie in the room, from `start` on, one behind the other."""
        made: list[Packed] = []
        for file in files:
            made.append(self._decoded(file, start))
            start += made[-1].record.num_bytes
        return made

    def _decoded(self, file: Found, start: int) -> Packed:
        notes: tuple[str, ...] = ()
        if file.pixels is not None:
            image = Image.fromarray(file.pixels)
        else:
            try:
                photo = read_photo(file.path, file.data)
            except PhotoError as error:
                return refused(str(error))
            image, notes = photo.image, photo.notes
        kept = self._rule.kept(image)
        pixels = np.asarray(kept)
        self._room[start : start + pixels.size] = pixels.reshape(-1)
        height, width, _ = pixels.shape
        record = Record(id=photo_id(file), digest=pixel_digest(pixels), height=height, width=width, notes=notes)
        return Packed(record=record, signature=signature(kept))
