"""What only an attacker makes, or a disk that fails: refused in a sentence, and soon."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data.sources import browsing
from core.data.sources.layouts import readings
from core.data.sources.looking import look
from core.data.sources.opening import Dropped, note_dropped, open_dropped, open_files
from core.data.sources.row_paths import PhotoPaths
from core.errors import DataSetError
from tests.core.test_archives import FILES, TARS, read, tar_of, zip_of
from tests.folders import write

PETS = {f"pets/{name}/{number}.jpg": b"x" * 700 for name in ("cat", "dog") for number in range(6)}


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar's header that says any size."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # type: ignore[attr-defined]
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block[:512]):06o}\0 ".encode()
    return bytes(block[:512])


def pax(**records: str) -> bytes:
    """A header of records for the next member."""
    lines = b"".join(_record(name.replace("_", "."), value) for name, value in records.items())
    return header("p", len(lines), tarfile.XHDTYPE) + lines.ljust(-(-len(lines) // 512) * 512, b"\0")


def _record(name: str, value: str) -> bytes:
    text = f" {name}={value}\n"
    length = len(text) + len(str(len(text) + 2))
    return f"{length}{text}".encode()


@pytest.mark.parametrize("mode", TARS)
def test_tar_that_was_cut_anywhere_is_never_taken_for_a_smaller_one(mode: str, tmp_path: Path) -> None:
    path = tar_of(tmp_path / f"pets{TARS[mode]}", PETS, mode)
    whole = path.read_bytes()
    end = len(whole.rstrip(b"\0")) if mode == "w" else len(whole) - 1
    for cut in {*range(0, end, max(end // 60, 1)), *range(0, end if mode == "w" else 0, 512)}:
        path.write_bytes(whole[:cut])
        with pytest.raises(DataSetError):
            read(path)


@pytest.mark.parametrize("at", range(12))
def test_tar_with_one_damaged_header_is_damaged(at: int, tmp_path: Path) -> None:
    path = tar_of(tmp_path / "pets.tar", PETS)
    data = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        data[tar.getmembers()[at].offset + 3] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataSetError, match=r"pets\.tar"):
        read(path)


@pytest.mark.parametrize(
    "blocks",
    [
        header("a/1.jpg", 0) + header("d/", -512),
        header("d/", -512),
        pax(size="-1024") + header("a/1.jpg", 0),
        pax(size="-1") + header("a/1.jpg", 0),
        header("x", 2**70, tarfile.XHDTYPE),
        header("x", 900 * 2**20, tarfile.XHDTYPE),
        header("x", 900 * 2**20, tarfile.XGLTYPE),
        header("x", 900 * 2**20, tarfile.GNUTYPE_LONGNAME),
        header("x", 900 * 2**20, tarfile.GNUTYPE_LONGLINK),
        header("a/1.jpg", 0, tarfile.GNUTYPE_SPARSE),
        pax(GNU_sparse_major="1", GNU_sparse_minor="0", GNU_sparse_name="a/1.jpg") + header("a/1.jpg", 0),
        header("x", 512, tarfile.XHDTYPE) + b"99999999999999999999999 a=b\n".ljust(512, b"\0"),
        header("a/1.jpg", 0) + header("a/1.jpg/", 0),
    ],
    ids=lambda blocks: f"{len(blocks)}-{blocks[:1].decode()}-{blocks[156:157].decode()}",
)
def test_headers_that_cannot_be_are_refused_before_they_are_read(blocks: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.tar"
    path.write_bytes(header("b/1.jpg", 0) + blocks + bytes(1024))
    with pytest.raises(DataSetError, match=r"odd\.tar"):
        read(path)


def test_second_tar_behind_the_first_is_not_passed_over(tmp_path: Path) -> None:
    one, other = (tar_of(tmp_path / name, {f"{name}/1.jpg": b"x"}) for name in ("one", "other"))
    both = tmp_path / "both.tar"
    both.write_bytes(one.read_bytes() + other.read_bytes())
    with pytest.raises(DataSetError, match="two archives, one behind the other"):
        read(both)
    both.write_bytes(one.read_bytes() + b"\n")
    assert read(both) == {"one/1.jpg": b"x"}


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_archive_of_the_folder_itself_is_as_one_of_its_files(make: Callable[..., Path], tmp_path: Path) -> None:
    """As `tar -C folder .` writes it: with "./" before each path, of which a table knows nothing."""
    rows = "path,label\nx/1.jpg,a\nx/2.jpg,b\ny/x/1.jpg,a\ny/x/2.jpg,b\n"
    files = dict.fromkeys(("x/1.jpg", "x/2.jpg", "y/x/1.jpg", "y/x/2.jpg"), b"x") | {"t.csv": rows.encode()}
    archive = make(
        tmp_path / ("a.zip" if make is zip_of else "a.tar"), {f"./{name}": data for name, data in files.items()}
    )
    assert read(archive) == files
    assert look(str(archive)).ways[0].num_photos == 4


def test_folders_may_be_listed_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for _ in range(2):
            folder = tarfile.TarInfo("cat")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
        member = tarfile.TarInfo("cat/1.jpg")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"one"))
    assert read(path) == {"cat/1.jpg": b"one"}


@pytest.mark.parametrize("comment", [b"", b"PK\5\6" + bytes(18)])
def test_empty_zip_holds_no_photos(comment: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.comment = comment
    with pytest.raises(DataSetError, match=r"a\.zip"):
        look(str(tmp_path / "a.zip"))


def test_zip_with_two_names_for_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the Unicode path field gives them, which later Pythons follow."""
    path = zip_of(tmp_path / "a.zip", FILES)
    listed = zipfile.ZipFile.infolist

    def renamed(self: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        infos = listed(self)
        infos[0].filename = "../../etc/1.jpg"
        return infos

    monkeypatch.setattr(zipfile.ZipFile, "infolist", renamed)
    with pytest.raises(DataSetError, match="leads out of its folder"):
        read(path)


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize("path", ["a/" * 200 + "1.jpg", "a/" * 30_000 + "1.jpg", "b" * 5_000 + "/1.jpg"])
def test_paths_that_no_disk_has_are_refused(make: Callable[..., Path], path: str, tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="more folders than any disk has"):
        read(make(tmp_path / "a", {f"{path}{number}": b"x" for number in range(3)}))


def test_deep_and_wide_lists_are_read_in_one_go() -> None:
    deep = [f"{'a/' * 90}{number % 2}/{number}.jpg" for number in range(2_000)]
    assert readings(deep)[0].classes == ("0", "1")
    known = PhotoPaths(deep, "")
    assert all(known.find("/".join(path.split("/")[-parts:])) == path for path in deep for parts in (1, 2, 50, 92))
    assert known.find("x/" * 2_000 + "1.jpg") is None


def test_long_cells_beside_deep_files_mean_what_they_did() -> None:
    """A file is looked for by as many of a cell's last parts as files have, whatever lies between."""
    files = [f"{'a/' * depth}{depth % 3}.jpg" for depth in range(0, 95, 2)]
    for folder in ("", "a/a"):
        known = PhotoPaths(files, folder)
        for path in files[2:]:
            assert known.find(f"/home/x/{path}") == path
            assert known.find(f"C:\\x\\{path.upper()}") == path
            assert known.find(f"y/{path[4:]}" if folder else f"y/{path}") is not None
        assert known.find("b/" * 98 + "5.jpg") is None


def test_folders_that_lie_too_deep_are_named(tmp_path: Path) -> None:
    deep = tmp_path / "pets" / "/".join("a" * 100)
    deep.mkdir(parents=True)
    write(tmp_path / "pets", {"a/1.jpg": b"", "b/1.jpg": b""})
    assert len(look(str(tmp_path / "pets")).ways[0].classes) == 2
    (deep / "1.jpg").write_bytes(b"")
    with pytest.raises(DataSetError, match=r"^a/a/.* in pets lies too deep\. Choose a folder within it\."):
        look(str(tmp_path / "pets"))
    dropped = Dropped(file="1", name="a\\" * 100 + "1.jpg")
    with pytest.raises(DataSetError, match=r"lies too deep\. Drop a folder within it"):
        open_files([(tmp_path / "1", dropped), (tmp_path / "2", Dropped(file="2", name="2.jpg"))])


def test_thousands_of_folders_that_look_published_are_told_apart_soon(tmp_path: Path) -> None:
    names = {f"{number}/{name}": b"" for number in range(1_500) for name in ("meta", "train")}
    with pytest.raises(DataSetError, match="CIFAR-100 is not complete"):
        look(str(zip_of(tmp_path / "a.zip", names, zipfile.ZIP_STORED)))


@pytest.mark.parametrize(
    "names", [("meta", "test"), ("fine_label_names.txt", "test.bin"), ("batches.meta", "test_batch")]
)
def test_photos_beside_files_of_published_names_are_photos(names: tuple[str, ...], tmp_path: Path) -> None:
    files = {"cat/1.jpg": b"x", "dog/2.jpg": b"x", **dict.fromkeys(names, b"")}
    for path in (zip_of(tmp_path / "a.zip", files), write(tmp_path / "a", files)):
        found = look(str(path))
        assert found.ways[0].num_classes == 2
        (note,) = found.notes
        assert "is not complete: “" in note
        assert note.endswith("is missing, so its files are read as any others.")


@pytest.mark.parametrize("files", [["meta", "test"], ["meta", "test", "1.jpg"], ["cifar/meta", "cifar/test"]])
def test_published_set_that_is_not_complete_says_what_is_missing(files: list[str], tmp_path: Path) -> None:
    for path in (
        write(tmp_path / "a", dict.fromkeys(files, b"")),
        zip_of(tmp_path / "a.zip", dict.fromkeys(files, b"")),
    ):
        with pytest.raises(DataSetError, match=r"^CIFAR-100 is not complete: “.*train” is missing\. Unpack"):
            look(str(path))


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "/tmp/\udcff\ud800", "x" * 9_000])
def test_what_no_disk_calls_a_path_is_not_there(path: str, home: Path) -> None:
    with pytest.raises(DataSetError):
        look(path)
    with pytest.raises(DataSetError):
        browsing.inside(Path(path))


def test_dropped_file_with_an_impossible_name_is_damage(tmp_path: Path) -> None:
    note_dropped(tmp_path, [Dropped(file="a\0b", name="a.jpg")])
    with pytest.raises(DataSetError, match="their list is damaged"):
        open_dropped(tmp_path)


def test_link_to_itself_hides_no_other_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNFREEZE_ROOTS", str(tmp_path))
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "photos").mkdir()
    assert [place.path.name for place in browsing.inside(tmp_path)[0]] == ["photos"]
