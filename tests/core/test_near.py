"""Near duplicates are found whatever was done to a photo, different photos hardly ever, and copies do not explode."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import core.predict
from core.data import near
from core.data.bundled import BUNDLED
from core.data.near import SIGNATURE_BYTES, first_alike, near_pairs, signature
from core.data.sides import units

Photo = NDArray[np.uint8]
Change = Callable[[Photo, np.random.Generator], Photo]


def small_photos() -> list[Photo]:
    pixels = BUNDLED["cifar10_sample"].load().pixels
    return [pixels[row] for row in range(len(pixels))]


def large_photos(count: int) -> list[Photo]:
    """So many squares of 160 pixels out of each example photo."""
    rng = np.random.default_rng(0)
    squares = []
    for path in sorted((Path(core.predict.__file__).parent / "example_photos").glob("*.jpg")):
        with Image.open(path) as image:
            whole = np.asarray(image.convert("RGB"))
        for _ in range(count):
            down, across = (int(rng.integers(0, room - 160)) for room in whole.shape[:2])
            squares.append(whole[down : down + 160, across : across + 160])
    return squares


def signatures_of(photos: list[Photo]) -> Photo:
    made = [signature(Image.fromarray(photo)) for photo in photos]
    return np.stack(made) if made else np.empty((0, SIGNATURE_BYTES), np.uint8)


def pairs_of(signatures: Photo, first_new: int = 0) -> set[tuple[int, int]]:
    found = [pairs for _, pairs in near_pairs(signatures, first_new=first_new)]
    return {(int(one), int(other)) for pairs in found for one, other in pairs}


def test_first_alike_is_the_first_of_the_very_same_signature() -> None:
    made = signatures_of(small_photos()[:3])
    assert first_alike(made[[0, 1, 0, 2, 1, 1]]).tolist() == [0, 1, 0, 3, 1, 1]
    assert first_alike(made[:0]).tolist() == []


def resized(photo: Photo, height: int, width: int) -> Photo:
    return np.asarray(Image.fromarray(np.ascontiguousarray(photo)).resize((width, height)))


def compressed(photo: Photo, rng: np.random.Generator) -> Photo:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(photo)).save(file, "JPEG", quality=30)
    return np.asarray(Image.open(file))


def scaled(photo: Photo, rng: np.random.Generator) -> Photo:
    return resized(photo, round(0.8 * len(photo)), round(0.8 * photo.shape[1]))


def cropped(photo: Photo, rng: np.random.Generator) -> Photo:
    side = int(0.95 * len(photo))
    down, across = rng.integers(0, len(photo) - side + 1, 2)
    return photo[down : down + side, across : across + side]


def cropped_and_resized(photo: Photo, rng: np.random.Generator) -> Photo:
    return resized(cropped(photo, rng), *photo.shape[:2])


def of_other_brightness(photo: Photo, rng: np.random.Generator) -> Photo:
    return np.clip(np.round(photo * rng.choice([0.85, 1.15])), 0, 255).astype(np.uint8)


def mirrored(photo: Photo, rng: np.random.Generator) -> Photo:
    return photo[:, ::-1]


def mirrored_and_cropped(photo: Photo, rng: np.random.Generator) -> Photo:
    return mirrored(cropped(photo, rng), rng)


CHANGES = [
    compressed,
    scaled,
    cropped,
    cropped_and_resized,
    of_other_brightness,
    mirrored,
    mirrored_and_cropped,
]


@pytest.mark.parametrize("change", CHANGES)
def test_of_each_kind_of_near_duplicate_95_in_100_are_found(change: Change) -> None:
    rng = np.random.default_rng(0)
    for photos in (small_photos()[::5], large_photos(40)):
        count = len(photos)
        pairs = pairs_of(signatures_of([*photos, *(change(photo, rng) for photo in photos)]))
        assert np.mean([(row, row + count) in pairs for row in range(count)]) >= 0.95


def test_photos_of_different_things_are_hardly_ever_near() -> None:
    """Of the 3 million pairs of the sample, none."""
    assert not pairs_of(signatures_of(small_photos()))


def test_copies_are_linked_with_the_first_of_them_only() -> None:
    different = signatures_of(small_photos()[:3])
    signatures = different[np.arange(3_000) % 3]
    assert pairs_of(signatures) == {(row % 3, row) for row in range(3, 3_000)}


def test_photos_of_one_colour_are_near_where_the_colours_are_nearly_equal() -> None:
    shades = [(0, 0, 0), (0, 0, 0), (2, 1, 0), (20, 20, 20), (200, 30, 30), (200, 32, 29), (30, 30, 200), (230, 35, 35)]
    photos = [np.full((32, 32, 3), shade, np.uint8) for shade in shades]
    assert pairs_of(signatures_of(photos)) == {(0, 1), (0, 2), (4, 5)}


def test_skies_are_near_where_their_colours_are() -> None:
    """And not because each is brighter below."""
    down = np.linspace(0, 40, 64)[:, None, None]
    skies = [np.broadcast_to(down + shade, (64, 64, 3)).astype(np.uint8) for shade in ([40, 80, 120], [90, 90, 90])]
    across = np.ascontiguousarray(skies[0].transpose(1, 0, 2))
    assert pairs_of(signatures_of([*skies, *skies, across, across[:, ::-1]])) == {(0, 2), (1, 3), (4, 5)}


def test_textures_too_fine_to_compare_are_not_near() -> None:
    rows, columns = np.indices((32, 32))
    fine = [rows % 2, columns % 2, (rows + columns) % 2]
    colour = np.array([1.0, 0.3, 0.2])
    photos = [(100 + 60 * values[:, :, None] * colour + [60, 0, 0]).astype(np.uint8) for values in fine]
    assert pairs_of(signatures_of(photos)) == set()


def test_frames_of_a_film_are_all_connected_by_few_pairs() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(-4, 5, (600, 32, 32, 3))
    photo = small_photos()[7]
    frames = [np.clip(photo + one, 0, 255).astype(np.uint8) for one in noise]
    pairs = pairs_of(signatures_of(frames))
    assert len(pairs) <= len(frames) * near._MOST
    assert not units(len(frames), sorted(pairs)).any()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_few_photos_are_enough(count: int) -> None:
    steps = list(near_pairs(signatures_of(small_photos()[:count])))
    assert steps[-1][0] == 1
    assert all(pairs.shape == (0, 2) and pairs.dtype == np.int64 for _, pairs in steps)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 5), (1024, 1024)])
def test_photos_of_any_size_have_a_signature(size: tuple[int, int]) -> None:
    values = signature(Image.fromarray(np.full((*size, 3), 77, np.uint8)))
    assert values.shape == (SIGNATURE_BYTES,)
    assert values.dtype == np.uint8


@pytest.mark.parametrize("first_new", [1, 700, 1_300, 1_999, 2_000])
def test_what_comes_later_is_paired_as_if_it_had_always_been_there(
    monkeypatch: pytest.MonkeyPatch, first_new: int
) -> None:
    monkeypatch.setattr(near, "_BLOCK", 256)
    rng = np.random.default_rng(1)
    photos = small_photos()[:1_000]
    black = [np.full((32, 32, 3), shade % 9, np.uint8) for shade in range(100)]
    changed = [CHANGES[row % len(CHANGES)](photo, rng) for row, photo in enumerate(photos[:900])]
    signatures = signatures_of([*photos, *black, *changed])[rng.permutation(2_000)]
    every = pairs_of(signatures)
    assert len(every) > 900
    assert pairs_of(signatures, first_new) == {pair for pair in every if pair[1] >= first_new}
    assert pairs_of(signatures) == every


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.integers(0, 29), max_size=40), first_new=st.integers(0, 45), noise=st.integers(0, 3))
def test_pairs_are_sorted_in_range_and_each_there_once(rows: list[int], first_new: int, noise: int) -> None:
    photos = small_photos()
    rng = np.random.default_rng(noise)
    shown = [np.clip(photos[row] + rng.integers(0, noise + 1), 0, 255).astype(np.uint8) for row in rows]
    progress, found = zip(*near_pairs(signatures_of(shown), first_new=first_new), strict=True)
    assert [*progress] == sorted(progress)
    assert (progress[0], progress[-1]) >= (0, 1)
    for pairs in found:
        assert pairs.tolist() == sorted(pairs.tolist())
    every = np.concatenate(found)
    assert len({*map(tuple, every.tolist())}) == len(every)
    assert ((every[:, 0] < every[:, 1]) & (every[:, 0] >= 0) & (every[:, 1] < len(rows))).all()
    assert (every[:, 1] >= first_new).all()
