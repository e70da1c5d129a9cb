"""The hub of ImageNet weights: where a file of it lies, whether it is sound, and how it gets here. Never imports torch.

A file lies where `torch.hub` keeps it, so what another program has fetched is used, and the other way round. Half a
file lies beside it, and whoever downloads holds its lock: the server and its workers never fetch the same one twice.
What arrives gets its name only when its SHA-256 begins as that name says.
"""

import fcntl
import hashlib
import http.client
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from io import FileIO
from pathlib import Path
from urllib.parse import urlsplit

from core.durable import open_file, said_plainly, sync_folder
from core.errors import DownloadStoppedError, HubUnreachableError, WeightsDamagedError, WeightsError
from core.models.torchvision_classifiers import HUB

_CHUNK = 2**18  # bytes at most that are read at a time
_SILENCE_S = 20.0  # after which a connection counts as broken
_LISTEN_EVERY_S = 0.2
_MOST_BYTES = 2**33  # the largest file there is has 1.3 GB

_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/([0-9]{1,15}|\*)")  # "bytes 10-19/20", as RFC 9110 has it

Listener = Callable[[int, int | None], None]  # is told how many bytes are here, and of how many, where that is known


def path_of(url: str) -> Path:
    """Where the file of a URL lies, as `torch.hub.get_dir()` has it."""
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    home = Path(os.getenv("TORCH_HOME", os.path.join(cache, "torch"))).expanduser()
    return home / "hub" / "checkpoints" / Path(urlsplit(url).path).name


def check(label: str, path: Path) -> None:
    """Compare a file of the hub with the hash in its name; once for each state that it is in.

    Raises:
        WeightsDamagedError: it is not what was published.
        WeightsError: it cannot be read.
    """
    try:
        stat = path.stat()
        is_sound = _is_sound(path, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise WeightsError(
            f"The weights of {label} at {path} cannot be read ({error.strerror}). Make the file readable, or remove it."
        ) from error
    if not is_sound:
        raise WeightsDamagedError(
            f"The weights of {label} at {path} are damaged: they are not what was published. Download them again."
        )


def clear_damaged(label: str, path: Path) -> None:
    """Remove a file of the hub that is not what was published, so that it is fetched anew.

    Raises:
        WeightsError: it cannot be read, and may be sound: it stays.
        StorageError: the disk refuses.
    """
    try:
        if os.path.isfile(path):
            check(label, path)
    except WeightsDamagedError:
        with _kept_at(label, path):
            path.unlink(missing_ok=True)


@lru_cache(maxsize=256)
def _is_sound(path: Path, _modified_ns: int, _num_bytes: int) -> bool:
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(_hash_in(path.name))


def _hash_in(name: str) -> str:
    """The beginning of the file's SHA-256: "resnet18-f37072fd.pth" ends with it."""
    return name.removesuffix(".pth").rpartition("-")[2]


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
    path = path_of(url)
    with _kept_at(label, path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _locked_part(label, path, on_bytes, is_stopped) as part:
        if part is not None:
            _receive(label, url, part, on_bytes, is_stopped)
            part.seek(0)
            if not hashlib.file_digest(part, "sha256").hexdigest().startswith(_hash_in(path.name)):
                part.truncate(0)
                raise HubUnreachableError(_unreachable(label, url, "what arrived is damaged"))
            with _kept_at(label, path):
                os.fsync(part.fileno())
                os.replace(part_of(path), path)
                sync_folder(path.parent)
    return path


def is_arriving(path: Path) -> bool:
    """Whether somebody, here or in another process, is downloading a file."""
    with suppress(OSError), FileIO(part_of(path), "r") as part:
        return not _lock(part)
    return False


def part_of(path: Path) -> Path:
    """Where half of a file lies."""
    return path.with_name(path.name + ".part")


@contextmanager
def _locked_part(label: str, path: Path, on_bytes: Listener, is_stopped: Callable[[], bool]) -> Iterator[FileIO | None]:
    """Half a file, open and locked; None where the whole one is there. Another one's download is waited for."""
    while not os.path.isfile(path):
        with _kept_at(label, path):
            part = FileIO(part_of(path), "a+")
        with part:
            if _lock(part) and _is_named(part, part_of(path)):
                if not os.path.isfile(path):
                    yield part
                    return
                continue
            on_bytes(os.fstat(part.fileno()).st_size, None)
        if is_stopped():
            raise DownloadStoppedError("The download was stopped.")
        time.sleep(_LISTEN_EVERY_S)
    _clear(part_of(path))
    yield None


def _clear(part: Path) -> None:
    """Remove half a file whose other half nobody needs: another program has brought the whole one."""
    with suppress(OSError), FileIO(part, "r") as left:
        if _lock(left):
            part.unlink()


def _lock(part: FileIO) -> bool:
    try:
        fcntl.flock(part.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_named(part: FileIO, path: Path) -> bool:
    """Whether an open file still has its name: whoever had its lock may have finished it."""
    try:
        return os.path.samestat(os.fstat(part.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _receive(label: str, url: str, part: FileIO, on_bytes: Listener, is_stopped: Callable[[], bool]) -> None:
    """Append what is missing."""
    with _kept_at(label, path_of(url)):
        have = part.seek(0, os.SEEK_END)
    address = _address_of(label, url)
    try:
        with _open(address, have) as response:
            start, total = _announced(response)
            if start not in (0, have):
                raise HubUnreachableError(_unreachable(label, url, "the server sends another part of the file"))
            if start < have:  # it begins anew
                have = 0
                part.truncate(0)
            on_bytes(have, total)
            while chunk := response.read1(_CHUNK):  # what is there, so that a slow one is heard, and can be stopped
                with _kept_at(label, path_of(url)):
                    _write(part, chunk)
                have += len(chunk)
                on_bytes(have, total)
                if is_stopped():
                    raise DownloadStoppedError("The download was stopped.")
                if have > (total or _MOST_BYTES):
                    part.truncate(0)
                    raise HubUnreachableError(_unreachable(label, url, "more arrives than was announced"))
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            return  # all of it is here, and its hash tells whether it is sound
        raise HubUnreachableError(_unreachable(label, url, f"the server answers {error.code}")) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise HubUnreachableError(_unreachable(label, url, _reason(error))) from error
    if total is not None and have < total:
        raise HubUnreachableError(_unreachable(label, url, "the connection broke off"))


def _write(part: FileIO, data: bytes) -> None:
    """All of it: a disk that is nearly full takes some."""
    while data:
        data = data[part.write(data) :]


def _address_of(label: str, url: str) -> str:
    """Where a URL's file is fetched from."""
    mirror = os.getenv("UNFREEZE_HUB")
    if mirror and not mirror.startswith(("http://", "https://")):
        raise HubUnreachableError(_unreachable(label, url, "UNFREEZE_HUB must begin with https:// or http://"))
    return url.replace(HUB, mirror.rstrip("/") + "/", 1) if mirror else url


def _open(address: str, have: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "unfreeze", **({"Range": f"bytes={have}-"} if have else {})}
    response: http.client.HTTPResponse = urllib.request.urlopen(
        urllib.request.Request(address, headers=headers), timeout=_SILENCE_S
    )
    return response


def _announced(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Where in the file an answer begins, and the whole file's bytes, if it tells.

    Raises:
        HTTPException: a part does not say where it begins.
    """
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        told = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if told is None:
            raise http.client.HTTPException
        return int(told[1]), None if told[2] == "*" else int(told[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if re.fullmatch(r"[0-9]{1,15}", length) else None


def _reason(error: Exception) -> str:
    """Why a download has ended: in our words, or the system's, and never in the server's."""
    cause = getattr(error, "reason", error) if isinstance(error, urllib.error.URLError) else error
    match cause:
        case http.client.IncompleteRead() | http.client.RemoteDisconnected():
            return "the connection broke off"
        case ssl.SSLCertVerificationError():
            return "the server's certificate is not trusted"
        case ssl.SSLError():
            return "no secure connection came about"
        case socket.gaierror():
            return "its server was not found; is this computer online?"
        case TimeoutError():
            return "no answer for too long"
        case OSError():
            return cause.strerror or "no connection"
    return "the server's answer makes no sense"


@contextmanager
def _kept_at(label: str, path: Path) -> Iterator[None]:
    with said_plainly(f"The weights of {label} cannot be kept", path.parent, setting="TORCH_HOME"):
        yield


def _unreachable(label: str, url: str, reason: str) -> str:
    return (
        f"The weights of {label} could not be downloaded ({reason}). Try again, or download {url} by yourself and use "
        "it as a file of weights."
    )
