"""A file that somebody publishes: where, how it is known to be sound, and where it lies here. Fetches nothing."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """What is known of a published file before it is here."""

    name: str  # begins a sentence: "The weights of ResNet-18"
    is_many: bool = False  # whether that name is a plural
    url: str
    base: str  # the beginning of the URL that a mirror stands in for
    mirror: str  # the variable of the environment that names a mirror
    path: Path  # where it lies
    sha256: str  # its first digits at least
    setting: str  # the variable of the environment that chooses another folder for it
    way_out: str  # how to do without the download, in words that follow "Try again, or"

    @property
    def part(self) -> Path:
        """Where half of it lies."""
        return self.path.with_name(self.path.name + ".part")
