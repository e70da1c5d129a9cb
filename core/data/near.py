"""Near duplicates: photos that show the same but for size, crop, brightness, JPEG, or a mirror. Never imports torch.

A photo is kept as a small picture, its signature. Photos are compared in two steps. The low waves of each picture, of
unit length, are multiplied with those of all others; a mirror only changes the signs of some. Where the product is
high, one picture is moved and stretched onto the other by least squares, and what then still differs decides.

It knows nothing of files, and nothing of what follows from two photos being near.
"""

import hashlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_SIDE = 32  # of the grey picture
_COLOURS = 4  # of the two pictures of colour
SIGNATURE_BYTES = _SIDE**2 + 2 * _COLOURS**2

# Of CIFAR-10's photos, 98 in 100 are as much as this like a crop of 95%, and 99 in 100 like any other copy. Pairs
# of different photos that are, double with every 0.03 less.
_ALIKE = 0.82
# What may differ once moved: of crops and of copies of JPEG quality 30, 99 in 100 stay below 0.05. Of the pairs below
# 0.06 in CIFAR-10 hardly any show two different things; between 0.08 and 0.12 some do.
_DIFFERENT = 0.06
# Earlier photos that one is compared with, those most like it: later ones must not change what was found before. A
# frame of a film is like thousands, and few pairs connect them all. Of crops 1 in 1,000 is among the first 64, but not
# among these.
_MOST = 16
_PLAIN = 1.5  # levels of 255 that a photo varies by, but for its lowest waves, where only its colours can be compared
_FAINT = _PLAIN * _SIDE  # the length of waves that are as faint
_SHADE = 3  # levels of 255 that the colours of such photos may differ by
# What moves cost: 1.5 pixels of the grey picture, or a stretch of a twentieth, about as much as JPEG does.
_COST = np.array([0.001, 0.001, 0.4, 0.4], np.float32)
_BLOCK = 2048  # photos that are multiplied with as many others: the products take 16 MiB


def signature(image: Image.Image) -> NDArray[np.uint8]:
    """(SIGNATURE_BYTES,) what near duplicates are recognised by, of an RGB picture (any size from 1x1)."""
    if image.size != (_SIDE, _SIDE):
        image = image.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    values = np.asarray(image.convert("YCbCr"))
    return np.concatenate([values[:, :, 0].ravel(), _shrunk(values[:, :, 1:]).ravel()])


def _shrunk(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(..., _COLOURS, _COLOURS, channels) means of (..., _SIDE, _SIDE, channels), rounded."""
    part = _SIDE // _COLOURS
    parts = values.reshape(*values.shape[:-3], _COLOURS, part, _COLOURS, part, values.shape[-1])
    sums: NDArray[np.int32] = parts.sum((-4, -2), dtype=np.int32)
    return ((sums + part**2 // 2) // part**2).astype(np.uint8)


def near_pairs(signatures: NDArray[np.uint8], *, first_new: int = 0) -> Iterator[tuple[float, Rows]]:
    """Find the near duplicates among photos.

    Args:
        signatures: (photos, SIGNATURE_BYTES).
        first_new: pairs of two rows below it were looked for before, and are left out.

    Yields:
        Progress from 0 to 1, and (pairs, 2) rows found since, each pair once, lower row first. A photo that is like
        very many is in pairs with some of them only.
    """
    rows, copies = _distinct(signatures)
    plain = _are_plain(signatures, rows)
    found = np.concatenate([copies, rows[plain][_plain_pairs(signatures[rows[plain]])]])
    rows = rows[~plain]
    first = int(np.searchsorted(rows, first_new)) // _BLOCK  # whole blocks: parts are multiplied in another order
    blocks = _blocks(len(rows))
    yield (0.0 if blocks[first:] else 1.0), _new(found, first_new)
    photos = _Photos(signatures, rows)
    for number in range(first, len(blocks)):
        found = rows[_pairs_before(photos, blocks, number)]
        done = (number + 1) * (number + 2) - first * (first + 1)
        yield done / (len(blocks) * (len(blocks) + 1) - first * (first + 1)), _new(found, first_new)


def first_alike(signatures: NDArray[np.uint8]) -> Rows:
    """(photos,) for each photo the first row that has the very same signature."""
    first: dict[bytes, int] = {}
    own = np.ascontiguousarray(signatures)
    digests = (hashlib.blake2b(values.data, digest_size=16).digest() for values in own)
    return np.array([first.setdefault(digest, row) for row, digest in enumerate(digests)], np.int64)


def _new(pairs: Rows, first_new: int) -> Rows:
    pairs = np.unique(pairs.reshape(-1, 2), axis=0)
    return pairs[pairs[:, 1] >= first_new]


def _blocks(count: int) -> list[slice]:
    return [slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]


def _distinct(signatures: NDArray[np.uint8]) -> tuple[Rows, Rows]:
    """The first row of each signature; and (copies, 2) that row with each later one of the same."""
    before, rows = first_alike(signatures), np.arange(len(signatures))
    is_first = before == rows
    return rows[is_first], np.stack([before, rows], 1)[~is_first]


def _are_plain(signatures: NDArray[np.uint8], rows: Rows) -> NDArray[np.bool_]:
    """Whether there is nothing in a photo but one shade that passes into another, as in a clear sky, and noise."""
    down, across, _ = _waves(2, with_mean=True)
    waves = _cosines(3, _SIDE)
    smooth = np.einsum("wy,wx->yxw", waves[down], waves[across]).reshape(_SIDE**2, -1).astype(np.float32)
    plain = np.empty(len(rows), bool)
    for at in _blocks(len(rows)):
        grey = signatures[rows[at], : _SIDE**2].astype(np.float32) - 128
        rest = np.square(grey).sum(1) - np.square(grey @ smooth).sum(1)
        plain[at] = rest < _SIDE**2 * _PLAIN**2
    return plain


def _plain_pairs(signatures: NDArray[np.uint8]) -> Rows:
    """(pairs, 2) among plain photos: each with those before it that are like none before them."""
    grey = _shrunk(signatures[:, : _SIDE**2].reshape(-1, _SIDE, _SIDE, 1))
    colours = signatures[:, _SIDE**2 :].reshape(-1, _COLOURS, _COLOURS, 2)
    shades = np.concatenate([grey, colours], 3).astype(np.int16)
    means = shades.mean((1, 2), dtype=np.float32)
    firsts, their_means = np.empty(len(shades), np.int64), np.empty_like(means)
    count = 0
    pairs: list[tuple[int, int]] = []
    for row, own in enumerate(shades):
        like = firsts[:count][(np.abs(their_means[:count] - means[row]) <= _SHADE).all(1)]  # no other one can be
        ways = [(np.abs(shades[like] - way) <= _SHADE).all((1, 2, 3)) for way in (own, own[:, ::-1])]
        like = like[np.logical_or(*ways)]
        pairs += [(first, row) for first in like.tolist()]
        if not len(like):
            firsts[count], their_means[count] = row, means[row]
            count += 1
    return np.array(pairs, np.int64).reshape(-1, 2)


class _Photos:
    """What photos are compared by."""

    def __init__(self, signatures: NDArray[np.uint8], rows: Rows) -> None:
        self._signatures, self._rows = signatures, rows
        self.looks = np.empty((len(rows), len(_looks()[1])), np.float32)
        for at in _blocks(len(rows)):
            values = self._values(rows[at]) @ _looks()[0].T
            self.looks[at] = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), _FAINT)
        # (photos, 5, waves) waves of a photo, and how they change as it moves and stretches; for waves of length 1.
        self.moves = np.empty((len(rows), *_moves()[1].shape), np.float32)
        self._moved = np.zeros(len(rows), bool)  # whose `moves` are known: most photos are like none

    def move(self, places: Rows) -> None:
        """Make their `moves` known."""
        missing = np.unique(places[~self._moved[places]])
        for at in _blocks(len(missing)):
            grey = self._values(self._rows[missing[at]])[:, : _SIDE**2]
            values = (grey @ _moves()[0].T).reshape(-1, *self.moves.shape[1:])
            self.moves[missing[at]] = values / np.maximum(np.linalg.norm(values[:, :1], axis=2, keepdims=True), _FAINT)
        self._moved[missing] = True

    def _values(self, rows: Rows) -> Floats:
        """(rows, SIGNATURE_BYTES) grey and colours, from -128 to 127."""
        return self._signatures[rows].astype(np.float32) - 128


def _pairs_before(photos: _Photos, blocks: list[slice], number: int) -> Rows:
    """(pairs, 2) of a photo that is before, and one of that block."""
    found = []
    for mirrored in (False, True):
        own = photos.looks[blocks[number]]
        if mirrored:
            own = own * _looks()[1]
        for at in blocks[: number + 1]:
            likeness = own @ photos.looks[at].T
            if at == blocks[number]:
                likeness[~np.tri(len(own), k=-1, dtype=bool)] = 0
            later, earlier = np.divmod(_highest(likeness), likeness.shape[1])
            values = likeness[later, earlier]
            found.append((later, values, earlier + at.start, np.full(len(later), mirrored)))
    later, values, earlier, flags = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((flags, earlier, -values, later))
    nth = np.arange(len(order)) - np.searchsorted(later[order], later[order])
    order = order[nth < _MOST]
    pairs, flags = np.stack([earlier, later + blocks[number].start], 1)[order], flags[order]
    photos.move(pairs.ravel())
    near = [_differences(photos.moves, pairs[at], flags[at]) < _DIFFERENT for at in _blocks(len(pairs))]
    return pairs[np.concatenate(near)] if near else pairs


def _highest(likeness: Floats) -> Rows:
    """Flat places of what is above the limit; of no row many more than `_MOST`."""
    places = np.flatnonzero(likeness > _ALIKE)
    if len(places) <= _MOST * len(likeness):
        return places
    least = np.partition(likeness, -_MOST, axis=1)[:, -_MOST, None]
    return np.flatnonzero(likeness >= np.maximum(least, _ALIKE))


def _differences(moves: Floats, pairs: Rows, mirrored: NDArray[np.bool_]) -> Floats:
    """(pairs,) what share of the waves of two photos differs when one is moved and stretched onto the other.

    The change is linear in the moves, and taken half way between the two, where it is right to the second order (Lucas
    and Kanade 1981, of two pictures at once). Moves of more than a crop's cost something.
    """
    one, other = moves[pairs[:, 0]], moves[pairs[:, 1]]
    other = np.where(mirrored[:, None, None], other * _moves()[1], other)
    change, ways = one[:, 0] - other[:, 0], (one[:, 1:] + other[:, 1:]) / 2
    products = ways @ ways.transpose(0, 2, 1) + np.diag(_COST)
    along = ways @ change[:, :, None]
    explained: Floats = (along * np.linalg.solve(products, along)).sum((1, 2))
    alike: Floats = (one[:, 0] * other[:, 0]).sum(1)
    return 2 - 2 * alike - explained  # the square of their distance, but that what is too faint to compare is not alike


@cache
def _looks() -> tuple[Floats, Floats]:
    """(looks, SIGNATURE_BYTES) what the low waves of a picture are, and (looks,) their signs in a mirror."""
    parts, signs = [], []
    for side, limit, scale in ((_SIDE, 5, 1), (_COLOURS, 2.3, _SIDE / _COLOURS), (_COLOURS, 2.3, _SIDE / _COLOURS)):
        down, across, lengths = _waves(limit, with_mean=side == _COLOURS)
        waves = _cosines(int(limit) + 1, side)
        maps = np.einsum("wy,wx->wyx", waves[down], waves[across]) * (scale * np.sqrt(lengths))[:, None, None]
        parts.append(maps.reshape(len(maps), -1))
        signs.append(1 - 2 * (across % 2))
    whole = np.zeros((sum(map(len, parts)), SIGNATURE_BYTES), np.float32)
    grey, red = len(parts[0]), len(parts[0]) + len(parts[1])
    whole[:grey, : _SIDE**2] = parts[0]
    whole[grey:red, _SIDE**2 :: 2] = parts[1]
    whole[red:, _SIDE**2 + 1 :: 2] = parts[2]
    return whole, np.concatenate(signs).astype(np.float32)


@cache
def _moves() -> tuple[Floats, Floats]:
    """(5 * waves, pixels) what the waves of a blurred grey picture are, and (5, waves) their signs in a mirror.

    That is followed by how they change as the picture moves down and across, by pixels, and stretches down and across.
    """
    edge = 2  # beyond it a crop shows something else
    padded = np.pad(np.eye(_SIDE), ((1, 1), (0, 0)), mode="edge")
    blur = np.linalg.matrix_power((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4, 2)
    slope = (np.eye(_SIDE, k=1) - np.eye(_SIDE, k=-1)) / 2
    from_middle = np.diag(np.arange(_SIDE) - (_SIDE - 1) / 2)
    down, across, lengths = _waves(9)
    waves = np.zeros((10, _SIDE))
    waves[:, edge:-edge] = _cosines(10, _SIDE - 2 * edge)
    same, moved, stretched = waves @ blur, waves @ slope @ blur, waves @ from_middle @ slope @ blur
    ways = [(same, same), (moved, same), (same, moved), (stretched, same), (same, stretched)]
    maps = [np.einsum("wy,wx->wyx", one[down], other[across]) * lengths[:, None, None] for one, other in ways]
    signs = np.outer([1, 1, -1, 1, 1], 1 - 2 * (across % 2))
    return np.stack(maps).reshape(-1, _SIDE**2).astype(np.float32), signs.astype(np.float32)


def _waves(limit: float, *, with_mean: bool = False) -> tuple[Rows, Rows, NDArray[np.float64]]:
    """How often each wave up to a limit goes up and down, downwards and across; and both together."""
    down, across = np.indices((int(limit) + 1, int(limit) + 1)).reshape(2, -1)
    lengths = np.hypot(down, across)
    own = (lengths <= limit) & (with_mean | (lengths > 0))
    return down[own], across[own], np.maximum(lengths[own], 0.7)


def _cosines(count: int, side: int) -> NDArray[np.float64]:
    """(count, side) the first waves of the discrete cosine transform, of length 1."""
    angles: NDArray[np.float64] = np.pi * np.outer(np.arange(count), np.arange(side) + 0.5) / side
    waves: NDArray[np.float64] = np.cos(angles) * np.sqrt(2 / side)
    waves[0] /= np.sqrt(2)
    return waves
