"""Folders, archives and dropped files: looked through, read in order, and nothing outside of them is touched."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from core.data.sources import browsing
from core.data.sources.looking import look
from core.data.sources.opening import Dropped, note_dropped, open_dropped, open_files, open_source
from core.errors import DataSetError
from tests.folders import class_folders, jpeg, write
from tests.names import NAMES


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return class_folders(tmp_path / "pets", each=2)


def test_files_are_read_in_their_order_and_system_files_passed_over(root: Path) -> None:
    write(
        root,
        {".DS_Store": b"x", "cat/._000.jpg": b"x", "Thumbs.db": b"x", "__MACOSX/cat/0.jpg": b"x", ".git/a/b.jpg": b"x"},
    )
    source = open_source(root)
    assert source.files == [f"{name}/{number:03d}.jpg" for name in ("cat", "dog") for number in range(2)]
    read = list(source.contents(source.files))
    assert [file.path for file in read] == source.files
    assert [file.data for file in read] == [(root / path).read_bytes() for path in source.files]


def test_links_that_lead_out_are_left_out_and_said(root: Path, tmp_path: Path) -> None:
    secret = write(tmp_path / "elsewhere", {"a.jpg": jpeg(7)})
    (root / "cat" / "link.jpg").symlink_to(secret / "a.jpg")
    (root / "cat" / "inside.jpg").symlink_to(root / "dog" / "000.jpg")
    (root / "birds").symlink_to(secret)
    source = open_source(root)
    assert "cat/inside.jpg" in source.files
    assert not [path for path in source.files if "link" in path or "birds" in path]
    assert source.notes == (
        "1 link leads out of the folder: left out.",
        "1 folder is a link, and not followed.",
    )
    os.remove(root / "dog" / "000.jpg")
    (root / "dog" / "000.jpg").symlink_to(secret / "a.jpg")  # after it was looked through
    found = {file.path: file for file in source.contents(source.files)}
    assert "leads out" in found["dog/000.jpg"].problem
    os.rename(root / "cat", tmp_path / "moved")
    (root / "cat").symlink_to(tmp_path / "moved")  # and a whole folder
    found = {file.path: file for file in source.contents(source.files)}
    assert not found["cat/000.jpg"].data
    assert not found["dog/000.jpg"].data


def test_what_cannot_be_read_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="There is nothing at"):
        open_source(tmp_path / "nowhere")
    (root / "cat" / "pipe.jpg").touch()
    os.remove(root / "cat" / "pipe.jpg")
    os.mkfifo(root / "cat" / "pipe.jpg")
    (pipe,) = open_source(root).contents(["cat/pipe.jpg"])
    assert "cannot be read" in pipe.problem
    write(tmp_path, {"words.txt": b"no archive at all"})
    with pytest.raises(DataSetError, match=r"words\.txt is no zip or tar archive"):
        open_source(tmp_path / "words.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataSetError, match=r"There is no file in empty"):
        look(str(tmp_path / "empty"))
    write(tmp_path / "flat", {"1.jpg": b"", "2.jpg": b""})
    with pytest.raises(DataSetError, match=r"^flat has 2 files, but no folder for each class"):
        look(str(tmp_path / "flat"))


def test_first_look_says_what_was_recognised(root: Path) -> None:
    write(root, {"cat/notes.txt": b"", "dog/more.csv": b""})
    found = look(str(root))
    assert found.name == "pets"
    (way,) = found.ways
    assert way.sentence == "2 classes from folder names. 2 files are no photos by name."
    assert (way.num_photos, way.num_classes, way.classes) == (4, 2, (("cat", 2), ("dog", 2)))


def dropped_in(folder: Path, *files: tuple[str, str, bytes]) -> list[tuple[Path, Dropped]]:
    """Files as they were dropped: name, class, contents."""
    folder.mkdir(exist_ok=True)
    found = []
    for number, (name, class_name, data) in enumerate(files):
        (folder / f"{number:06d}").write_bytes(data)
        found.append((folder / f"{number:06d}", Dropped(file=f"{number:06d}", name=name, class_name=class_name)))
    return found


def test_photos_that_were_dropped_on_classes_are_of_them(tmp_path: Path) -> None:
    files = dropped_in(tmp_path / "own", ("a.jpg", "Katze", b"1"), ("a.jpg", "Katze", b"2"), ("a.jpg", "Hund", b"3"))
    note_dropped(tmp_path / "own", [entry for _, entry in files])
    source = open_dropped(tmp_path / "own")
    (reading,) = source.readings()
    assert reading.classes == ("Hund", "Katze")
    assert [item.path for item in reading.items] == ["Katze/a.jpg", "Katze/a (2).jpg", "Hund/a.jpg"]
    assert [file.data for file in source.contents(source.files)] == [b"1", b"2", b"3"]


def test_dropped_folder_and_dropped_archive_are_read_alike(tmp_path: Path) -> None:
    names = [f"pets/{name}/{number}.jpg" for name in ("cat", "dog") for number in range(2)]
    folder = open_files(dropped_in(tmp_path / "a", *((name, "", name.encode()) for name in names)))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        for name in names:
            made.writestr(name, name)
    packed = open_files(dropped_in(tmp_path / "b", ("pets.zip", "", archive.getvalue())))
    assert folder.readings() == packed.readings()
    assert [file.data for file in packed.contents(packed.files)] == [name.encode() for name in names]
    packed.close()
    two = dropped_in(tmp_path / "c", ("pets.zip", "", archive.getvalue()), ("more.jpg", "", b""))
    with pytest.raises(DataSetError, match=r"^pets\.zip is an archive: drop it alone"):
        open_files(two)


@pytest.mark.parametrize("name", [*NAMES, "../../etc/passwd", "/etc/passwd", "a//b\\..\\c.jpg", "..", "."])
def test_dropped_names_are_data(tmp_path: Path, name: str) -> None:
    source = open_files(dropped_in(tmp_path / "own", (name, "x", b"1"), (name, "y", b"2")))
    assert all(part not in ("..", ".", "") for path in source.files for part in path.split("/"))
    assert {file.data for file in source.contents(source.files)} <= {b"1", b"2"}


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"file": "../x", "name": "a", "class_name": ""}]', "[" * 100_000])
def test_damaged_list_of_dropped_photos_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(DataSetError, match="their list is damaged"):
        open_dropped(tmp_path)


def test_browsing_stays_below_its_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("UNFREEZE_ROOTS", os.pathsep.join([str(tmp_path / "data"), str(tmp_path / "gone")]))
    write(tmp_path / "me", {"pets/cat/a.jpg": b"", "pets.zip": b"", ".secret/a": b"", "notes.txt": b""})
    write(tmp_path / "data", {"more/a.jpg": b""})
    write(tmp_path / "other", {"a.jpg": b""})
    assert browsing.roots() == [tmp_path / "me", tmp_path / "data"]
    found, is_more = browsing.inside(tmp_path / "me")
    assert [(place.path.name, place.is_folder) for place in found] == [("pets", True), ("pets.zip", False)]
    assert not is_more
    for outside in (tmp_path, tmp_path / "other", tmp_path / "me" / ".." / "other"):
        with pytest.raises(DataSetError, match="none of the folders that are open for browsing"):
            browsing.inside(outside)
    (tmp_path / "me" / "door").symlink_to(tmp_path / "other")
    with pytest.raises(DataSetError):
        browsing.inside(tmp_path / "me" / "door")
