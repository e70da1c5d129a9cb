"""Features on the disk: shared, within a budget, and never taken for what they are not."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core import feature_files
from core.feature_files import FeatureFile, FeatureFiles, Wanted, budget_bytes

ROWS, ROW_BYTES = 20, 48


def key(number: int) -> str:
    return f"{number:064x}"


def values(rows: NDArray[np.int64], *, row_bytes: int = ROW_BYTES) -> NDArray[np.uint8]:
    """What is computed of these rows: always the same."""
    return np.stack([np.random.default_rng(row).integers(0, 256, row_bytes, np.uint8) for row in rows.tolist()])


def opened(home: Path, number: int = 1, *, num_rows: int = ROWS, row_bytes: int = ROW_BYTES) -> FeatureFile:
    (file,) = FeatureFiles(home).open(wanted(number, num_rows=num_rows, row_bytes=row_bytes))
    assert file is not None
    return file


def wanted(number: int = 1, *, num_rows: int = ROWS, row_bytes: int = ROW_BYTES, used: int | None = None) -> Wanted:
    return Wanted(key(number), num_rows, num_rows if used is None else used, row_bytes)


def there(file: FeatureFile, *, num_rows: int = ROWS, row_bytes: int = ROW_BYTES) -> list[int]:
    """The rows that are there; they are those that were computed."""
    rows = np.arange(num_rows)
    into = np.zeros((num_rows, row_bytes), np.uint8)
    is_there = file.read(rows, into)
    if is_there.any():
        np.testing.assert_array_equal(into[is_there], values(rows[is_there], row_bytes=row_bytes))
    return rows[is_there].tolist()


def test_what_one_run_has_computed_another_reads(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    assert there(other) == []
    one.write(rows := np.array([3, 0, 19]), values(rows))
    assert there(other) == there(opened(tmp_path)) == [0, 3, 19]
    assert there(opened(tmp_path, 2)) == [], "another key"


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_happens_to_the_files_no_other_bytes_are_read(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    file, rows = opened(home), np.arange(ROWS)
    file.write(rows, values(rows))
    for _ in range(data.draw(st.integers(1, 3))):
        path = home / "features" / key(1) / data.draw(st.sampled_from(["values", "sums"]))
        size, at = path.stat().st_size, data.draw(st.integers(0, path.stat().st_size))
        with path.open("r+b") as damaged:
            if data.draw(st.booleans()):
                damaged.truncate(at)
            damaged.seek(data.draw(st.integers(0, size)))
            damaged.write(data.draw(st.binary(max_size=60)))
    there(file)
    again = opened(home)
    there(again)
    again.write(rows, values(rows))
    assert there(again) == list(range(ROWS))


@pytest.mark.parametrize("name", ["values", "sums"])
@pytest.mark.parametrize(
    "put", [lambda path: path.symlink_to("elsewhere"), Path.mkdir, os.mkfifo], ids=["link", "folder", "pipe"]
)
def test_what_lies_in_a_files_place_is_not_used(tmp_path: Path, name: str, put: Callable[[Path], None]) -> None:
    folder = tmp_path / "features" / key(1)
    folder.mkdir(parents=True)
    put(folder / name)
    assert FeatureFiles(tmp_path).open(wanted(1)) == [None]
    assert not (folder / "elsewhere").exists()


def test_rows_of_another_size_do_not_count(tmp_path: Path) -> None:
    rows = np.arange(ROWS)
    opened(tmp_path).write(rows, values(rows))
    assert there(opened(tmp_path, row_bytes=64), row_bytes=64) == []
    assert there(opened(tmp_path, num_rows=30), num_rows=30) == [], "of a file that has another number of them"


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(feature_files.BUDGET_SETTING, "0.001")
    rows = np.arange(4)
    for number in (1, 2, 3):
        opened(tmp_path, number, num_rows=4, row_bytes=80_000).write(rows, values(rows, row_bytes=80_000))
        os.utime(tmp_path / "features" / key(number), (number, number))
    opened(tmp_path, 1, num_rows=4, row_bytes=80_000)  # used again
    file = opened(tmp_path, 4, num_rows=4, row_bytes=80_000)
    assert {path.name for path in (tmp_path / "features").iterdir()} == {key(1), key(3), key(4)}
    file.write(rows, values(rows, row_bytes=80_000))
    taken = FeatureFiles(tmp_path).on_disk
    assert taken.num_keys == 3
    assert 3 * 4 * 80_000 <= taken.num_bytes <= budget_bytes()


def test_what_is_larger_than_the_budget_is_not_kept_and_drives_nothing_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rows = np.arange(ROWS)
    opened(tmp_path).write(rows, values(rows))
    monkeypatch.setenv(feature_files.BUDGET_SETTING, "0.001")
    assert FeatureFiles(tmp_path).open(wanted(2, num_rows=1_001, row_bytes=1_000)) == [None]
    assert "1,001,000 bytes, and 1,000,000 are allowed" in caplog.text
    assert there(opened(tmp_path)) == list(range(ROWS))
    monkeypatch.setenv(feature_files.BUDGET_SETTING, "0")
    assert FeatureFiles(tmp_path).open(wanted(1)) == [None]


@pytest.mark.parametrize("said", ["-1", "nan", "inf", "much", "1e999"])
def test_budget_that_is_none_is_said(
    said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(feature_files.BUDGET_SETTING, said)
    assert budget_bytes() == 10_000_000_000
    assert f"UNFREEZE_FEATURES_GB must be a number of gigabytes, got '{said}'" in caplog.text


def test_what_one_run_wants_drives_out_nothing_else_that_it_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(feature_files.BUDGET_SETTING, "0.001")
    asked = [
        wanted(number, num_rows=20, row_bytes=size, used=used)
        for number, size, used in ((1, 60_000, 3), (2, 30_000, 17))
    ]
    for _ in range(2):
        for each, file in zip(asked, FeatureFiles(tmp_path).open(*asked), strict=True):
            assert file is not None, "the other rows are holes, and take nothing"
            rows = np.arange(each.used_rows)
            file.write(rows, values(rows, row_bytes=each.row_bytes))
    assert FeatureFiles(tmp_path).on_disk.num_keys == 2
    (first, _) = FeatureFiles(tmp_path).open(*asked)
    assert first is not None
    assert there(first, num_rows=20, row_bytes=60_000) == [0, 1, 2]


def test_files_that_are_used_are_cleared_whole(tmp_path: Path) -> None:
    file, rows = opened(tmp_path), np.arange(ROWS)
    file.write(rows, values(rows))
    (tmp_path / "features" / ".going-left").mkdir()  # by somebody who was killed
    FeatureFiles(tmp_path).clear()
    assert there(file) == [], "and reading makes nothing anew"
    assert not list((tmp_path / "features").iterdir())


def test_full_disk_is_left_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feature_files, "_KEEP_FREE_BYTES", 2**62)
    assert FeatureFiles(tmp_path).open(wanted(1)) == [None]
    assert "the disk is almost full" in caplog.text


def test_run_goes_on_when_its_features_are_cleared_away(tmp_path: Path) -> None:
    file, rows = opened(tmp_path), np.arange(ROWS)
    file.write(rows, values(rows))
    FeatureFiles(tmp_path).clear()
    assert FeatureFiles(tmp_path).on_disk == (0, 0)
    assert there(file) == []
    with pytest.raises(FileNotFoundError):
        file.write(rows, values(rows))
