"""The members of a tar, one after the other, and whether it ends where it should. Pure.

Python's reader takes what it cannot read for the end, and reads some headers whole, however large they are.
"""

import tarfile
from collections.abc import Iterator
from typing import Any, BinaryIO

_MAX_HEADER = 2**20  # bytes of a long name, or of what else is said of a file
_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_RECORDS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_AFTER = 2**16  # bytes behind the end in which another archive would begin


class RefusedError(ValueError):
    """What no archive of photos holds; the message ends a sentence."""


class _Header(tarfile.TarInfo):
    """A header that says how large it is before it is read."""

    last = b""  # what was read last as a header

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> Any:
        cls.last = bytes(buf)
        return super().frombuf(buf, encoding, errors)

    def _proc_member(self, tar: tarfile.TarFile) -> Any:
        """What the library calls for each header, and lets be overridden."""
        if self.size < 0:
            raise ValueError("a size that cannot be")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise RefusedError("a file in it has holes, which no photo has")
        if self.type in (*_NAMES, *_RECORDS) and self.size > _MAX_HEADER:
            raise RefusedError("the name of a file in it is longer than any disk allows")
        return super()._proc_member(tar)  # type: ignore[misc]

    def _proc_gnusparse_00(self, *_: object) -> None:
        raise RefusedError("a file in it has holes, which no photo has")

    _proc_gnusparse_01 = _proc_gnusparse_10 = _proc_gnusparse_00


def members(file: BinaryIO) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """What a tar holds, compressed or not.

    Raises:
        RefusedError: it holds what no archive of photos does.
        ValueError: it is damaged, or was cut off.
        nearly anything: likewise.
    """
    header: type[_Header] = type("_HeaderOfOne", (_Header,), {})  # each reader remembers its own last one
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:*", tarinfo=header) as tar:
        before = -1
        while member := tar.next():
            tar.members = []  # type: ignore[attr-defined]  # a list of all would only take memory
            if member.size < 0 or tar.offset <= before:
                raise ValueError("a member that ends before it begins")
            before = tar.offset
            yield tar, member
        if header.last != tarfile.NUL * tarfile.BLOCKSIZE:
            raise ValueError("it does not end as a tar does")
        assert tar.fileobj is not None
        _check_end(tar.fileobj.read(_AFTER))


def _check_end(after: bytes) -> None:
    """See that no second archive stands behind the first one, of which nothing would be read."""
    begin = len(after) - len(after.lstrip(tarfile.NUL))
    block = after[begin - begin % tarfile.BLOCKSIZE :][: tarfile.BLOCKSIZE]
    try:
        tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return
    raise RefusedError("it is two archives, one behind the other")
