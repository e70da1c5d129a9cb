"""Which of some files a cell of a table means. Pure: paths are compared, and nothing is opened.

People write a photo's path from the table's folder, from the root, from the root of another computer, without folders,
without ending, or in another case. A cell that could mean two files means none.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from core.data.sources.layouts import MAX_PARTS

_MAX_LENGTH = 1_000  # characters of a path
# What lies beside a photo and has its name: "a1b2" means a1b2.jpg, not a1b2.json.
_BESIDE = (".csv", ".json", ".md", ".parquet", ".tsv", ".txt", ".xml", ".yaml", ".yml")


class PhotoPaths:
    """Finds the files that a table in `folder` names; `folder` has its parts divided by "/", and may be empty."""

    def __init__(self, files: Iterable[str], folder: str) -> None:
        folder = "/".join(_resolved(folder.split("/")))
        paths = list(files)
        with_ending = [path for path in paths if not path.casefold().endswith(_BESIDE)]
        # What a cell is compared with, the closest first; an index is made when a cell is found in none before it.
        self._ways: list[tuple[Callable[[str], str], Callable[[], _Index]]] = [
            (_same, lambda: _Index(paths, folder, _same)),
            (str.casefold, lambda: _Index(paths, folder, str.casefold)),
            (_same, lambda: _Index(with_ending, folder, _without_ending)),
            (str.casefold, lambda: _Index(with_ending, folder, lambda path: _without_ending(path).casefold())),
        ]
        self._made: list[_Index] = []
        self._above = f"{folder}/" if folder else ""
        # Most cells are paths as they are, or nothing like one: that is seen at once.
        self._paths = set(paths)
        self._names = {_without_ending(path[path.rfind("/") + 1 :]).casefold() for path in paths}

    def find(self, cell: str) -> str | None:
        """The one file that a cell means, as it was given; None if there is none, or more than one."""
        for whole in (f"{self._above}{cell}", cell):
            if whole in self._paths:
                return whole
        text = cell.replace("\\", "/")
        if len(text) > _MAX_LENGTH or text.count("/") > MAX_PARTS:
            return None
        name = text[text.rfind("/") + 1 :].casefold()
        if name not in self._names and _without_ending(name) not in self._names:
            return None
        for way, (change, make) in enumerate(self._ways):
            if way == len(self._made):
                self._made.append(make())
            if (path := self._made[way].find(change(text).split("/"))) is not None:
                return path
        return None


class _Index:
    """Files by their paths, or by what of them is compared."""

    def __init__(self, paths: Sequence[str], folder: str, key: Callable[[str], str]) -> None:
        self._folder = [part for part in key(f"{folder}/x").split("/")[:-1] if part]
        self._keys = [(key(path), path) for path in paths]
        self._whole = _unique(self._keys)
        counts = {known.count("/") + 1 for known in self._whole}
        self._most_parts = max(counts, default=0)
        # How many parts of a cell can be a file's path, from the root or from the table's folder; the most first.
        self._counts = sorted(counts | {count - len(self._folder) for count in counts}, reverse=True)
        self._ends: list[tuple[str, str]] = []  # what each file ends in, the last part first, in order

    def find(self, parts: Sequence[str]) -> str | None:
        """The file with this path, from the table's folder or the root; else the one that ends in it, or in which it
        ends: the root may be another one."""
        inside = _resolved(parts)
        if (path := self._whole.get("/".join(_resolved([*self._folder, *parts])))) is not None:
            return path
        for count in self._counts:
            if 0 < count <= len(inside):
                end = "/".join(inside[-count:])
                for whole in (end, "/".join([*self._folder, end])):
                    if (path := self._whole.get(whole)) is not None:
                        return path
        return self._ending_in(inside)

    def _ending_in(self, parts: list[str]) -> str | None:
        if not 0 < len(parts) < self._most_parts:
            return None
        self._ends = self._ends or sorted((_from_behind(known.split("/")), path) for known, path in self._keys)
        wanted = _from_behind(parts)
        place = bisect_left(self._ends, (f"{wanted}\0",))  # behind the file that is named whole
        found = [path for end, path in self._ends[place : place + 2] if end.startswith(wanted)]
        return found[0] if len(found) == 1 else None


def _from_behind(parts: Sequence[str]) -> str:
    return "".join(f"{part}/" for part in reversed(parts))


def _unique(named: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """Each name's path; None where it has two."""
    found: dict[str, str | None] = {}
    for name, path in named:
        found[name] = None if name in found else path
    return found


def _resolved(parts: Sequence[str]) -> list[str]:
    """The parts without those that mean the same folder or the one above; what leads out of all folders is dropped."""
    inside: list[str] = []
    for part in parts:
        if part == "..":
            del inside[-1:]
        elif part not in ("", "."):
            inside.append(part)
    return inside


def _same(text: str) -> str:
    return text


def _without_ending(path: str) -> str:
    """ "images/a.jpg" -> "images/a"."""
    folder, slash, name = path.rpartition("/")
    stem, _, ending = name.rpartition(".")
    return f"{folder}{slash}{stem}" if stem and ending else path
