"""Archives that were cut off, put together or made to cost a lot: each is named, and none is read as a smaller one."""

import contextlib
import gzip
import io
import struct
import sys
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data.sources import entries, tars
from core.data.sources.archives import open_archive
from core.errors import DataSetError

NAMES = ["cat/1.jpg", "cat/" + "long" * 40 + ".jpg", "dog/ü.jpg"]
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
END = bytes(1_024)


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header that may claim any size."""
    made = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    made[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # type: ignore[attr-defined]
    made[156:157] = kind
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made)


def pax(*records: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    """What is said of the next file, or of all that follow."""
    body = b""
    for record in records:
        length = len(record) + 3
        while len(b"%d %s\n" % (length, record)) != length:
            length += 1
        body += b"%d %s\n" % (length, record)
    return header("about", len(body), kind) + body.ljust(-(-len(body) // 512) * 512, b"\0")


def tar_of(form: int = tarfile.GNU_FORMAT, names: list[str] = NAMES, data: bytes = b"x" * 700) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as file:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), 1.5
            file.addfile(member, io.BytesIO(data))
    return made.getvalue()


def end_of(data: bytes) -> int:
    """Where the zeros begin."""
    return len(data.rstrip(b"\0")) // 512 * 512 + 512


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[bytes], list[str]]:
    def names_of(data: bytes) -> list[str]:
        (tmp_path / "a.tar").write_bytes(data)
        with contextlib.closing(open_archive(tmp_path / "a.tar")) as archive:
            return [entry.path for entry in archive.entries]

    return names_of


Listed = Callable[[bytes], list[str]]


@pytest.mark.parametrize("form", FORMATS)
def test_tar_that_was_cut_off_is_never_a_smaller_one(form: str, listed: Listed) -> None:
    data = tar_of(FORMATS[form], [name for name in NAMES if form != "ustar" or len(name) < 100])
    whole, end = listed(data), end_of(data)
    for length in range(1, len(data), 100):
        if length < end + 512:
            with pytest.raises(DataSetError, match=r"^a\.tar is (damaged|no zip or tar archive)"):
                listed(data[:length])
        else:
            assert listed(data[:length]) == whole
    for length in range(512, end, 512):  # between two files, too
        with pytest.raises(DataSetError, match=r"^a\.tar is damaged|no zip or tar"):
            listed(data[:length])
    assert listed(data[: end + 512]) == listed(data[:end] + bytes(100_000)) == whole


def test_tar_with_a_damaged_header_is_never_a_smaller_one(listed: Listed) -> None:
    data = tar_of(tarfile.USTAR_FORMAT, ["cat/1.jpg", "cat/2.jpg", "dog/1.jpg"], b"x" * 100)
    for at in range(1_024, end_of(data), 1_024):
        for offset in (0, 124, 150, 300):
            with pytest.raises(DataSetError, match=r"^a\.tar is damaged"):
                listed(data[: at + offset] + b"\xff" + data[at + offset + 1 :])


@pytest.mark.parametrize("change", [bytes, gzip.compress])
def test_two_tars_in_one_file_are_named(change: Callable[[bytes], bytes], listed: Listed) -> None:
    one, other = tar_of(names=["cat/1.jpg"]), tar_of(names=["dog/1.jpg"])
    with pytest.raises(DataSetError, match=r"^a\.tar is refused: it is two archives, one behind the other\. Unpack it"):
        listed(change(one) + change(other))
    assert listed(change(one + b"what a tape had behind the end".ljust(512))) == ["cat/1.jpg"]


def test_files_with_holes_are_refused(listed: Listed) -> None:
    """Python's reader would look for ever for what lies in none of the parts that a file says it has."""
    photo = header("a/1.jpg", 512) + bytes(512)
    for said in ((b"GNU.sparse.map=0,10,50,-30",), (b"GNU.sparse.major=1", b"GNU.sparse.minor=0")):
        with pytest.raises(DataSetError, match=r"^a\.tar is (damaged|refused: a file in it has holes)"):
            listed(pax(*said) + photo + END)
    with pytest.raises(DataSetError, match="a file in it has holes, which no photo has"):
        listed(header("a/1.jpg", 0, tarfile.GNUTYPE_SPARSE) + END)


@pytest.mark.parametrize("name", ["d/", "d", "d/1.jpg"])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, b"?"])
@pytest.mark.parametrize("size", [-512, -1_024, -1])
def test_file_that_is_shorter_than_nothing_ends_the_reading(name: str, kind: bytes, size: int, listed: Listed) -> None:
    for before in (b"", header("a/1.jpg", 0)):
        with pytest.raises(DataSetError, match=r"^a\.tar is (damaged|refused)"):
            listed(before + header(name, size, kind) + END)


def test_sizes_that_cannot_be_are_named(listed: Listed) -> None:
    photo = header("a/1.jpg", 0)
    for said in (b"size=-1024", b"size=-1", b"GNU.sparse.size=-5", b"size=9" + b"0" * 30, b"GNU.sparse.map=x"):
        with pytest.raises(DataSetError, match=r"^a\.tar is (damaged|refused)"):
            listed(pax(said) + photo + END)
    with pytest.raises(DataSetError, match=r"^a\.tar is damaged"):
        listed(pax(b"size=9999", kind=tarfile.XGLTYPE) + photo + END)
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE, b"0"):
        for size in (-512, 2**35, 2**70):
            with pytest.raises(DataSetError, match=r"^a\.tar is (damaged|refused|no zip)"):
                listed(header("a/2.jpg", size, kind) + photo + END)
    endless = b"9" * 5_000 + b" path=x\n"
    with pytest.raises(DataSetError, match=r"^a\.tar is (damaged|no zip)"):
        listed(header("about", len(endless), tarfile.XHDTYPE) + endless.ljust(5_120, b"\0") + photo + END)


@pytest.mark.parametrize(
    "kind",
    [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.GNUTYPE_SPARSE],
)
def test_endless_headers_are_refused_before_they_are_read(kind: bytes, listed: Listed) -> None:
    many = 16 * 2**20
    if kind == tarfile.GNUTYPE_SPARSE:
        start = bytearray(header("a/2.jpg", 0, kind))
        start[482] = 1  # more follows
        start[148:156] = b" " * 8
        start[148:156] = b"%06o\0 " % sum(start)
        more = (b"00000000001\0" * 42).ljust(504, b"\0") + b"\1".ljust(8, b"\0")
        data = gzip.compress(bytes(start) + more * (many // 512), 1)
    else:
        data = gzip.compress(header("p", many, kind) + b"a" * many + header("a/1.jpg", 0) + END, 1)
    tracemalloc.start()
    try:
        with pytest.raises(DataSetError, match=r"^a\.tar is refused: it says far more of a file"):
            listed(data)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_much_said_of_many_files_is_refused(listed: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "_MOST_HEADERS", 2_048)
    long = pax(b"comment=" + b"x" * 1_000)
    files = [header(f"a/{number}.jpg", 0) for number in range(40)]
    assert len(listed(b"".join(files[:10]) + long + files[10] + END)) == 11
    monkeypatch.setattr(tars, "_HEADERS_PER_FILE", 512)
    with pytest.raises(DataSetError, match="it says far more of a file"):
        listed(b"".join(long + file for file in files) + END)
    said = [b"a%02d=1" % number for number in range(100)]
    with pytest.raises(DataSetError, match="it says far more of a file"):
        listed(pax(*said, b"last=1", kind=tarfile.XGLTYPE) + files[0] + END)


def test_long_chain_of_headers_ends(listed: Listed) -> None:
    chain = (header("p", 512, tarfile.GNUTYPE_LONGNAME) + b"x/y.jpg".ljust(512, b"\0")) * 1_000
    with pytest.raises(DataSetError, match=r"^a\.tar is (damaged|refused)"):
        listed(chain + header("a/1.jpg", 0) + END)


def test_folders_count_as_entries_however_often_they_come(listed: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = header("cat/", 0, tarfile.DIRTYPE)
    photo = header("cat/1.jpg", 0)
    assert listed(folder + photo + folder + END) == ["cat/1.jpg"]
    monkeypatch.setattr(entries, "MAX_ENTRIES", 3)
    with pytest.raises(DataSetError, match="holds more than 3 files"):
        listed(folder * 3 + photo + END)


def test_what_a_tar_unpacks_to_is_bounded_behind_its_end_too(listed: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "_GROWTH_FREE", 2**20)
    with pytest.raises(DataSetError, match="would unpack to more than"):
        listed(gzip.compress(header("a/1.jpg", 0) + bytes(3 * 2**20)))


@pytest.mark.parametrize("length", [0, 100, 512, 1_536, 1_600])
def test_tar_that_has_changed_since_it_was_looked_through_is_named(length: int, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of(names=["cat/1.jpg", "dog/1.jpg"]))
    hole = header("a/1.jpg", 0, tarfile.GNUTYPE_SPARSE)
    for after in (b"", bytes(2_048), b"x" * 2_048, hole, header("p", 2**30, b"x")):
        with contextlib.closing(open_archive(path)) as archive:
            whole = path.read_bytes()
            path.write_bytes(whole[:length] + after)
            with pytest.raises(DataSetError, match=r"^a\.tar is (damaged|refused)"):
                list(archive.contents(["cat/1.jpg", "dog/1.jpg", "fox/1.jpg"], at_most=2**20))
            path.write_bytes(whole)


def zip_of(files: dict[str, bytes], comment: bytes = b"") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, data in files.items():
            file.writestr(zipfile.ZipInfo(name), data)
        file.comment = comment
    return made.getvalue()


def test_empty_zip_holds_nothing(listed: Listed) -> None:
    assert listed(zip_of({})) == []


def test_zip_behind_another_or_in_its_comment_does_not_hide_it(listed: Listed) -> None:
    files = {"cat/1.jpg": b"x", "dog/1.jpg": b"y"}
    assert listed(zip_of(files, b"a comment")) == list(files)
    empty = b"PK\5\6" + bytes(18)
    for data in (
        zip_of(files, empty),
        zip_of(files, zip_of({"a/1.jpg": b""})),
        zip_of(files) + zip_of({"b/1.jpg": b""}),
    ):
        with pytest.raises(DataSetError, match=r"^a\.tar is refused: it is two archives, one behind the other\."):
            listed(data)


def test_second_name_of_a_zip_entry_is_checked_as_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of({"cat/1.jpg": b"x", "dog/1.jpg": b"y"}))
    known = zipfile.ZipFile.infolist
    for name, words in {"../1.jpg": "leads out", "/1.jpg": "no path", "DOG/1.jpg": "one file", "x.jpg": ""}.items():

        def renamed(file: zipfile.ZipFile, name: str = name) -> list[zipfile.ZipInfo]:
            infos = known(file)
            infos[0].filename = name  # as Python 3.12 does where an extra field has the name in Unicode
            return infos

        monkeypatch.setattr(zipfile.ZipFile, "infolist", renamed)
        if words:
            with pytest.raises(DataSetError, match=words):
                open_archive(tmp_path / "a.zip")
        else:
            with contextlib.closing(open_archive(tmp_path / "a.zip")) as archive:
                assert [entry.path for entry in archive.entries] == ["x.jpg", "dog/1.jpg"]
                assert dict(archive.contents(["x.jpg"], at_most=9)) == {"x.jpg": b"x"}


@pytest.mark.parametrize("name", ["../../x.jpg", "/etc/x.jpg", "cat/ü.jpg"])
def test_name_in_unicode_counts_where_python_reads_it(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        info = zipfile.ZipInfo("cat/1.jpg")
        said = struct.pack("<BI", 1, zlib.crc32(b"cat/1.jpg")) + name.encode()
        info.extra = struct.pack("<HH", 0x7075, len(said)) + said
        file.writestr(info, b"x")
    if sys.version_info < (3, 12):
        name = "cat/1.jpg"
    if name.startswith("cat"):
        with contextlib.closing(open_archive(tmp_path / "a.zip")) as archive:
            assert dict(archive.contents([name], at_most=9)) == {name: b"x"}
    else:
        with pytest.raises(DataSetError, match=r"leads out|no path inside"):
            open_archive(tmp_path / "a.zip")


def test_file_and_folder_of_one_name_are_refused(listed: Listed) -> None:
    photo = header("a/b.jpg", 0)
    with pytest.raises(DataSetError, match="no path inside"):
        listed(photo + header("a/b.jpg/", 0) + END)
    with pytest.raises(DataSetError, match="one file on many disks"):
        listed(photo + header("a/b.jpg", 0, tarfile.DIRTYPE) + END)
    with pytest.raises(DataSetError, match="one file on many disks"):
        listed(zip_of({"a/b.jpg": b"", "a/b.jpg/": b""}))
