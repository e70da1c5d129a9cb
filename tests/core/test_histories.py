"""Versions of one set, made from real files: what belonged together once does so for good, whatever comes and goes."""

import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from core.data import library, stored
from tests import folders
from tests.folders import class_folders, jpeg, pack, packed, run_of, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return class_folders(tmp_path / "pets")


def sides_of(made: stored.StoredSet) -> dict[str, int]:
    """By the names of the photos, in the newest version."""
    manifest = library.load(stored.key_of(made.id, made.newest)).manifest
    return dict(zip(manifest.names, manifest.sides.tolist(), strict=True))


def png(image: Image.Image, level: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=level)
    return file.getvalue()


def test_photo_between_two_sides_is_left_out_with_all_that_look_the_same(home: Path, root: Path) -> None:
    between = {}
    for number in range(6):
        scene = folders.photo(9000 + number, (200, 200))
        one, middle, other = (scene.crop((at, at, at + 186, at + 186)) for at in (0, 7, 14))
        write(root, {f"cat/{number} one.png": png(one, 6), f"cat/{number} other.png": png(other, 6)})
        between[number] = middle
    made = packed(home, root)
    before = sides_of(made)
    parted = [number for number in between if before[f"cat/{number} one.png"] != before[f"cat/{number} other.png"]]
    assert parted
    for number, middle in between.items():
        files = [(name, level) for name, level in (("a", 6), ("copy", 6), *((f"level {n}", n) for n in (1, 2, 3)))]
        write(root, {f"cat/{number} middle, {name}.png": png(middle, level) for name, level in files})
    pack(run_of(home, made, source=str(root), reading="classes"))
    after = sides_of(made)
    for number in between:
        own = {side for name, side in after.items() if name.startswith(f"cat/{number} middle")}
        assert own == ({-1} if number in parted else {before[f"cat/{number} one.png"]})
    assert after | before == after, "nobody has moved"
    for number in parted:  # what they were between goes, and something else comes
        (root / f"cat/{number} one.png").unlink()
    write(root, {"dog/new.jpg": jpeg(777), f"cat/{parted[0]} middle, late.png": png(between[parted[0]], 4)})
    pack(run_of(home, made, source=str(root), reading="classes"))
    later = sides_of(made)
    assert later.pop(f"cat/{parted[0]} middle, late.png") == -1
    assert later.pop("dog/new.jpg") != -1
    assert later.items() <= after.items()


def test_photos_that_have_gone_are_still_of_their_group(home: Path, tmp_path: Path) -> None:
    root, old, new = tmp_path / "patients", range(20), range(20, 40)

    def hold(numbers: Sequence[int]) -> None:
        shutil.rmtree(root, ignore_errors=True)
        lines = [f"{number}.jpg,{'ab'[number % 2]},p{number % 20}\n" for number in numbers]
        write(root, {f"{number}.jpg": jpeg(number) for number in numbers})
        (root / "t.csv").write_text("path,label,patient\n" + "".join(lines))

    hold(old)
    made = packed(home, root)
    for numbers in (old[:5], [*old[:5], *new], [*old, *new]):
        hold(numbers)
        pack(run_of(home, made, source=str(root), reading=made.description().settings["reading"]))
    assert made.newest == 4
    sides = sides_of(made)
    assert [sides[f"{number}.jpg"] for number in new] == [sides[f"{number}.jpg"] for number in old]
    assert {*sides.values()} == {0, 1, 2}


def test_photos_that_have_gone_before_groups_were_remembered_are_still_known(home: Path, root: Path) -> None:
    made = packed(home, root)
    before = sides_of(made)
    files = {f"dog/00{number}.jpg": (root / f"dog/00{number}.jpg").read_bytes() for number in range(10)}
    shutil.rmtree(root / "dog")
    pack(run_of(home, made, source=str(root), reading="classes"))
    (made.version(2) / "gone_groups.json").unlink()
    write(root, files)
    pack(run_of(home, made, source=str(root), reading="classes"))
    assert sides_of(made) == before
