"""The hub of ImageNet weights: where a file of it lies, and how it is known to be sound. Never imports torch.

A file lies where `torch.hub` keeps it, so what another program has fetched is used, and the other way round. Its name
holds the beginning of its SHA-256.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from core import fetching
from core.errors import (
    FileDamagedError,
    FileUnreachableError,
    HubUnreachableError,
    PublishedFileError,
    WeightsDamagedError,
    WeightsError,
)
from core.fetching import Listener
from core.models.torchvision_classifiers import HUB
from core.published_file import PublishedFile


def path_of(url: str) -> Path:
    """Where the file of a URL lies, as `torch.hub.get_dir()` has it."""
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    home = Path(os.getenv("TORCH_HOME", os.path.join(cache, "torch"))).expanduser()
    return home / "hub" / "checkpoints" / Path(urlsplit(url).path).name


def file_of(label: str, url: str) -> PublishedFile:
    """The file of a URL, which holds the weights of the network with that label."""
    path = path_of(url)
    return PublishedFile(
        name=f"The weights of {label}",
        is_many=True,
        url=url,
        base=HUB,
        mirror="UNFREEZE_HUB",
        path=path,
        sha256=_hash_in(path.name),
        setting="TORCH_HOME",
        way_out=f"download {url} by yourself and use it as a file of weights",
    )


def _hash_in(name: str) -> str:
    """The beginning of the file's SHA-256: "resnet18-f37072fd.pth" ends with it."""
    return name.removesuffix(".pth").rpartition("-")[2]


def check(label: str, url: str) -> None:
    """Compare the file of a URL, which is here, with the hash in its name; once for each state that it is in.

    Raises:
        WeightsDamagedError: it is not what was published.
        WeightsError: it cannot be read.
    """
    with _said_of_weights():
        fetching.check(file_of(label, url))


def fetch(
    label: str,
    url: str,
    *,
    on_bytes: Listener = lambda _num, _total: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Path:
    """The file of a URL, from the cache or the net; half a one is gone on with. Returns its path.

    Raises:
        HubUnreachableError: it could not be downloaded; what has arrived is kept.
        StorageError: the disk refuses.
        DownloadStoppedError: `is_stopped` said so.
    """
    file = file_of(label, url)
    with _said_of_weights():
        fetching.fetch(file, on_bytes=on_bytes, is_stopped=is_stopped)
    return file.path


@contextmanager
def _said_of_weights() -> Iterator[None]:
    """Whoever needs weights need not know that they are a published file like others."""
    try:
        yield
    except FileDamagedError as error:
        raise WeightsDamagedError(str(error)) from error
    except FileUnreachableError as error:
        raise HubUnreachableError(str(error)) from error
    except PublishedFileError as error:
        raise WeightsError(str(error)) from error
