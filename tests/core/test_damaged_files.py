"""Whatever lies where a data set's files should be: one sentence, and nobody else's set or file suffers."""

import io
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data import library, stored
from core.data.pack import PackWriter, open_pack, read_records
from core.data.stored import StoredSet
from core.errors import DataSetError, UnfreezeError
from core.packing.packing import Packing
from core.runs import packings
from core.runs.pack_config import PackConfig
from core.runs.pack_events import PackDone
from tests.folders import class_folders, make_room, pack, packed, run_of

NAMES = (
    "description.json",
    "overlay.json",
    "versions",
    "versions/1",
    *(f"versions/1/{name}" for name in ("manifest.json", "photos.npz", "names.json", "findings.json", "pixels")),
    *(f"versions/1/{name}" for name in ("records", "signatures", "gone.npz", "listing.json")),
)


def _a_file(path: Path) -> None:
    path.write_bytes(b"[" * 100_000)


def _a_folder(path: Path) -> None:
    path.mkdir()


def _a_loop(path: Path) -> None:
    path.symlink_to(path.name)


def _a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets, the first of which is to be harmed, and their photos beside."""
    home = tmp_path_factory.mktemp("whole") / "home"
    for name in ("pets", "toys"):
        packed(home, class_folders(home.parent / name, each=4), size=32)
    return home


@pytest.mark.parametrize("harm", [_a_file, _a_folder, _a_loop, _a_link_to_nothing])
@pytest.mark.parametrize("name", NAMES)
def test_harm_is_a_sentence_and_costs_no_other_set_anything(
    home: Path, whole: Path, name: str, harm: Callable[[Path], None]
) -> None:
    shutil.copytree(whole, home)
    path = home / "data" / "set-1" / name
    make_room(path)
    harm(path)
    assert "set-2@1" in set(library.Labels())
    assert [kept.id for kept in stored.all_sets(home)] == ["set-2", "set-1"]
    for asked in (library.load, library.about, library.as_packed, library.findings_of, library.Labels().__contains__):
        with suppress(UnfreezeError):
            asked("set-1@1")
    kept = StoredSet(home / "data" / "set-1")
    if kept.newest:
        with suppress(DataSetError):
            pack(run_of(home, kept, source=str(whole.parent / "pets"), reading="classes"))
    packings.delete(home, kept)
    stored.remove(home, ["set-1"])
    assert not (home / "data" / "deleted" / "set-1").exists()
    assert len(library.load("set-2@1").manifest) == 8


@pytest.mark.parametrize("harm", [_a_file, _a_loop, _a_link_to_nothing])
@pytest.mark.parametrize("where", ["data/set-7", "data/deleted/set-7"])
def test_what_has_a_sets_name_and_is_none_is_passed_over(
    home: Path, whole: Path, where: str, harm: Callable[[Path], None]
) -> None:
    shutil.copytree(whole, home)
    stored.delete(home, stored.find_set(home, "set-1"))
    harm(home / where)
    assert [kept.id for kept in stored.all_sets(home)] == ["set-2"]
    assert [kept.id for kept in stored.deleted(home)] == ["set-1"]
    assert list(library.Labels()) == ["cifar10_sample", "set-2@1"]
    with pytest.raises(DataSetError, match="There is no data set"):
        stored.find_set(home, "set-7")
    stored.purge(home)
    stored.remove(home, ["set-1", "set-7"])
    assert not stored.deleted(home)
    assert stored.new_set(home, "x", {}).id == "set-8"


def test_pixels_that_were_cut_short_since_are_not_read(home: Path, whole: Path) -> None:
    shutil.copytree(whole, home)
    assert library.load("set-1@1").pixels[7].any()
    os.truncate(home / "data" / "set-1" / "versions" / "1" / "pixels", 10)
    with pytest.raises(DataSetError, match="damaged or incomplete"):
        library.load("set-1@1")


def test_arrays_that_promise_more_than_their_file_holds_are_damage(home: Path, whole: Path) -> None:
    shutil.copytree(whole, home)
    path = home / "data" / "set-1" / "versions" / "1" / "photos.npz"
    held = path.read_bytes()
    path.write_bytes(held.replace(b"(8,)", b"(9,)"))
    with pytest.raises(DataSetError, match="damaged or incomplete"):
        open_pack(path.parent)
    with np.load(StoredSet(home / "data" / "set-2").version(1) / "photos.npz") as arrays:
        np.savez_compressed(path, **arrays)
    with pytest.raises(DataSetError, match="damaged or incomplete"):
        open_pack(path.parent)


@pytest.mark.parametrize("line", ["[" * 100_000, '{"problem": 5, "notes": []}', '{"height": "9", "notes": []}', "\xff"])
def test_records_that_are_none_end_what_is_known(tmp_path: Path, line: str) -> None:
    (tmp_path / "records").write_bytes(
        b'{"problem": "a.txt is no photo.", "notes": []}\n' + line.encode("latin-1") + b"\n"
    )
    assert [record.problem for record in read_records(tmp_path)] == ["a.txt is no photo."]


@pytest.mark.parametrize("name", ["pixels", "signatures", "records"])
def test_packing_never_writes_through_a_link(tmp_path: Path, name: str) -> None:
    victim, folder = tmp_path / "victim.txt", tmp_path / "making-1"
    victim.write_text("mine")
    folder.mkdir()
    (folder / name).symlink_to(victim)
    with pytest.raises(OSError, match=r"symbolic links|link"):
        PackWriter(folder)
    (tmp_path / "making-2").symlink_to(tmp_path)
    with pytest.raises(OSError, match="link"):
        PackWriter(tmp_path / "making-2")
    assert victim.read_text() == "mine"


def test_disk_that_refuses_leaves_no_set_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.data.stored.replace_file", refuse)
    with pytest.raises(UnfreezeError, match="is full"):
        packings.make(home, PackConfig(source=str(home), reading="classes"), name="x")
    assert not stored.all_sets(home)


def changed(archive: bytes, /, **arrays: Any) -> bytes:
    """An archive of arrays, some of them others."""
    file = io.BytesIO()
    np.savez(file, **dict(np.load(io.BytesIO(archive))) | arrays)
    return file.getvalue()


def _instead(text: bytes, _: bytes) -> bytes:
    return text


def test_update_of_a_damaged_version_says_so_in_one_sentence(home: Path, tmp_path: Path) -> None:
    root = class_folders(tmp_path / "pets")
    made = packed(home, root)
    (root / "cat" / "000.jpg").unlink()
    pack(run_of(home, made, source=str(root), reading="classes"))
    folder = run_of(home, made, source=str(root), reading="classes")
    whole = {path.name: path.read_bytes() for path in made.version(2).iterdir()}
    deep = b"[" * 100_000 + b"\n"
    damages: list[tuple[str, Callable[[bytes], bytes]]] = [
        *((name, lambda data: data[: len(data) // 2]) for name in ("gone.npz", "listing.json", "records")),
        *((name, lambda data: deep) for name in ("gone.npz", "listing.json", "records")),
        *((name, lambda data: bytes(20)) for name in ("gone.npz", "listing.json", "records", "signatures")),
        ("listing.json", lambda data: data.replace(b'"given": null', b'"given": ["train"]', 1)),
        ("listing.json", lambda data: data.replace(b'"group": ""', b'"group": 3', 1)),
        ("records", lambda data: data.replace(b'"problem": ""', b'"problem": 5', 1)),
        ("records", lambda data: data.replace(b'"notes": []', b'"notes": [1]', 1)),
        ("records", lambda data: data.replace(b'"id": "', b'"id": "0', 1)),
    ]
    values = [("sides", np.array([7], np.int8)), ("given", np.array([0.5])), ("ids", np.array([1]))]
    damages += [("gone_groups.json", partial(_instead, text)) for text in (b"[]", b"[3]", b"{", deep)]
    damages += [("gone.npz", partial(changed, **{name: value})) for name, value in values]
    for name, damage in damages:
        (made.version(2) / name).write_bytes(damage(whole[name]))
        with pytest.raises(DataSetError, match=r"^Version 2 of “pets” is damaged, so no later one can be made\."):
            Packing(folder, "packing")
        (made.version(2) / name).write_bytes(whole[name])
    assert isinstance(pack(folder)[-1], PackDone)
