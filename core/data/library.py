"""Every data set that a run can use, by its key: the bundled ones, and each version of those that users have made.

Never imports torch. A key stands in a run's configuration: "cifar10_sample", or "set-3@2" for a set and its version.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.data import findings, overlay, stored
from core.data.bundled import BUNDLED
from core.data.dataset import DataSet
from core.data.findings import Findings
from core.data.pack import damaged, open_pack
from core.durable import said_plainly
from core.errors import DataSetError, UnfreezeError
from core.home import home
from core.words import shown

_KEPT = 8  # data sets that stay open: their pixels lie on the disk
_COUNTED = 1_000


@dataclass(frozen=True, kw_only=True)
class About:
    """What there is to say of a data set, as plain text."""

    label: str
    description: str
    citation: str  # where the photos come from


def load(key: str) -> DataSet:
    """The data set of that key, as its user has it: without what was left out, and with the labels that were given.

    Raises:
        DataSetError: there is none, or it is damaged.
        StorageError: the disk refuses.
    """
    if key in BUNDLED:
        return BUNDLED[key].load()
    kept, version = _stored(key)
    with said_plainly("The data set cannot be read", kept.path):
        return _with_overlay(kept.path, version, kept.overlay.signature, _identity(kept.version(version)))


def as_packed(key: str) -> DataSet:
    """The same before its user has left out or relabelled any photo.

    Raises:
        DataSetError: there is none, or it is damaged.
        StorageError: the disk refuses.
    """
    if key in BUNDLED:
        return BUNDLED[key].load()
    kept, version = _stored(key)
    with said_plainly("The data set cannot be read", kept.path):
        return _packed(kept, version)


def findings_of(key: str) -> Findings:
    """What was found while a data set was packed, and is not settled; nothing in those that come with Unfreeze.

    Raises:
        DataSetError: there is none, or it is damaged.
        StorageError: the disk refuses.
    """
    if key in BUNDLED:
        return Findings()
    kept, version = _stored(key)
    manifest = load(key).manifest
    with said_plainly("The data set cannot be read", kept.path):
        found = _findings(kept.version(version), _identity(kept.version(version)))
    return findings.still_open(found, manifest.labels, manifest.sides)


def about(key: str) -> About:
    """What there is to say of a data set.

    Raises:
        DataSetError: there is none, or it is damaged.
    """
    if key in BUNDLED:
        source = BUNDLED[key]
        return About(label=source.label, description=source.description, citation=source.citation)
    kept, version = _stored(key)
    with said_plainly("The data set cannot be read", kept.path):
        photos, classes = _counts(kept.path, version, kept.overlay.signature, _identity(kept.version(version)))
    source_path = str(kept.description().settings.get("source") or "")
    return About(
        label=_label(kept, version),
        description=f"{photos:,} photo{'s' * (photos != 1)} of {classes:,} class{'es' * (classes != 1)}.",
        citation=shown(source_path, most=200) if source_path else "files that were dropped in the browser",
    )


def forget() -> None:
    """Let go of all that is open: a set that was removed for good takes room on the disk for as long as it is."""
    for kept in (_with_overlay, _findings, _opened):
        kept.cache_clear()


class Labels(Mapping[str, str]):
    """What each data set is called, by its key; looked up whenever it is asked. Lists the newest versions alone."""

    def __iter__(self) -> Iterator[str]:
        yield from BUNDLED
        for kept in stored.all_sets(home()):
            if kept.newest:
                yield stored.key_of(kept.id, kept.newest)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        try:
            return isinstance(key, str) and (key in BUNDLED or bool(_stored(key)))
        except UnfreezeError:
            return False

    def __getitem__(self, key: str) -> str:
        if key in BUNDLED:
            return BUNDLED[key].label
        try:
            return _label(*_stored(key))
        except UnfreezeError as error:
            raise KeyError(key) from error


def _label(kept: stored.StoredSet, version: int) -> str:
    return kept.name if version == kept.newest else f"{kept.name}, version {version}"


def _stored(key: str) -> tuple[stored.StoredSet, int]:
    named = stored.parse_key(key)
    if named is None:
        raise DataSetError(f"There is no data set {shown(key)}. Choose another one.")
    kept = stored.find_set(home(), named[0])
    if not kept.version(named[1]).is_dir():
        raise DataSetError(f"The data set “{kept.name}” has no version {named[1]}. Choose another one.")
    return kept, named[1]


@lru_cache(maxsize=_COUNTED)
def _counts(path: Path, version: int, signature: tuple[int, ...], identity: tuple[int, ...]) -> tuple[int, int]:
    """Photos and classes, remembered for many sets, of which few stay open."""
    manifest = _with_overlay(path, version, signature, identity).manifest
    return int((manifest.sides >= 0).sum()), len(manifest.classes)


@lru_cache(maxsize=_KEPT)
def _with_overlay(path: Path, version: int, signature: tuple[int, ...], identity: tuple[int, ...]) -> DataSet:
    """The answer is kept by the overlay's `signature`, and by the version's `identity`."""
    kept = stored.StoredSet(path)
    packed = _packed(kept, version)
    edits = kept.overlay.edits()
    return DataSet(manifest=overlay.applied(packed.manifest, edits), pixels=packed.pixels) if edits else packed


def _packed(kept: stored.StoredSet, version: int) -> DataSet:
    return _opened(kept.version(version), _identity(kept.version(version)))


@lru_cache(maxsize=_KEPT)
def _findings(folder: Path, identity: tuple[int, ...]) -> Findings:
    manifest = _opened(folder, identity).manifest
    return findings.read(folder, len(manifest), num_classes=len(manifest.classes))


@lru_cache(maxsize=_KEPT)
def _opened(folder: Path, identity: tuple[int, ...]) -> DataSet:
    return open_pack(folder)


def _identity(folder: Path) -> tuple[int, ...]:
    """Tells a version from what lies under its path by now: another one, or one whose files are damaged.

    What is mapped may not be read behind its file's end: the process would end.
    """
    try:
        found = [(folder / name).stat() for name in ("manifest.json", "pixels")]
    except FileNotFoundError as error:
        raise damaged(folder) from error
    return tuple(value for about in found for value in (about.st_ino, about.st_mtime_ns, about.st_size))
