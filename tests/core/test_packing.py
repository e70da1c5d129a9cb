"""From a folder to a data set: every photo once, as its file shows it, on a side that never moves."""

import hashlib
import json
import os
import shutil
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import findings, library, stored
from core.data.decoding.photo import read_photo
from core.data.pack_rule import PackRule
from core.data.sources.source import Found
from core.errors import DataSetError
from core.packing import pool
from core.packing.decode import Packed
from core.packing.packing import Packing
from core.runs.pack_events import PackDone, PackStep, Unreadable
from tests import folders
from tests.folders import begin, class_folders, jpeg, pack, packed, run_of, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return class_folders(tmp_path / "pets")


def key(kept: stored.StoredSet) -> str:
    return stored.key_of(kept.id, kept.newest)


@pytest.mark.parametrize("shape", ["middle", "squash", "pad"])
def test_every_photo_is_kept_as_its_file_shows_it(home: Path, root: Path, shape: str) -> None:
    made, folder = begin(home, root, size=64, shape=shape)
    events = pack(folder)
    assert isinstance(events[-1], PackDone)
    assert (events[-1].photos, events[-1].classes) == (20, 2)
    data_set = library.load(key(made))
    manifest = data_set.manifest
    assert manifest.classes == ("cat", "dog")
    rule = PackRule(size=64, shape=shape)  # type: ignore[arg-type]
    for row, name in enumerate(manifest.names):
        expected = rule(read_photo(name, (root / name).read_bytes()).pixels)
        np.testing.assert_array_equal(data_set.pixels[row], expected)
        assert manifest.classes[manifest.labels[row]] == name.split("/")[0]
    assert [len(manifest.rows(side)) for side in ("train", "validation", "test")] == [14, 2, 4]


def test_what_is_no_photo_is_named_and_left_out(home: Path, root: Path) -> None:
    write(root, {"cat/notes.txt": b"hello", "dog/.DS_Store": b"x", "dog/half.jpg": jpeg(1)[:200]})
    made, folder = begin(home, root, unreadable="leave_out")
    pack(folder)
    found = library.findings_of(key(made))
    assert [name for name, _ in found.no_photos] == ["cat/notes.txt"]
    (broken,) = found.unreadable
    assert broken[0] == "dog/half.jpg"
    assert "half.jpg" in broken[1]
    assert len(library.load(key(made)).manifest) == 20


def test_packing_asks_before_it_leaves_out_more_than_one_in_a_hundred(home: Path, root: Path) -> None:
    write(root, {"cat/half.jpg": jpeg(1)[:200]})
    made, folder = begin(home, root)
    with pytest.raises(DataSetError, match=r"^1 of 21 photos cannot be read\. The first: cat/half\.jpg"):
        pack(folder)
    events = Packing(folder, "packing").events()
    assert Unreadable(files=1, photos=20) in [next(events), next(events)]
    again = run_of(home, made, source=str(root), reading="classes", unreadable="leave_out", goes_on_from=folder.id)
    steps = [event for event in pack(again) if isinstance(event, PackStep)]
    assert not steps, "what was decoded is not decoded again"
    assert made.newest == 1


def test_a_folder_without_a_readable_photo_says_so(home: Path, tmp_path: Path) -> None:
    write(tmp_path / "none", {"cat/a.jpg": b"", "dog/b.jpg": b"no photo"})
    _, folder = begin(home, tmp_path / "none")
    with pytest.raises(
        DataSetError, match=r"^There is no photo in none that can be read\. The first: .*a\.jpg is empty"
    ):
        pack(folder)


@pytest.mark.parametrize(
    ("classes", "each"), [(["only"], 5), (["a", "b", "c"], 1), ([f"c{n:04d}" for n in range(300)], 1)]
)
def test_few_or_many_classes_work(home: Path, tmp_path: Path, classes: list[str], each: int) -> None:
    made = packed(home, class_folders(tmp_path / "odd", classes, each))
    manifest = library.load(key(made)).manifest
    assert manifest.classes == tuple(sorted(classes))
    assert len(manifest) == len(classes) * each
    assert bool(library.findings_of(key(made)).small) == (each < 3)


def test_photo_that_vanishes_while_packing_is_named(home: Path, root: Path) -> None:
    made, folder = begin(home, root, unreadable="leave_out")
    job = Packing(folder, "packing")
    (root / "cat" / "003.jpg").unlink()
    list(job.events())
    ((name, reason),) = library.findings_of(key(made)).unreadable
    assert name == "cat/003.jpg"
    assert "is not there any more" in reason


def test_reading_that_the_folder_has_no_more_is_refused(home: Path, root: Path) -> None:
    _, folder = begin(home, root)
    shutil.rmtree(root / "cat")
    shutil.rmtree(root / "dog")
    write(root, {"a.jpg": jpeg(1)})
    with pytest.raises(DataSetError, match=r"^pets is not what it was when this data set was set up"):
        Packing(folder, "packing")


def contents(folder: Path) -> dict[str, str]:
    """The digest of each of a version's files; an archive of arrays holds the time of its writing."""
    files = {
        path.name: b"".join(np.load(path)[name].tobytes() for name in sorted(np.load(path)))
        if path.suffix == ".npz"
        else path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.name != "made-by"  # which run it was
    }
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


@pytest.mark.parametrize("at", range(5))
def test_packing_that_is_cut_off_ends_with_the_same_bytes(
    home: Path, root: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.packing.pool._BLOCK_FILES", 3)
    whole = packed(home, root)
    made, folder = begin(home, root)
    job = Packing(folder, "packing")
    for number, event in enumerate(job.events()):
        if isinstance(event, PackStep) and number % 2:
            job.save(event)
        if number == 2 * at + 1:
            break  # and what was not saved is lost
    again = pack(folder)
    assert isinstance(again[-1], PackDone)
    assert contents(made.version(1)) == contents(whole.version(1))


def test_process_of_an_earlier_packing_never_finds_the_pixels_of_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "end_with", lambda parent: None)
    earlier = pool._Pool(PackRule(), tmp_path / "decoded")
    late = earlier._prepared  # what a process of it is given that is slow to begin
    earlier.end()
    killed = pool._Pool(PackRule(), tmp_path / "decoded")  # which does not get to remove its own
    later = pool._Pool(PackRule(), tmp_path / "decoded")
    try:
        for prepared in (late, killed._prepared):
            with pytest.raises(FileNotFoundError):
                pool._prepare(*prepared)
        assert [path.stat().st_size for path in tmp_path.iterdir()] == [len(later.slots.pixels)]
    finally:
        killed.end()
        later.end()
    assert not list(tmp_path.iterdir())


class _Deadly(PackRule):
    """Ends the process that decodes the photo of that size."""

    def kept(self, photo: Image.Image) -> Image.Image:
        if photo.size == (20, 90):
            os._exit(1)
        return super().kept(photo)


def test_photo_that_crashes_its_reader_costs_itself_alone(
    home: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.runs.pack_config.PackConfig.rule", _Deadly(size=64))
    made, folder = begin(home, root, unreadable="leave_out")
    pack(folder)
    found = library.findings_of(key(made))
    assert [name for name, _ in found.unreadable] == [f"{name}/{n:03d}.jpg" for name in ("cat", "dog") for n in (4, 9)]
    assert all("crashed what reads photos" in reason for _, reason in found.unreadable)
    assert len(library.load(key(made)).manifest) == 16


def test_update_moves_nobody_and_decodes_only_what_is_new(
    home: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = packed(home, root)
    before = library.load(key(made)).manifest
    (root / "cat" / "000.jpg").unlink()
    (root / "cat" / "001.jpg").rename(root / "cat" / "renamed.jpg")
    class_folders(root, each=15, first=50_000)
    asked: list[str] = []
    submit = pool._Pool.submit

    def noted(self: pool._Pool, files: list[Found], start: int) -> "Future[list[Packed]]":
        asked.extend(file.path for file in files)
        return submit(self, files, start)

    monkeypatch.setattr(pool._Pool, "submit", noted)
    pack(run_of(home, made, source=str(root), reading="classes"))
    after = library.load(key(made)).manifest
    assert made.newest == 2
    known = dict(zip(before.ids, before.sides.tolist(), strict=True))
    assert all(known[name] == side for name, side in zip(after.ids, after.sides.tolist(), strict=True) if name in known)
    assert "cat/renamed.jpg" not in asked
    assert set(asked) == {name for name, identity in zip(after.names, after.ids, strict=True) if identity not in known}
    assert library.load(stored.key_of(made.id, 1)).manifest.digest == before.digest, "old runs keep theirs"


def test_update_makes_no_version_where_nothing_has_changed(home: Path, root: Path) -> None:
    made = packed(home, root)
    (done,) = [e for e in pack(run_of(home, made, source=str(root), reading="classes")) if isinstance(e, PackDone)]
    assert not done.is_new
    assert made.versions == [1]
    assert not list(made.path.glob("making-*"))
    (root / "cat" / "000.jpg").rename(root / "cat" / "other.jpg")
    assert pack(run_of(home, made, source=str(root), reading="classes"))[-1].is_new  # type: ignore[union-attr]


def test_photo_that_comes_back_has_its_old_side(home: Path, root: Path) -> None:
    made = packed(home, root)
    before = library.load(key(made)).manifest
    data = {name: (root / name).read_bytes() for name in before.names[:8]}
    for name in data:
        (root / name).unlink()
    pack(run_of(home, made, source=str(root), reading="classes"))
    assert len(library.load(key(made)).manifest) == 12
    write(root, data)
    pack(run_of(home, made, source=str(root), reading="classes"))
    again = library.load(key(made)).manifest
    assert dict(zip(again.ids, again.sides.tolist(), strict=True)) == dict(
        zip(before.ids, before.sides.tolist(), strict=True)
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("across", [[0, 99]]),
        ("near", [[-1]]),
        ("copies", [["0"]]),
        ("left_out", [20]),
        ("noted", [[0, 3]]),
        ("unreadable", [["a.jpg", None]]),
        ("no_photos", 3),
    ],
)
def test_findings_that_cannot_be_are_damage(home: Path, root: Path, name: str, value: object) -> None:
    made = packed(home, root)
    path = made.version(1) / "findings.json"
    assert findings.read(made.version(1), 20, num_classes=2).count == 0
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(DataSetError, match=r"findings\.json is damaged"):
        findings.read(made.version(1), 20, num_classes=2)


def test_version_that_another_run_has_made_is_not_made_again(home: Path, root: Path) -> None:
    made, first = begin(home, root)
    second = run_of(home, made, source=str(root), reading="classes", size=32)
    pack(first)
    with pytest.raises(DataSetError, match="Another packing has made version 1 of “pets” since"):
        pack(second)
    assert library.load(key(made)).manifest.pack == PackRule()


def test_two_packings_of_one_version_do_not_mix(home: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.packing.pool._BLOCK_FILES", 3)
    made, first = begin(home, root, size=64)
    for job in (Packing(first, "packing"),):
        for event in job.events():
            if isinstance(event, PackStep):
                job.save(event)
                break
    pack(run_of(home, made, source=str(root), reading="classes", size=32))
    assert set(library.load(key(made)).manifest.sizes.ravel().tolist()) <= {20, 32}


def test_source_that_is_gone_costs_no_photo(home: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.packing.pool._BLOCK_FILES", 2)
    made, folder = begin(home, root)
    job = Packing(folder, "packing")
    events = job.events()
    next(events)
    root.rename(root.with_name("unplugged"))
    with pytest.raises(DataSetError, match=r"^pets cannot be read any more: is its disk connected\?"):
        list(events)
    root.with_name("unplugged").rename(root)
    pack(folder)
    assert len(library.load(key(made)).manifest) == 20


def test_file_that_could_not_be_fetched_is_tried_again(home: Path, root: Path) -> None:
    made, folder = begin(home, root)
    job = Packing(folder, "packing")
    (root / "cat" / "003.jpg").rename(root.parent / "away.jpg")
    with pytest.raises(DataSetError, match="1 of 20 photos cannot be read"):
        list(job.events())
    (root.parent / "away.jpg").rename(root / "cat" / "003.jpg")
    pack(folder)
    assert len(library.load(key(made)).manifest) == 20


def test_folders_helper_makes_different_photos() -> None:
    assert folders.jpeg(1) != folders.jpeg(2)
