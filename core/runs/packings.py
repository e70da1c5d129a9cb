"""Making data sets, and new versions of them: each by a packing, which is a run. Never imports torch."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.data import stored
from core.data.sources.opening import Dropped, note_dropped
from core.data.stored import Description, StoredSet
from core.durable import said_plainly
from core.errors import DataSetError, RunNotFoundError
from core.runs import jobs, locks, store
from core.runs.folder import RunFolder, is_id
from core.runs.pack_config import PackConfig
from core.runs.reader import RunReader
from core.runs.snapshot import Snapshot

_ALONE_WITHIN_S = 10.0


def make(home: Path, config: PackConfig, *, name: str, dropped: Sequence[tuple[Path, Dropped]] = ()) -> StoredSet:
    """Begin a new data set. `dropped` are files that become its own, where the configuration names no source.

    Raises:
        StorageError: the disk refuses; nothing is left behind, and dropped files are where they were.
        UnfreezeError: no process can be started; as above.
    """
    with said_plainly("The data set cannot be made", home / "data"):
        made = stored.new_set(home, name, {})
        try:
            if dropped:
                _take_in(made, dropped)
            _pack(home, made, config.changed(data_set=made.id, name=name, version=1))
        except BaseException:
            _give_back(made, dropped)
            shutil.rmtree(made.path, ignore_errors=True)
            raise
    return made


def make_version(home: Path, kept: StoredSet, **changes: Any) -> StoredSet:
    """Look at the source of a data set again: begin its next version.

    Args:
        home: where the set is.
        kept: the set.
        changes: settings that are others from now on.

    Raises:
        DataSetError: a version is being made already, or the set is damaged.
        StorageError: the disk refuses.
        UnfreezeError: no process can be started.
    """
    with said_plainly("The data set cannot be packed", kept.path), _alone(kept):
        _check_idle(home, kept)
        # What was said of unreadable photos was said of those of then.
        known = {**kept.description().settings, "unreadable": "ask", "goes_on_from": ""}
        try:
            config = PackConfig.from_dict(
                {**known, **changes, "version": kept.newest + 1, "data_set": kept.id, "name": kept.name}
            )
        except ValueError as error:
            raise DataSetError(f"“{kept.name}” cannot be packed: {error}.") from error
        _clear_left(home, kept, but=config.goes_on_from)
        _pack(home, kept, config)
    return kept


def without_unreadable(home: Path, kept: StoredSet) -> StoredSet:
    """Finish a packing that has asked, without the photos that cannot be read. What was decoded is kept.

    Raises:
        DataSetError: a version is being made already, or the set is damaged.
        StorageError: the disk refuses.
        UnfreezeError: no process can be started.
    """
    return make_version(home, kept, unreadable="leave_out", goes_on_from=kept.description().packing)


def delete(home: Path, kept: StoredSet) -> None:
    """Move a data set to where it can be restored from.

    Raises:
        DataSetError: it is being packed.
        StorageError: the disk refuses.
    """
    with _alone(kept):
        _check_idle(home, kept)
        stored.delete(home, kept)


def packing_of(home: Path, kept: StoredSet) -> Snapshot | None:
    """How the packing of a set's newest version goes, or went; None where its run is gone.

    Raises:
        DataSetError: the set's description cannot be read.
    """
    try:
        return RunReader(store.find(home, kept.description().packing)).poll()
    except RunNotFoundError:
        return None


@contextmanager
def _alone(kept: StoredSet) -> Iterator[None]:
    """Let no other window begin anything with a set meanwhile. The lock lies beside the set, which may be moved."""
    try:
        with FileLock(kept.path.with_name(f"{kept.id}.lock"), timeout=_ALONE_WITHIN_S):
            yield
    except Timeout as error:
        raise DataSetError(f"“{kept.name}” is busy in another window. Try again.") from error


def _check_idle(home: Path, kept: StoredSet) -> None:
    try:
        last = packing_of(home, kept)
    except DataSetError:  # it is damaged: nobody could find its packing
        return
    if last is not None and last.status.is_live:
        raise DataSetError(f"“{kept.name}” is being packed already. Stop that first.")


def _pack(home: Path, kept: StoredSet, config: PackConfig) -> None:
    """Start a packing, and note which: the set's description is written first, or a run could outlive its set."""
    known = kept.description()
    described = Description(name=known.name, created=known.created, settings=config.to_dict(), packing=known.packing)
    kept.describe(described)
    folder = jobs.start(home, config)
    kept.describe(Description(name=known.name, created=known.created, settings=config.to_dict(), packing=folder.id))


def _clear_left(home: Path, kept: StoredSet, *, but: str) -> None:
    """Remove what packings have left that nobody does any more."""
    for path in kept.path.glob("making-*"):
        run_id = path.name.removeprefix("making-")
        if run_id != but and not (is_id(run_id) and locks.is_held(RunFolder(home / "runs" / run_id).lock)):
            shutil.rmtree(path, ignore_errors=True)


def _take_in(made: StoredSet, dropped: Sequence[tuple[Path, Dropped]]) -> None:
    """Move dropped files into a set's own folder."""
    made.photos.mkdir()
    for path, entry in dropped:
        os.rename(path, made.photos / entry.file)
    note_dropped(made.photos, [entry for _, entry in dropped])


def _give_back(made: StoredSet, dropped: Sequence[tuple[Path, Dropped]]) -> None:
    """Move dropped files to where they were: nobody needs to drop them anew."""
    for path, entry in dropped:
        with suppress(OSError):
            os.rename(made.photos / entry.file, path)
