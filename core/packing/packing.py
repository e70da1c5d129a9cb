"""A packing as its driver sees it: files are read and decoded, compared with each other, and divided."""

import os
import shutil
import time
from collections.abc import Generator, Iterator

from core.data import findings, near, stored
from core.data.pack import PackWriter, open_pack
from core.data.sources.layouts import is_photo_by_name
from core.data.sources.opening import open_dropped, open_source
from core.data.sources.source import Found, Source
from core.errors import DataSetError
from core.job import Job
from core.packing.earlier import Earlier
from core.packing.listing import listed, made_by, note_maker
from core.packing.pool import decoded
from core.packing.version import Version
from core.runs.events import AnyStep, Checkpointed, Event
from core.runs.folder import RunFolder, is_id
from core.runs.pack_config import PackConfig
from core.runs.pack_events import Comparing, PackDone, PackStarted, PackStep, Unreadable
from core.runs.reader import RunReader
from core.words import shown

_COMMIT_EVERY_S = 4.0
_DECODED = "decoded"  # not yet written where it belongs
_MOST_UNREADABLE = 0.01  # share of the photos that are left out unasked


class Packing(Job):
    """Makes one version of a data set. Whatever was decoded before the last commit is never decoded again."""

    def __init__(self, folder: RunFolder, device: str) -> None:
        self._config = folder.config_of(PackConfig)
        self._set = stored.find_set(folder.path.parents[1], self._config.data_set)
        self._run, self._is_new, self._changes = folder.id, True, (0, 0)
        self._making = self._set.making(self._run)
        steps = RunReader(folder).poll().steps
        before = float(steps["seconds"][-1]) if len(steps) else 0.0
        self._begun = self._committed = time.monotonic()
        self._begun -= before
        if self._is_complete:
            return
        self._take_over(self._config.goes_on_from)
        self._source = self._open()
        self._items = listed(self._making, self._source, self._config.reading)
        self._earlier = Earlier.of(self._set, self._config.rule)
        self._writer = PackWriter(self._making, signature_bytes=near.SIGNATURE_BYTES)
        self.step = len(self._writer.records)

    def _open(self) -> Source:
        return open_source(self._config.source_path) if self._config.source else open_dropped(self._set.photos)

    @property
    def _is_complete(self) -> bool:
        """Whether an earlier attempt was cut off between its last two acts.

        Raises:
            DataSetError: another packing has made that version.
        """
        version = self._set.version(self._config.version)
        if version.is_dir() and made_by(version) != self._run:
            raise self._too_late()
        return version.is_dir()

    def _complete(self) -> None:
        """Make what was packed a version.

        Raises:
            DataSetError: another packing was quicker.
        """
        try:
            self._set.complete(self._run, self._config.version)
        except OSError as error:
            if self._set.version(self._config.version).is_dir():
                raise self._too_late() from error
            raise

    def _too_late(self) -> DataSetError:
        return DataSetError(
            f"Another packing has made version {self._config.version} of “{self._set.name}” since. Open the data set, "
            "and update it there."
        )

    def _take_over(self, run_id: str) -> None:
        """Go on with what an earlier run has packed of the same files in the same way."""
        # What stands in a run's file becomes a path only where it has an id's exact form.
        if is_id(run_id) and not self._making.exists() and self._set.making(run_id).is_dir():
            os.rename(self._set.making(run_id), self._making)

    def events(self) -> Iterator[Event]:
        """See `Job.events`."""
        if not self._is_complete:
            try:
                yield PackStarted(files=len(self._items), files_before=len(self._writer.records))
                yield from self._read()
                yield from self._check()
                yield from self._finish()
            finally:
                self._writer.close()
                self._source.close()
            if not self._is_new:
                shutil.rmtree(self._making)
                yield self._done(self._set.newest)
                return
            self._complete()
        yield self._done(self._config.version)

    def may_stop(self, event: Event) -> bool:
        """See `Job.may_stop`."""
        return isinstance(event, AnyStep | Comparing)

    def is_save_due(self, event: Event) -> bool:
        """See `Job.is_save_due`."""
        return isinstance(event, AnyStep) and time.monotonic() - self._committed >= _COMMIT_EVERY_S

    def save(self, event: Event) -> Checkpointed | None:
        """See `Job.save`."""
        self._writer.commit()
        self._committed = time.monotonic()
        return None

    def log_line(self, event: Event) -> str:
        """See `Job.log_line`."""
        return "" if isinstance(event, PackStep | Comparing) else str(event)

    def _read(self) -> Iterator[PackStep]:
        """Read and decode what is left of the files."""
        done = len(self._writer.records)
        photos = sum(not record.problem for record in self._writer.records)
        num_bytes = 0

        def counted() -> Iterator[Found]:
            nonlocal num_bytes
            for file in _each([item.path for item in self._items[done:]], self._source):
                num_bytes += len(file.data)
                yield file

        for block in decoded(counted(), self._config.rule, self._earlier.known, self._making / _DECODED):
            for packed in block:
                self._writer.append(packed.record, packed.pixels, packed.signature)
                photos += not packed.record.problem
            done += len(block)
            yield PackStep(done, photos, num_bytes, self._seconds)
        self.save(PackStep(done, photos, num_bytes, self._seconds))

    def _check(self) -> Iterator[Unreadable]:
        """See that there is enough to make a data set of.

        Raises:
            DataSetError: there is not, or too much cannot be read.
        """
        read = list(zip(self._items, self._writer.records, strict=True))
        problems = [r.problem for item, r in read if r.problem and is_photo_by_name(item.path)]
        photos = sum(not record.problem for _, record in read)
        first = f" The first: {problems[0]}" if problems else ""
        if not photos:
            raise DataSetError(f"There is no photo in {self._source.name} that can be read.{first}")
        total = photos + len(problems)
        if self._config.unreadable == "ask" and len(problems) > _MOST_UNREADABLE * total:
            yield Unreadable(files=len(problems), photos=photos)
            raise DataSetError(f"{len(problems):,} of {total:,} photos cannot be read.{first}")

    def _finish(self) -> Generator[Event, None, None]:
        """Compare the photos, divide them, and write down what a version is."""
        version = Version(self._items, self._writer.records, self._earlier)
        for done in version.compare(self._making):
            yield Comparing(done=done)
        version.divide(shares=self._config.shares, seed=self._config.seed)
        self._is_new, self._changes = version.is_new(self._config.rule), version.changes
        if self._is_new:
            note_maker(self._making, self._run)
            version.write(self._making, self._writer, self._config.rule)

    def _done(self, number: int) -> PackDone:
        folder = self._set.version(number)
        manifest = open_pack(folder).manifest
        found = findings.read(folder, len(manifest), num_classes=len(manifest.classes))
        return PackDone(
            seconds=self._seconds,
            photos=len(manifest),
            classes=len(manifest.classes),
            findings=found.count,
            came=self._changes[0],
            went=self._changes[1],
            is_new=self._is_new,
        )

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._begun


def _each(paths: list[str], source: Source) -> Iterator[Found]:
    """What each of these files holds: of those, too, that the source has no more.

    Raises:
        DataSetError: the source itself is gone, which says nothing of its files.
    """
    expected = iter(paths)
    for file in source.contents(paths):
        yield from _missing(expected, until=file.path)
        if file.is_lost and not source.is_there():
            raise DataSetError(f"{source.name} cannot be read any more: is its disk connected? Then go on.")
        yield file
    yield from _missing(expected)


def _missing(expected: Iterator[str], until: str = "") -> Iterator[Found]:
    for path in expected:
        if path == until:
            return
        problem = f"{shown(path)} is not there any more: it was moved or deleted meanwhile."
        yield Found(path=path, problem=problem, is_lost=True)
