"""CIFAR-10 and CIFAR-100 as they are published, in C's layout or Python's: which files they are, and their photos.

Pure: files are listed and read by the caller, from a folder or an archive. The layouts are described at
https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.data.dataset import Side
from core.data.sources.layouts import Item, Reading, is_ignored
from core.data.sources.pickles import read_pickle
from core.errors import DataSetError
from core.words import shown

SIZE = 32  # pixels, height and width
PHOTOS_PER_BATCH = 10_000
MAX_NAMES_FILE = 2**20  # bytes
_PIXELS = 3 * SIZE * SIZE  # bytes per photo: a plane of red, of green, of blue, each row by row
# Bytes per photo in a pickle, at most: Python 3 writes half of the bytes as two, and there are its name and labels.
_PICKLED = 2 * _PIXELS + 300
# What else lies in these folders.
_BESIDE = {"readme.html", "coarse_label_names.txt", "file.txt~"}


class Download(NamedTuple):
    """A published archive."""

    url: str
    size: int  # bytes
    md5: str
    sha256: str


# MD5: the page named above. SHA-256: what Keras checks the archives for Python against, and GoMLX those for C. Sizes:
# what the server says, as logs of downloads show it.
DOWNLOADS = {
    "CIFAR-10 binary": Download(
        url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        size=170_052_171,
        md5="c32a1d4ab5d03f1284b67883e8d87530",
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    "CIFAR-10 Python": Download(
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        size=170_498_071,
        md5="c58f30108f718f92721af3b95e74349a",
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    "CIFAR-100 binary": Download(
        url="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        size=168_513_733,
        md5="03b5dce01913d631647c71ecec9e9cb8",
        sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    ),
    "CIFAR-100 Python": Download(
        url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        size=169_001_437,
        md5="eb9058c3a382ffc7106e4002c42a8d85",
        sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a data set is published: the names of its files, and what is in them."""

    name: str
    num_classes: int
    batches: tuple[tuple[str, Side, int], ...]  # file, side, and how many times PHOTOS_PER_BATCH it holds
    names_file: str
    label_bytes: int = 0  # before each photo's pixels, its class the last of them; 0: the files are pickles
    names_key: str = ""  # in the pickle of the names
    labels_key: str = ""  # in the pickle of a batch

    @property
    def files(self) -> tuple[str, ...]:
        """All files that it needs."""
        return (*(file for file, _, _ in self.batches), self.names_file)


def _batches(suffix: str) -> tuple[tuple[str, Side, int], ...]:
    return (*((f"data_batch_{n}{suffix}", "train", 1) for n in range(1, 6)), (f"test_batch{suffix}", "test", 1))


_LAYOUTS = (
    Layout(name="CIFAR-10", num_classes=10, batches=_batches(".bin"), names_file="batches.meta.txt", label_bytes=1),
    Layout(
        name="CIFAR-10",
        num_classes=10,
        batches=_batches(""),
        names_file="batches.meta",
        names_key="label_names",
        labels_key="labels",
    ),
    Layout(
        name="CIFAR-100",
        num_classes=100,
        batches=(("train.bin", "train", 5), ("test.bin", "test", 1)),
        names_file="fine_label_names.txt",
        label_bytes=2,
    ),
    Layout(
        name="CIFAR-100",
        num_classes=100,
        batches=(("train", "train", 5), ("test", "test", 1)),
        names_file="meta",
        names_key="fine_label_names",
        labels_key="fine_labels",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A file of photos."""

    path: str
    side: Side
    num_photos: int
    most_bytes: int  # a longer file is none of these


class Block(NamedTuple):
    """The photos of one file."""

    labels: NDArray[np.int64]  # (photos,) indices of the reading's classes
    pixels: NDArray[np.uint8]  # (photos, 32, 32, 3)


@dataclass(frozen=True, kw_only=True)
class Cifar:
    """CIFAR-10 or CIFAR-100 among the files of a folder or an archive."""

    layout: Layout
    folder: str  # ends with "/", or is empty
    parts: tuple[Part, ...]  # in the order of the items
    missing: tuple[str, ...]  # paths that should be there
    left_out: tuple[str, ...]  # paths that are no part of it

    @property
    def name(self) -> str:
        """ "CIFAR-10" or "CIFAR-100"."""
        return self.layout.name

    @property
    def names_path(self) -> str:
        """The file with the names of the classes, of at most MAX_NAMES_FILE bytes."""
        return f"{self.folder}{self.layout.names_file}"

    @property
    def files(self) -> dict[str, int]:
        """What is read, in its order, and how many bytes of each at most: one more, and it is refused."""
        return {self.names_path: MAX_NAMES_FILE, **{part.path: part.most_bytes for part in self.parts}}

    def reading(self, read: Callable[[str], bytes]) -> Reading:
        """What it is as a data set; its published test set stays one.

        Raises:
            DataSetError: a file is missing, or is not what was published; the message names it.
        """
        names, items = self._names(read), []
        for part, (labels, _) in zip(self.parts, self._raw(read), strict=True):
            file = PurePosixPath(part.path).name
            items += [
                Item(path=f"{file}#{index:05d}", class_name=names[label], given=part.side)
                for index, label in enumerate(labels.tolist())
            ]
        train, test = (sum(part.num_photos for part in self.parts if part.side == side) for side in ("train", "test"))
        sentence = f"{self.name}: {len(names)} classes, {train:,} photos to train on and {test:,} kept as the test set."
        classes = tuple(sorted(names))
        return Reading(key=self.name, sentence=sentence, classes=classes, items=tuple(items), left_out=self.left_out)

    def photos(self, read: Callable[[str], bytes]) -> Iterator[Block]:
        """All photos, file by file, in the order of the reading's items.

        Raises:
            DataSetError: as `reading`.
        """
        names = self._names(read)
        classes = sorted(names)
        index_of = np.array([classes.index(name) for name in names])
        for labels, planes in self._raw(read):
            pixels = planes.reshape(-1, 3, SIZE, SIZE).transpose(0, 2, 3, 1)
            yield Block(labels=index_of[labels], pixels=np.ascontiguousarray(pixels))

    def _names(self, read: Callable[[str], bytes]) -> list[str]:
        """The classes in the order of their labels."""
        if self.missing:
            raise DataSetError(
                f"{self.name} is not complete: “{shown(self.missing[0])}” is missing. Unpack its archive again."
            )
        data, many = read(self.names_path), self.layout.num_classes
        if len(data) > MAX_NAMES_FILE:
            raise self._damaged(self.names_path, "it is too long")
        try:
            names = self._names_in(data)
        except ValueError as error:
            raise self._damaged(self.names_path, "it does not hold the names of the classes") from error
        if len(names) != many or len(set(names)) != many or not all(names):
            raise self._damaged(self.names_path, f"it should hold {many} different names")
        return names

    def _names_in(self, data: bytes) -> list[str]:
        if self.layout.label_bytes:
            return [name for line in data.decode().splitlines() if (name := line.strip())]
        listed = read_pickle(data).get(self.layout.names_key)
        if not isinstance(listed, list) or not all(isinstance(name, bytes | str) for name in listed):
            raise ValueError(f"{self.layout.names_key} is no list of names")
        return [name.decode() if isinstance(name, bytes) else name for name in listed]

    def _raw(self, read: Callable[[str], bytes]) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Labels (photos,) as published, and planes (photos, 3072), of each file."""
        take = self._binary if self.layout.label_bytes else self._pickled
        for part in self.parts:
            labels, planes = take(part, read(part.path))
            if labels.max(initial=0) >= self.layout.num_classes:
                raise self._damaged(part.path, f"it has the label {labels.max()}, which no class has")
            yield labels, planes

    def _binary(self, part: Part, data: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        if len(data) != part.most_bytes:
            length = f"more than {part.most_bytes:,}" if len(data) > part.most_bytes else f"{len(data):,}"
            raise self._damaged(part.path, f"it has {length} bytes instead of {part.most_bytes:,}")
        rows = np.frombuffer(data, np.uint8).reshape(part.num_photos, self.layout.label_bytes + _PIXELS)
        return rows[:, self.layout.label_bytes - 1], rows[:, self.layout.label_bytes :]

    def _pickled(self, part: Part, data: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        if len(data) > part.most_bytes:
            raise self._damaged(part.path, f"it has more than {part.most_bytes:,} bytes")
        try:
            batch = read_pickle(data)
        except ValueError as error:
            raise self._damaged(part.path, str(error)) from error
        labels, planes = batch.get(self.layout.labels_key), batch.get("data")
        if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 256 for label in labels):
            raise self._damaged(part.path, "its labels are missing, or are no numbers of classes")
        if not isinstance(planes, np.ndarray) or planes.shape != (part.num_photos, _PIXELS):
            raise self._damaged(part.path, f"it does not hold the pixels of {part.num_photos:,} photos")
        if len(labels) != part.num_photos:
            raise self._damaged(part.path, f"it has {len(labels):,} labels for {part.num_photos:,} photos")
        return np.array(labels, np.uint8), planes

    def _damaged(self, path: str, why: str) -> DataSetError:
        return DataSetError(
            f"“{shown(path)}” is not as {self.name} is published: {why}. Unpack or download its archive again."
        )


def recognise(files: Sequence[str], *, photos_per_batch: int = PHOTOS_PER_BATCH) -> Cifar | None:
    """CIFAR among these relative paths, in whatever folder it lies; None if it is not there.

    It is there where the file of its classes' names lies beside one of its photos. Of several, the most complete one.
    """
    known = set(files)
    found: list[tuple[Layout, str]] = []
    for layout in _LAYOUTS:
        folders = sorted({path[: -len(layout.names_file)] for path in known if _is_named(path, layout.names_file)})
        found += [
            (layout, folder) for folder in folders if any(f"{folder}{file}" in known for file, _, _ in layout.batches)
        ]
    if not found:
        return None
    best = min(found, key=lambda at: sum(f"{at[1]}{file}" not in known for file in at[0].files))
    return _cifar(*best, known, photos_per_batch)


def _is_named(path: str, name: str) -> bool:
    return path == name or path.endswith(f"/{name}")


def _cifar(layout: Layout, folder: str, files: set[str], photos_per_batch: int) -> Cifar:
    """A layout's files in a folder."""
    parts = []
    for file, side, times in layout.batches:
        count = times * photos_per_batch
        most = count * (_PIXELS + layout.label_bytes) if layout.label_bytes else count * _PICKLED + 2**16
        parts.append(Part(path=f"{folder}{file}", side=side, num_photos=count, most_bytes=most))
    own = {f"{folder}{file}" for file in layout.files}
    beside = {f"{folder}{file}" for file in _BESIDE}
    missing = tuple(sorted(own - files))
    left_out = tuple(sorted(path for path in files - own - beside if not is_ignored(path)))
    return Cifar(layout=layout, folder=folder, parts=tuple(parts), missing=missing, left_out=left_out)
