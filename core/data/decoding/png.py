"""A PNG without what Pillow stumbles over: long texts and profiles, and an end that is missing."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What decides on the pixels of the first picture, and how it is turned.
_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf"}
_MAX_PROFILE = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class Png:
    """A PNG that is made of the pixels' chunks alone."""

    data: bytes
    width: int
    height: int
    depth: int  # bits of a channel
    profile: bytes  # ICC; empty where there is none


def tidied(data: bytes) -> Png | None:
    """The same picture without texts and animation, and with an end; None where there is no header."""
    if not data.startswith(SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 29:
        return None
    width, height, depth = struct.unpack(">IIB", data[16:25])
    kept, profile = [SIGNATURE], b""
    for kind, body, checksum in _chunks(data):
        if kind == b"iCCP":
            profile = _profile(body)
        elif kind in _KEPT:
            # Of a chunk that is cut off, the checksum is missing; what its data says, the decoder will find out.
            kept += [struct.pack(">I", len(body)), kind, body, checksum or _checksum(kind, body)]
    kept += [bytes(4), b"IEND", _checksum(b"IEND", b"")]
    return Png(data=b"".join(kept), width=width, height=height, depth=depth, profile=profile)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind, body and checksum of each chunk up to the end of the picture or of the file."""
    start = len(SIGNATURE)
    while start + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[start : start + 8])
        body = data[start + 8 : start + 8 + length]
        if kind == b"IEND" or (len(body) < length and kind != b"IDAT"):
            return
        checksum = data[start + 8 + length : start + 12 + length]
        yield kind, body, checksum if len(checksum) == 4 else b""
        start += 12 + length


def _checksum(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(kind + body))


def _profile(body: bytes) -> bytes:
    """The ICC profile of an iCCP chunk: a name, a zero, the method, and the compressed profile."""
    _, _, compressed = body.partition(b"\0")
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(compressed[1:], _MAX_PROFILE)
    except zlib.error:
        return b""
    return b"" if inflate.unconsumed_tail else profile
