"""Data sets that can be downloaded whole: what they are, and the archives that hold them. Fetches nothing."""

from dataclasses import dataclass

from core.data.sources.cifar import DOWNLOADS
from core.home import home
from core.published_file import PublishedFile

_BASE = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True, kw_only=True)
class PublishedSet:
    """A data set as somebody has published it."""

    name: str
    about: str  # a sentence
    source: str  # who has made it, and when: a citation without its end
    page: str  # where that is said
    download: str  # the archive, among DOWNLOADS: C's layout, which is read without an interpreter of pickles

    @property
    def num_bytes(self) -> int:
        """Of the archive."""
        return DOWNLOADS[self.download].size

    def archive(self) -> PublishedFile:
        """The archive, and where it lies."""
        url = DOWNLOADS[self.download].url
        return PublishedFile(
            name=f"The archive of {self.name}",
            url=url,
            base=_BASE,
            mirror="UNFREEZE_CIFAR",
            path=home() / "downloads" / url.rpartition("/")[2],
            sha256=DOWNLOADS[self.download].sha256,
            setting="UNFREEZE_HOME",
            way_out=f"download {url} by yourself and type the path of the file under “This computer”",
        )


def _cifar(name: str, classes: str) -> PublishedSet:
    return PublishedSet(
        name=name,
        about=f"60,000 photos of 32 × 32 pixels in {classes}: 50,000 to train on, and 10,000 as the test set.",
        source="Alex Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        page=f"{_BASE}cifar.html",
        download=f"{name} binary",
    )


PUBLISHED = {
    "cifar10": _cifar("CIFAR-10", "10 classes of animals and vehicles"),
    "cifar100": _cifar("CIFAR-100", "100 classes, from apples to worms"),
}
