"""The photos that one person has dropped: each once, and no more than the server's memory can bear.

Never imports torch.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.data.decoding.limits import MAX_BYTES
from core.words import shown

MAX_PHOTO_BYTES = MAX_BYTES
MAX_PHOTOS = 300
MAX_TOTAL_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Photo:
    """A file to predict. `truth` is its class, where it is known."""

    id: str  # the same for the same name and contents
    name: str
    contents: bytes
    truth: str | None = None


class KeptPhotos:
    """Photos in the order in which they came: at most `MAX_PHOTOS`, and `MAX_TOTAL_BYTES` together."""

    def __init__(self) -> None:
        self._photos: dict[str, Photo] = {}
        self.num_bytes = 0

    def __len__(self) -> int:
        return len(self._photos)

    def __iter__(self) -> Iterator[Photo]:
        return iter(list(self._photos.values()))

    def __contains__(self, photo_id: str) -> bool:
        return photo_id in self._photos

    def add(self, files: Iterable[tuple[str, bytes]]) -> list[str]:
        """Keep (file name, contents) that are new and fit. Returns a sentence for each reason why others are not."""
        too_large: list[str] = []
        known: list[str] = []
        no_room: list[str] = []
        for name, contents in files:
            photo = make_photo(name, contents)
            if photo.id in self._photos:
                known.append(name)
            elif len(contents) > MAX_PHOTO_BYTES:
                too_large.append(name)
            elif len(self) >= MAX_PHOTOS or self.num_bytes + len(contents) > MAX_TOTAL_BYTES:
                no_room.append(name)
            else:
                self._photos[photo.id] = photo
                self.num_bytes += len(contents)
        return _sentences(too_large, known, no_room)

    def remove(self, photo_id: str) -> None:
        """Let a photo go, if it is there."""
        if photo := self._photos.pop(photo_id, None):
            self.num_bytes -= len(photo.contents)

    def clear(self) -> None:
        """Let all of them go."""
        self._photos.clear()
        self.num_bytes = 0


def make_photo(name: str, contents: bytes, truth: str | None = None) -> Photo:
    """A photo under the id that its name and contents give it."""
    digest = hashlib.blake2b(name.encode(errors="replace"), digest_size=16)
    digest.update(b"\0")
    digest.update(contents)
    return Photo(digest.hexdigest(), name, contents, truth)


def _sentences(too_large: Sequence[str], known: Sequence[str], no_room: Sequence[str]) -> list[str]:
    said: list[str] = []
    if too_large:
        said.append(
            f"{_named(too_large)} left out: a photo may have at most {MAX_PHOTO_BYTES // 2**20} MB. Make it smaller, "
            "then drop it again."
        )
    if no_room:
        said.append(
            f"{_named(no_room)} left out: at most {MAX_PHOTOS} photos with {MAX_TOTAL_BYTES // 2**20} MB together are "
            "kept. Remove some, then drop the others again."
        )
    if known:
        said.append(f"{_named(known)} here already.")
    return said


def _named(names: Sequence[str]) -> str:
    """ "cat.jpg is" or "12 photos are"."""
    return f"{shown(names[0])} is" if len(names) == 1 else f"{len(names):,} photos are"
