"""Data sets that are published in a form of their own, in a folder or an archive. Never imports torch."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from core.data.decoding.limits import MAX_BYTES
from core.data.sources.cifar import Cifar
from core.data.sources.layouts import Reading
from core.data.sources.source import Found, Source
from core.errors import DataSetError


class Published(Source):
    """CIFAR-10 or CIFAR-100 among the files of another source."""

    def __init__(self, within: Source, known: Cifar) -> None:
        self._within, self._known = within, known
        self.name = known.name
        self.notes = within.notes

    @property
    def files(self) -> Sequence[str]:  # type: ignore[override]
        """See `Source`: a name for each photo."""
        return [item.path for item in self._reading.items]

    @cached_property
    def _reading(self) -> Reading:
        return self._known.reading(self._contents.__getitem__)

    @cached_property
    def _contents(self) -> dict[str, bytes]:
        """Its few files, read at once: an archive gives them in its own order."""
        sizes = self._known.files
        found: dict[str, bytes] = {}
        there = [path for path in sizes if path not in self._known.missing]
        for file in self._within.contents(there, at_most=max(sizes.values())):
            if file.problem:
                raise DataSetError(file.problem)
            found[file.path] = file.data
        return found

    def readings(self) -> list[Reading]:
        """See `Source.readings`."""
        return [self._reading]

    def contents(self, paths: Sequence[str], *, at_most: int = MAX_BYTES) -> Iterator[Found]:
        """See `Source.contents`: the pixels of each photo."""
        wanted = set(paths)
        items = iter(self._reading.items)
        for block in self._known.photos(self._contents.__getitem__):
            for pixels, item in zip(block.pixels, items, strict=False):
                if item.path in wanted:
                    yield Found(path=item.path, pixels=pixels)

    def close(self) -> None:
        """See `Source.close`."""
        self._within.close()
