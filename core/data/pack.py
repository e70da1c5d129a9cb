"""A pack: the photos of a data set as they are kept, in one file that is mapped into memory. Never imports torch.

    pixels         one photo behind the other, see `core.data.pixels`
    records        a line of JSON for each file that was looked at, whether it is a photo or not
    manifest.json  what is known of all photos together; it makes a folder a pack, and is written last
    photos.npz     what is known of each photo, in the order of `pixels`
    names.json     their names
    signatures     what near duplicates are known by, as many bytes of each photo

While a pack is made, `pixels`, `signatures` and `records` are appended to. A record is written once the others are safe
on the disk, so whoever goes on after a crash begins behind the last record, and ends with the very same bytes.
"""

import errno
import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.data.arrays import read_arrays, read_json
from core.data.dataset import SIDES, DataSet, Manifest
from core.data.pack_rule import PackRule
from core.data.pixels import Pixels
from core.durable import open_file, open_to_append, replace_file
from core.errors import DataSetError
from core.words import shown

_FORMAT = 1
_WRITE_AHEAD = 32 * 2**20


@dataclass(frozen=True, kw_only=True)
class Record:
    """What became of one file: a photo of that many pixels, or a sentence that says why it is none."""

    id: str = ""  # SHA-256 of what the file holds
    digest: str = ""  # of its pixels, see `pixel_digest`
    height: int = 0
    width: int = 0
    notes: tuple[str, ...] = ()
    problem: str = ""
    is_lost: bool = False  # it could not be fetched

    @property
    def is_final(self) -> bool:
        """Whether a later writer goes on behind it, and does not try again."""
        return bool(self.digest) or bool(self.problem and not self.is_lost)

    @property
    def num_bytes(self) -> int:
        """What its pixels take."""
        return self.height * self.width * 3


def pixel_digest(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of a photo's (height, width, 3) pixels."""
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()


class PackWriter:
    """Appends photos to a pack, and goes on where an earlier writer of the same folder has ended."""

    def __init__(self, folder: Path, *, signature_bytes: int = 0) -> None:
        """Take up a folder's work. Only for whoever holds its lock.

        Raises:
            OSError: the disk refuses.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "A link lies in its place", str(folder))
        self._folder = folder
        self._signature_bytes = signature_bytes
        self.records, lines = _whole_records(folder, signature_bytes)
        photos = sum(not record.problem for record in self.records)
        with ExitStack() as opened:
            self._pixels, self._signatures, self._lines = (
                opened.enter_context(open_to_append(folder / name, length))
                for name, length in (
                    ("pixels", sum(record.num_bytes for record in self.records)),
                    ("signatures", photos * signature_bytes),
                    ("records", lines),
                )
            )
            self._files = opened.pop_all()
        self._waiting: list[Record] = []
        # The disk takes pixels while others are decoded, so that a commit has little to wait for.
        self._ahead = ThreadPoolExecutor(1, "writes ahead")
        self._being_written: Future[None] | None = None
        self._not_written = 0

    def append(
        self, record: Record, pixels: NDArray[np.uint8] | None = None, signature: NDArray[np.uint8] | None = None
    ) -> None:
        """Add a file: (height, width, 3) pixels and a signature where it is a photo."""
        assert record.num_bytes == (0 if pixels is None else pixels.size), record
        if pixels is not None:
            record = record if record.digest else replace(record, digest=pixel_digest(pixels))
            self._pixels.write(np.ascontiguousarray(pixels).data)
            self._not_written += pixels.size
            if self._signature_bytes:
                assert signature is not None
                assert signature.size == self._signature_bytes
                self._signatures.write(signature.tobytes())
        self._waiting.append(record)
        if self._not_written >= _WRITE_AHEAD and (self._being_written is None or self._being_written.done()):
            self._have_written()
            self._being_written = self._ahead.submit(os.fsync, self._pixels.fileno())
            self._not_written = 0

    def _have_written(self) -> None:
        """Wait for what is being written.

        Raises:
            OSError: the disk refuses. It says so only once, so nobody may miss it.
        """
        if self._being_written is not None:
            self._being_written.result()

    def commit(self) -> None:
        """Have all that was appended safe on the disk.

        Raises:
            OSError: the disk refuses.
        """
        self._have_written()
        _through(self._pixels)
        _through(self._signatures)
        self._lines.write(b"".join(json.dumps(vars(record)).encode() + b"\n" for record in self._waiting))
        _through(self._lines)
        self.records += self._waiting
        self._waiting = []

    def close(self) -> None:
        """Let the files go; what was not committed is done again by the next writer."""
        self._ahead.shutdown()
        self._files.close()

    def finish(
        self,
        *,
        classes: Sequence[str],
        names: Sequence[str],
        labels: Sequence[int] | NDArray[np.int64],
        sides: Sequence[int] | NDArray[np.int8],
        rule: PackRule,
    ) -> None:
        """Make it a pack. Names, labels and sides are those of the photos alone, in their order.

        Raises:
            OSError: the disk refuses.
        """
        self.commit()
        photos = [record for record in self.records if not record.problem]
        sizes = np.array([(photo.height, photo.width) for photo in photos], np.int64).reshape(-1, 2)
        arrays = {
            "ids": np.array([photo.id for photo in photos], "S64"),
            "labels": np.asarray(labels, np.int64),
            "sides": np.asarray(sides, np.int8),
            "sizes": sizes,
        }
        values = {
            "format": _FORMAT,
            "classes": list(classes),
            "pack": rule.to_dict(),
            "content": hashlib.sha256("".join(photo.digest for photo in photos).encode()).hexdigest(),
        }
        replace_file(self._folder / "names.json", lambda file: file.write(json.dumps(list(names)).encode()))
        replace_file(self._folder / "photos.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))
        replace_file(self._folder / "manifest.json", lambda file: file.write(json.dumps(values).encode()))


def open_pack(folder: Path) -> DataSet:
    """The data set in a folder. Its pixels are read when they are wanted.

    Raises:
        DataSetError: it is no whole pack; the message names it.
    """
    try:
        return _open(folder)
    except MemoryError:
        raise
    except Exception as error:  # whatever its files hold
        raise damaged(folder) from error


def damaged(folder: Path) -> DataSetError:
    """What to say of a folder that should be a pack."""
    return DataSetError(
        f"The packed photos in {shown(folder)} are damaged or incomplete. Delete this data set, and make it anew from "
        "its photos."
    )


def _open(folder: Path) -> DataSet:
    values = read_json(folder / "manifest.json")
    classes, names = values["classes"], read_json(folder / "names.json")
    ids, labels, sides, sizes = read_arrays(folder / "photos.npz", ("ids", "labels", "sides", "sizes"))
    count = len(labels)
    if values["format"] != _FORMAT or not all(isinstance(name, str) for name in (*classes, *names)):
        raise ValueError("another format")
    if labels.shape != (count,) or sides.shape != (count,) or sizes.shape != (count, 2) or ids.shape != (count,):
        raise ValueError("arrays of other lengths")
    kinds = [values.dtype for values in (labels, sides, sizes)]
    if kinds != [np.int64, np.int8, np.int64] or ids.dtype.kind != "S":
        raise ValueError("arrays of other types")
    if count and (labels.min() < 0 or labels.max() >= len(classes) or sizes.min() < 1 or sizes.max() >= 2**15):
        raise ValueError("numbers that cannot be")
    if count and not (sides.min() >= -1 and sides.max() < len(SIDES)):
        raise ValueError("a side that there is not")
    ends = np.cumsum(sizes[:, 0] * sizes[:, 1] * 3)
    total = int(ends[-1]) if count else 0
    with open_file(folder / "pixels") as file:
        if os.fstat(file.fileno()).st_size != total:
            raise ValueError("pixels of other photos")
        # Private: nobody writes to it, and torch takes no array that cannot be written to.
        flat = np.memmap(file, np.uint8, "c", shape=(total,)) if total else np.empty(0, np.uint8)
    manifest = Manifest(
        classes=tuple(classes),
        ids=[name.decode() for name in ids.tolist()],
        names=names,
        labels=labels,
        sides=sides,
        sizes=sizes,
        content=str(values["content"]),
        pack=PackRule.from_dict(values["pack"]),
    )
    return DataSet(
        manifest=manifest, pixels=Pixels(flat=flat, offsets=ends - sizes[:, 0] * sizes[:, 1] * 3, sizes=sizes)
    )


def read_signatures(folder: Path, signature_bytes: int) -> NDArray[np.uint8]:
    """(photos, signature_bytes) of a folder's photos, in their order: mapped, not read.

    Raises:
        OSError: the disk refuses.
    """
    with open_file(folder / "signatures") as file:
        count = os.fstat(file.fileno()).st_size // signature_bytes
        shape = (count, signature_bytes)
        return np.memmap(file, np.uint8, "r", shape=shape) if count else np.empty(shape, np.uint8)


def read_records(folder: Path) -> list[Record]:
    """What became of each file that was looked at, in their order."""
    return _whole_records(folder, 0, as_it_is=True)[0]


def _whole_records(folder: Path, signature_bytes: int, *, as_it_is: bool = False) -> tuple[list[Record], int]:
    """The records whose pixels and signatures are there, and how many bytes they take in their file.

    Those behind which a writer goes on, or the file `as_it_is`.
    """
    records: list[Record] = []
    end, room, signatures = 0, _size_of(folder / "pixels"), _size_of(folder / "signatures")
    try:
        with open_file(folder / "records") as file:
            for line in file:
                values = json.loads(line) if line.endswith(b"\n") else None
                record = _checked(Record(**values | {"notes": tuple(values["notes"])})) if values else None
                if record is None or not 0 <= record.num_bytes <= room or not (record.is_final or as_it_is):
                    break
                if not record.problem and (signatures := signatures - signature_bytes) < 0:
                    break
                room -= record.num_bytes
                records.append(record)
                end += len(line)
    except FileNotFoundError:
        pass
    except (ValueError, TypeError, KeyError, RecursionError):  # a line that a crash has left
        pass
    return records, end


def _checked(record: Record) -> Record:
    texts = (record.id, record.digest, record.problem, *record.notes)
    if not all(isinstance(text, str) for text in texts) or {type(record.height), type(record.width)} != {int}:
        raise ValueError("no record")
    return record


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _through(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
