"""Archives: what people make is read, file by file; what only an attacker makes is refused whole."""

import contextlib
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.data.sources import entries
from core.data.sources.archives import open_archive
from core.errors import DataSetError

FILES = {"pets/cat/1.jpg": b"one", "pets/cat/ü 2.jpg": b"two" * 50, "pets/dog/1.jpg": b"", "pets/README": b"x" * 999}
TARS = {"w": ".tar", "w:gz": ".tar.gz", "w:bz2": ".tar.bz2", "w:xz": ".tar.xz"}


def zip_of(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in files.items():
            file.writestr(zipfile.ZipInfo(name), data, method)
    return path


def tar_of(path: Path, files: dict[str, bytes], mode: str = "w", change: Callable[..., None] | None = None) -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            if change:
                change(member)
            file.addfile(member, io.BytesIO(data))
    return path


def read(path: Path) -> dict[str, bytes]:
    with contextlib.closing(open_archive(path)) as archive:
        return dict(archive.contents(listed(path), at_most=2**20))


def listed(path: Path) -> list[str]:
    with contextlib.closing(open_archive(path)) as archive:
        return [entry.path for entry in archive.entries]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_is_read_file_by_file(method: int, tmp_path: Path) -> None:
    assert read(zip_of(tmp_path / "a.zip", FILES, method)) == FILES


@pytest.mark.parametrize("mode", TARS)
def test_tar_is_read_file_by_file(mode: str, tmp_path: Path) -> None:
    assert read(tar_of(tmp_path / f"a{TARS[mode]}", FILES, mode)) == FILES


def test_folders_have_entries_and_are_none(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"pets/": b"", "pets/cat/": b"", **FILES})
    assert listed(path) == list(FILES)


def test_paths_have_nothing_that_means_nothing(tmp_path: Path) -> None:
    odd = {"./cat//1.jpg": b"1", "./dog/./2.jpg": b"2", "3.jpg": b"3", "./.DS_Store": b""}
    plain = {"cat/1.jpg": b"1", "dog/2.jpg": b"2", "3.jpg": b"3"}
    for made in (zip_of(tmp_path / "a.zip", {"./": b"", **odd}), tar_of(tmp_path / "a.tar", odd)):
        assert read(made) == plain
    for twice in ({**odd, "cat/1.jpg": b""}, {"./": b"", ".": b""}, {"cat//": b"", "cat": b""}):
        with pytest.raises(DataSetError, match=r"one file on many disks|no path inside"):
            open_archive(zip_of(tmp_path / "b.zip", twice))


@pytest.mark.parametrize("name", ["a/" * 100 + "1.jpg", "a" * 4_093 + ".jpg", "a/" * 30_000 + "1.jpg"])
def test_endless_paths_are_refused(name: str, tmp_path: Path) -> None:
    for path in (zip_of(tmp_path / "a.zip", {name: b""}), tar_of(tmp_path / "a.tar", {name: b""})):
        with pytest.raises(DataSetError, match=r"“a.*” in it lies in more folders than any disk has"):
            open_archive(path)
    near = {"a/" * 99 + "1.jpg": b"x"}
    assert read(zip_of(tmp_path / "b.zip", near)) == read(tar_of(tmp_path / "b.tar", near)) == near


def test_only_what_is_wanted_is_read_and_no_more_than_that(tmp_path: Path) -> None:
    for path in (zip_of(tmp_path / "a.zip", FILES), tar_of(tmp_path / "a.tar", FILES)):
        archive = open_archive(path)
        assert dict(archive.contents(["pets/README"], at_most=9)) == {"pets/README": b"x" * 10}
        archive.close()


@pytest.mark.parametrize("left", [".DS_Store", "pets/._1.jpg", "__MACOSX/pets/._1.jpg", "pets/Thumbs.db"])
def test_what_systems_leave_is_not_listed(left: str, tmp_path: Path) -> None:
    for path in (zip_of(tmp_path / "a.zip", {left: b"x", **FILES}), tar_of(tmp_path / "a.tar", {left: b"x", **FILES})):
        assert listed(path) == list(FILES)


HOSTILE_NAMES = {
    "../x.jpg": "leads out",
    "a/../../x.jpg": "leads out",
    "/etc/x.jpg": "no path inside",
    "C:/x.jpg": "no path inside",
    "c:x.jpg": "no path inside",
    "a\\x.jpg": "no path inside",
    "a/x\0.jpg": "no path inside",
    "a/more.zip": "is an archive, too",
    "a/more.TAR.GZ": "is an archive, too",
    "PETS/cat/1.jpg": "are one file on many disks",
    "pets/cat/u\u0308 2.jpg": "are one file on many disks",
}


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_are_refused_in_zips(name: str, tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {**FILES, "QQQ": b"x"})
    data = path.read_bytes()
    encoded = name.encode()
    # zipfile itself mends some of these names, so they are put in afterwards: a name of the right length first.
    path = zip_of(tmp_path / "b.zip", {**FILES, "Q" * len(encoded): b"x"})
    data = path.read_bytes().replace(b"Q" * len(encoded), encoded)
    path.write_bytes(_as_utf8(data, encoded))
    with pytest.raises(DataSetError, match=HOSTILE_NAMES[name]):
        open_archive(path)


def _as_utf8(data: bytes, name: bytes) -> bytes:
    """Set the flag that says that a name is UTF-8, where it stands in the directory."""
    at = data.rfind(name) - 46
    flags = struct.unpack_from("<H", data, at + 8)[0] | 0x800
    return data[: at + 8] + struct.pack("<H", flags) + data[at + 10 :]


@pytest.mark.parametrize("name", [name for name in HOSTILE_NAMES if "\0" not in name])
def test_hostile_names_are_refused_in_tars(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=HOSTILE_NAMES[name]):
        open_archive(tar_of(tmp_path / "a.tar", {**FILES, name: b"x"}))


@pytest.mark.parametrize(
    ("kind", "word"),
    [(stat.S_IFLNK, "a link"), (stat.S_IFCHR, "a device"), (stat.S_IFIFO, "a device"), (stat.S_IFSOCK, "a device")],
)
def test_links_and_devices_are_refused_in_zips(kind: int, word: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        info = zipfile.ZipInfo("cat/1.jpg")
        info.external_attr = (kind | 0o644) << 16
        file.writestr(info, "/etc/passwd")
    with pytest.raises(DataSetError, match=word):
        open_archive(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.FIFOTYPE, "a device"),
    ],
)
def test_links_and_devices_are_refused_in_tars(kind: bytes, word: str, tmp_path: Path) -> None:
    def change(member: tarfile.TarInfo) -> None:
        member.type, member.linkname, member.size = kind, "/etc/passwd", 0

    with pytest.raises(DataSetError, match=word):
        open_archive(tar_of(tmp_path / "a.tar", {"cat/1.jpg": b""}, change=change))


def test_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"cat/1.jpg": b"x"})
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataSetError, match=r"a\.zip is encrypted"):
        open_archive(path)


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"cat/1.jpg": b"x" * 500, "cat/2.jpg": b"y" * 500}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    second = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, 0)  # both begin where the first one does
    path.write_bytes(data)
    with pytest.raises(DataSetError, match="overlap"):
        open_archive(path)


def test_too_much_growth_and_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = {"cat/1.jpg": bytes(3_000_000)}
    monkeypatch.setattr(entries, "_GROWTH_FREE", 2**20)
    for path in (zip_of(tmp_path / "a.zip", bomb), tar_of(tmp_path / "a.tar.gz", bomb, "w:gz")):
        with pytest.raises(DataSetError, match="would unpack to more than"):
            open_archive(path)
    monkeypatch.setattr(entries, "MAX_ENTRIES", 3)
    for path in (zip_of(tmp_path / "b.zip", FILES), tar_of(tmp_path / "b.tar", FILES)):
        with pytest.raises(DataSetError, match="holds more than 3 files"):
            open_archive(path)


def test_size_that_a_tar_only_claims_is_refused_at_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    member = tarfile.TarInfo("cat/1.jpg")
    member.size = 2**45
    path.write_bytes(member.tobuf() + bytes(1_024))
    with pytest.raises(DataSetError, match=r"would unpack to more than|damaged"):
        open_archive(path)


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"Rar!\x1a\x07"])
def test_what_is_no_archive_is_a_sentence(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DataSetError, match=r"^a\.zip is "):
        open_archive(tmp_path / "a.zip")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), form=st.sampled_from(["zip", *TARS]))
def test_no_damage_raises_anything_but_a_sentence(data: st.DataObject, form: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    whole = zip_of(path, FILES) if form == "zip" else tar_of(path, FILES, form)
    damaged = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.integers(1, len(damaged)))])
    with contextlib.suppress(DataSetError):
        assert all(isinstance(contents, bytes) for contents in read(path).values())
