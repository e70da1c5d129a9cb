"""Published files: whether one is sound, and how it gets here. Never imports torch.

Half a file lies beside its place, and whoever downloads holds its lock: the server and its workers never fetch the same
one twice. What arrives gets its name only when its SHA-256 is the published one.
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

from core.durable import open_file, said_plainly, sync_folder
from core.errors import DownloadStoppedError, FileDamagedError, FileUnreachableError, PublishedFileError
from core.published_file import PublishedFile

_CHUNK = 2**18  # bytes at most that are read at a time
_SILENCE_S = 20.0  # after which a connection counts as broken
_LISTEN_EVERY_S = 0.2
_MOST_BYTES = 2**33  # the largest file there is has 1.3 GB

_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/([0-9]{1,15}|\*)")  # "bytes 10-19/20", as RFC 9110 has it

Listener = Callable[[int, int | None], None]  # is told how many bytes are here, and of how many, where that is known


def check(file: PublishedFile) -> None:
    """Compare a file that is here with its hash; once for each state that it is in.

    Raises:
        FileDamagedError: it is not what was published.
        PublishedFileError: it cannot be read.
    """
    try:
        stat = file.path.stat()
        is_sound = _is_sound(file.path, file.sha256, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise PublishedFileError(
            f"{file.name} at {file.path} cannot be read ({error.strerror}). Make the file readable, or remove it."
        ) from error
    if not is_sound:
        are, they, them = ("are", "they are", "them") if file.is_many else ("is", "it is", "it")
        raise FileDamagedError(
            f"{file.name} at {file.path} {are} damaged: {they} not what was published. Download {them} again."
        )


def clear_damaged(file: PublishedFile) -> None:
    """Remove a file that is not what was published, so that it is fetched anew.

    Raises:
        PublishedFileError: it cannot be read, and may be sound: it stays.
        StorageError: the disk refuses.
    """
    try:
        if os.path.isfile(file.path):
            check(file)
    except FileDamagedError:
        with _kept(file):
            file.path.unlink(missing_ok=True)


@lru_cache(maxsize=256)
def _is_sound(path: Path, sha256: str, _modified_ns: int, _num_bytes: int) -> bool:
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(sha256)


def fetch(
    file: PublishedFile,
    *,
    on_bytes: Listener = lambda _num, _total: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Have a file in its place, from the net where it is not there yet; half a one is gone on with.

    Raises:
        FileUnreachableError: it could not be downloaded; what has arrived is kept.
        StorageError: the disk refuses.
        DownloadStoppedError: `is_stopped` said so.
    """
    with _kept(file):
        file.path.parent.mkdir(parents=True, exist_ok=True)
    with _locked_part(file, on_bytes, is_stopped) as part:
        if part is not None:
            _receive(file, part, on_bytes, is_stopped)
            part.seek(0)
            if not hashlib.file_digest(part, "sha256").hexdigest().startswith(file.sha256):
                part.truncate(0)
                raise _unreachable(file, "what arrived is damaged")
            with _kept(file):
                os.fsync(part.fileno())
                os.replace(file.part, file.path)
                sync_folder(file.path.parent)


def is_arriving(file: PublishedFile) -> bool:
    """Whether somebody, here or in another process, is downloading a file."""
    with suppress(OSError), FileIO(file.part, "r") as part:
        return not _lock(part)
    return False


@contextmanager
def _locked_part(file: PublishedFile, on_bytes: Listener, is_stopped: Callable[[], bool]) -> Iterator[FileIO | None]:
    """Half a file, open and locked; None where the whole one is there. Another one's download is waited for."""
    while not os.path.isfile(file.path):
        with _kept(file):
            part = FileIO(file.part, "a+")
        with part:
            if _lock(part) and _is_named(part, file.part):
                if not os.path.isfile(file.path):
                    yield part
                    return
                continue
            on_bytes(os.fstat(part.fileno()).st_size, None)
        if is_stopped():
            raise DownloadStoppedError("The download was stopped.")
        time.sleep(_LISTEN_EVERY_S)
    _clear(file.part)
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


def _receive(file: PublishedFile, part: FileIO, on_bytes: Listener, is_stopped: Callable[[], bool]) -> None:
    """Append what is missing."""
    with _kept(file):
        have = part.seek(0, os.SEEK_END)
    address = _address_of(file)
    try:
        with _open(address, have) as response:
            start, total = _announced(response)
            if start not in (0, have):
                raise _unreachable(file, "the server sends another part of the file")
            if start < have:  # it begins anew
                have = 0
                part.truncate(0)
            on_bytes(have, total)
            while chunk := response.read1(_CHUNK):  # what is there, so that a slow one is heard, and can be stopped
                with _kept(file):
                    _write(part, chunk)
                have += len(chunk)
                on_bytes(have, total)
                if is_stopped():
                    raise DownloadStoppedError("The download was stopped.")
                if have > (total or _MOST_BYTES):
                    part.truncate(0)
                    raise _unreachable(file, "more arrives than was announced")
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            return  # all of it is here, and its hash tells whether it is sound
        raise _unreachable(file, f"the server answers {error.code}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unreachable(file, _reason(error)) from error
    if total is not None and have < total:
        raise _unreachable(file, "the connection broke off")


def _write(part: FileIO, data: bytes) -> None:
    """All of it: a disk that is nearly full takes some."""
    while data:
        data = data[part.write(data) :]


def _address_of(file: PublishedFile) -> str:
    """Where a file is fetched from."""
    mirror = os.getenv(file.mirror)
    if mirror and not mirror.startswith(("http://", "https://")):
        raise _unreachable(file, f"{file.mirror} must begin with https:// or http://")
    return file.url.replace(file.base, mirror.rstrip("/") + "/", 1) if mirror else file.url


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
def _kept(file: PublishedFile) -> Iterator[None]:
    with said_plainly(f"{file.name} cannot be kept", file.path.parent, setting=file.setting):
        yield


def _unreachable(file: PublishedFile, reason: str) -> FileUnreachableError:
    return FileUnreachableError(f"{file.name} could not be downloaded ({reason}). Try again, or {file.way_out}.")
