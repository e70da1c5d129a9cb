"""A pack is whole or none: whatever is cut off, the next writer ends with the same bytes, and damage is a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.data.gather import Gatherer
from core.data.pack import PackWriter, Record, open_pack
from core.data.pack_rule import PackRule
from core.errors import DataSetError

COUNT = 12


def photo(number: int) -> tuple[Record, np.ndarray | None]:
    """One of some files: every fourth is no photo."""
    if number % 4 == 3:
        return Record(problem=f"{number}.txt is no photo."), None
    stream = np.random.default_rng(number)
    height, width = stream.integers(1, 20, 2).tolist()
    pixels = stream.integers(0, 256, (height, width, 3)).astype(np.uint8)
    return Record(id=f"{number:064x}", height=height, width=width, notes=("Read.",) * (number % 2)), pixels


def write(folder: Path, *, until: int = COUNT, finish: bool = True, commit_every: int = 2) -> None:
    """Go on with a pack of `COUNT` files, up to one of them."""
    writer = PackWriter(folder)
    for number in range(len(writer.records), until):
        writer.append(*photo(number))
        if number % commit_every == 0:
            writer.commit()
    if finish:
        writer.finish(
            classes=("a", "b"),
            names=[f"{number}.png" for number in range(COUNT) if number % 4 != 3],
            labels=np.arange(9) % 2,
            sides=(np.arange(9) % 4 - 1).tolist(),
            rule=PackRule(),
        )
    writer.close()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "photos.npz"}


def test_what_is_packed_is_read_again(tmp_path: Path) -> None:
    write(tmp_path)
    data_set = open_pack(tmp_path)
    manifest = data_set.manifest
    assert (len(manifest), manifest.classes, manifest.pack) == (9, ("a", "b"), PackRule())
    expected = [photo(number) for number in range(COUNT) if number % 4 != 3]
    gathered = Gatherer(data_set.pixels, torch.device("cpu"))(np.arange(9))
    for row, (record, pixels) in enumerate(expected):
        assert manifest.ids[row] == record.id
        assert pixels is not None
        assert np.array_equal(data_set.pixels[row], pixels)
        assert np.array_equal(gathered[row], pixels)
    assert sorted(np.concatenate([manifest.rows(side) for side in ("train", "validation", "test")])) == [
        1, 2, 3, 5, 6, 7
    ], "what is left out is on no side"  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_writer_that_was_killed_is_followed_by_one_that_ends_with_the_same_bytes(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole, parted = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("parted")
    write(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        write(parted, until=data.draw(st.integers(0, COUNT)), finish=False, commit_every=data.draw(st.integers(1, 4)))
        name = data.draw(st.sampled_from(["pixels", "records"]))
        if data.draw(st.booleans()):  # a file that a crash has left longer than what is known of it, or shorter
            file = parted / name
            left = file.read_bytes()
            cut = left[: data.draw(st.integers(0, len(left)))]
            file.write_bytes(cut if data.draw(st.booleans()) else left + data.draw(st.binary(max_size=30)))
    write(parted)
    assert contents(parted) == contents(whole)
    assert open_pack(parted).manifest.digest == open_pack(whole).manifest.digest


def test_empty_pack_is_a_pack(tmp_path: Path) -> None:
    writer = PackWriter(tmp_path)
    writer.finish(classes=("a",), names=[], labels=[], sides=[], rule=PackRule(shape="pad"))
    writer.close()
    assert len(open_pack(tmp_path).manifest) == 0
    assert len(open_pack(tmp_path).pixels) == 0


def test_digest_tells_any_change(tmp_path: Path) -> None:
    write(tmp_path)
    digests = {open_pack(tmp_path).manifest.digest}
    for change in ("labels", "sides"):
        with np.load(tmp_path / "photos.npz") as arrays:
            changed = {name: arrays[name].copy() for name in arrays}
        changed[change][0] = 1 - changed[change][0] if change == "labels" else 2
        np.savez(tmp_path / "photos.npz", **changed)
        digests.add(open_pack(tmp_path).manifest.digest)
    assert len(digests) == 3


@pytest.mark.parametrize("name", ["pixels", "manifest.json", "photos.npz", "names.json"])
@pytest.mark.parametrize("harm", ["missing", "cut", "longer", "folder"])
def test_damaged_pack_is_a_sentence(name: str, harm: str, tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / name
    data = path.read_bytes()
    path.unlink()
    if harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "longer" and name != "photos.npz":  # what stands behind a zip's directory does not belong to it
        path.write_bytes(data + b"x")
    elif harm == "folder":
        path.mkdir()
    with pytest.raises(DataSetError, match="damaged or incomplete"):
        open_pack(tmp_path)


@pytest.mark.parametrize(
    ("change", "value"),
    [("labels", 2), ("labels", -1), ("sides", 3), ("sides", -2), ("sizes", 0), ("sizes", -5), ("sizes", 2**40)],
)
def test_numbers_that_cannot_be_are_refused(change: str, value: int, tmp_path: Path) -> None:
    write(tmp_path)
    with np.load(tmp_path / "photos.npz") as arrays:
        changed = {name: arrays[name].copy() for name in arrays}
    changed[change].flat[0] = value
    np.savez(tmp_path / "photos.npz", **changed)
    with pytest.raises(DataSetError):
        open_pack(tmp_path)


@pytest.mark.parametrize(
    "values", [[], {}, {"format": 2}, {"format": 1, "classes": [1, 2], "pack": None, "content": ""}, "x", None]
)
def test_manifest_may_hold_anything(values: object, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(DataSetError):
        open_pack(tmp_path)
