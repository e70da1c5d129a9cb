"""What each way to add photos finds out about them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.data.sources.opening import Dropped


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the photos of a new set come from."""

    name: str  # what the set may be called
    source: str = ""  # the path of a folder or an archive; empty for dropped files
    reading: str  # what they are taken for
    given: tuple[int, ...] = ()  # files that the source itself gives to each of SIDES
    dropped: Sequence[tuple[Path, Dropped]] = field(default_factory=tuple)
