"""Photos that a person has dropped: each once, bounded, and given up when they are removed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.predict import kept
from core.predict.kept import KeptPhotos

NAMES = st.sampled_from(["a.jpg", "b.jpg", "c.jpg", "\ud800.jpg"])
FILES = st.tuples(NAMES, st.binary(max_size=12))


@pytest.fixture(scope="module", autouse=True)
def small_limits() -> object:
    """Five photos, 30 bytes together, ten each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "MAX_PHOTOS", 5)
        patch.setattr(kept, "MAX_TOTAL_BYTES", 30)
        patch.setattr(kept, "MAX_PHOTO_BYTES", 10)
        yield


@given(st.lists(st.one_of(st.lists(FILES), st.integers(0, 9), st.just("clear"))))
def test_whatever_is_dropped_and_removed_stays_within_the_limits(actions: list[Any]) -> None:
    photos = KeptPhotos()
    for action in actions:
        if isinstance(action, list):
            photos.add(action)
        elif action == "clear":
            photos.clear()
        else:
            for photo in list(photos)[action : action + 1]:
                photos.remove(photo.id)
                assert photo.id not in photos
        all_of_them = [(photo.name, photo.contents) for photo in photos]
        assert len(set(all_of_them)) == len(all_of_them) == len(photos) <= 5
        assert sum(len(contents) for _, contents in all_of_them) == photos.num_bytes <= 30
        assert all(len(contents) <= 10 for _, contents in all_of_them)


def test_photo_dropped_twice_is_there_once_and_another_of_its_name_beside_it() -> None:
    photos = KeptPhotos()
    assert photos.add([("cat.jpg", b"cat"), ("dog.jpg", b"dog")]) == []
    assert photos.add([("cat.jpg", b"cat"), ("cat.jpg", b"another")]) == ["cat.jpg is here already."]
    assert [photo.name for photo in photos] == ["cat.jpg", "dog.jpg", "cat.jpg"]


def test_what_is_left_out_is_said_by_name_or_number() -> None:
    photos = KeptPhotos()
    (said,) = photos.add([("huge.jpg", bytes(11))])
    assert said.startswith("huge.jpg is left out")
    (said,) = photos.add([(f"{number}.jpg", bytes(4)) for number in range(7)])
    assert said.startswith("2 photos are left out")
    photos.clear()
    (said,) = photos.add([(f"{number}.jpg", bytes(9)) for number in range(4)])
    assert said.startswith("3.jpg is left out"), "the fourth has no room though three are few"
    photos.remove(next(iter(photos)).id)
    assert photos.add([("3.jpg", bytes(9))]) == [], "what was removed makes room"
