"""Thumbnails in one picture: each where whoever cuts it up will look, and small photos as they are."""

import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.data.pixels import Pixels
from core.data.sheets import COLUMNS, MAX_ROWS, MAX_TILE, MIN_TILE, rows_as_text, rows_of_text, sheet

GROUND = (10, 20, 200)
ROUGHLY = 60  # of 256: what a JPEG may change beside an edge; the colours here differ by more


def photos_of(sizes: list[tuple[int, int]]) -> Pixels:
    """Photos of those heights and widths, each of one colour that none of the others has."""
    flat = [np.full((height, width, 3), color(row), np.uint8) for row, (height, width) in enumerate(sizes)]
    lengths = np.array([len(photo.reshape(-1)) for photo in flat], np.int64)
    return Pixels(
        flat=np.concatenate([photo.reshape(-1) for photo in flat]),
        offsets=np.cumsum(lengths) - lengths,
        sizes=np.array(sizes, np.int64),
    )


def color(row: int) -> tuple[int, int, int]:
    return 60 + 20 * (row % 10), 60 + 20 * (row // 10), 60


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "JPEG"
        return np.array(picture).astype(int)


SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90))


@settings(deadline=None, max_examples=50)
@given(st.lists(SIZES, min_size=1, max_size=20), st.integers(MIN_TILE, 64))
def test_each_photo_lies_whole_in_the_middle_of_its_square(sizes: list[tuple[int, int]], tile: int) -> None:
    picture = opened(sheet(photos_of(sizes), range(len(sizes)), tile=tile, ground=GROUND))
    columns = min(len(sizes), COLUMNS)
    assert picture.shape == (-(-len(sizes) // columns) * tile, columns * tile, 3)
    for row, (height, width) in enumerate(sizes):
        down, across = divmod(row, columns)
        square = picture[down * tile : (down + 1) * tile, across * tile : (across + 1) * tile]
        scale = tile // max(height, width) or tile / max(height, width)
        tall, wide = max(round(height * scale), 1), max(round(width * scale), 1)
        assert max(tall, wide) <= tile
        top, left = (tile - tall) // 2, (tile - wide) // 2
        middle = square[top + tall // 4 : top + tall - tall // 4, left + wide // 4 : left + wide - wide // 4]
        if tall >= 8 and wide >= 8:  # a JPEG's own blocks are as large
            assert np.abs(middle - color(row)).max() < ROUGHLY
        if top > 8:
            assert np.abs(square[:4] - GROUND).max() < ROUGHLY
        if left > 8:
            assert np.abs(square[:, :4] - GROUND).max() < ROUGHLY


def test_small_photos_are_enlarged_by_a_whole_factor_without_blur() -> None:
    chess = np.indices((32, 32)).sum(0) % 2 * 200 + 20
    pixels = Pixels.of(np.repeat(chess[None, :, :, None], 3, axis=3).astype(np.uint8))
    picture = opened(sheet(pixels, [0], tile=112))
    expected = np.repeat(np.repeat(chess, 3, 0), 3, 1)
    assert np.abs(picture[8:104, 8:104, 0] - expected).mean() < 4


def test_only_the_photos_that_are_asked_for_are_read() -> None:
    class Watched(np.ndarray):
        places: list[slice] = []  # noqa: RUF012

        def __getitem__(self, place):
            if isinstance(place, slice):
                Watched.places.append(place)
            return super().__getitem__(place)

    pixels = photos_of([(20, 20)] * 50)
    watched = Pixels(flat=pixels.flat.view(Watched), offsets=pixels.offsets, sizes=pixels.sizes)
    sheet(watched, [7, 30])
    assert [(place.start, place.stop) for place in Watched.places] == [(8_400, 9_600), (36_000, 37_200)]


@pytest.mark.parametrize(
    ("rows", "tile"), [([], 64), ([0] * (MAX_ROWS + 1), 16), ([0], MIN_TILE - 1), ([0], MAX_TILE + 1), ([0] * 100, 500)]
)
def test_no_sheet_is_made_of_too_much_or_nothing(rows: list[int], tile: int) -> None:
    with pytest.raises(ValueError, match="do not make a sheet"):
        sheet(photos_of([(4, 4)]), rows, tile=tile)


@pytest.mark.parametrize("rows", [[3], [-1], [0, 3], [0, -1]])
def test_rows_that_there_are_not_are_refused(rows: list[int]) -> None:
    with pytest.raises(IndexError):
        sheet(photos_of([(4, 4)] * 3), rows)


@given(st.lists(st.integers(0, 999_999_999), min_size=1, max_size=MAX_ROWS))
def test_rows_are_read_as_they_were_written(rows: list[int]) -> None:
    assert rows_of_text(rows_as_text(rows)) == rows


def test_rows_that_follow_one_another_are_written_as_a_range() -> None:
    assert rows_as_text(range(12, 60)) == "12-59"
    assert rows_as_text([1, 5, 9, 10, 11]) == "1,5,9-11"
    assert rows_as_text([3, 3, 2, 1]) == "3,3,2,1"


STRANGE = ["", "-", ",", "1,", ",1", "1--2", "2-1", "-1", "1.5", "0x1", " 1", "1\n", "٣", "1e3", "1-2-3", "..", "1/2"]
STRANGE += ["0-200", "0-999999999", "9999999999", ",".join(["1"] * 201), "0-199,0", "NaN"]


@pytest.mark.parametrize("text", STRANGE)
def test_other_texts_are_no_rows(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        rows_of_text(text)


@given(st.text())
def test_any_text_is_rows_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert 1 <= len(rows_of_text(text)) <= MAX_ROWS
