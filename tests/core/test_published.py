"""Data sets to download: archives fetched to their place, judged by the whole hash, and every failure is a sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core import fetching
from core.data.published import PUBLISHED
from core.errors import FileDamagedError, FileUnreachableError, StorageError
from tests.hub import Hub

CONTENTS = bytes(range(256)) * 40


@pytest.mark.parametrize("key", PUBLISHED)
def test_archive_has_its_place_and_its_whole_hash_is_known(home: Path, key: str) -> None:
    archive = PUBLISHED[key].archive()
    assert archive.url.startswith(archive.base)
    assert archive.path == home / "downloads" / f"{PUBLISHED[key].name.lower()}-binary.tar.gz"
    assert len(archive.sha256) == 64
    assert round(PUBLISHED[key].num_bytes / 1e6) in (169, 170)


def test_archive_is_fetched_and_what_is_not_as_published_is_named(publish_cifar_10: Callable[[bytes], None]) -> None:
    publish_cifar_10(CONTENTS)
    archive = PUBLISHED["cifar10"].archive()
    fetching.fetch(archive)
    assert archive.path.read_bytes() == CONTENTS
    fetching.check(archive)
    archive.path.write_bytes(CONTENTS[:-1])
    with pytest.raises(FileDamagedError) as refused:
        fetching.check(archive)
    assert str(refused.value) == (
        f"The archive of CIFAR-10 at {archive.path} is damaged: it is not what was published. Download it again."
    )


def test_failure_names_the_way_out_and_the_next_try_goes_on(
    mirrored: Hub, publish_cifar_10: Callable[[bytes], None]
) -> None:
    publish_cifar_10(CONTENTS)
    archive = PUBLISHED["cifar10"].archive()
    mirrored.does = "break off"
    with pytest.raises(FileUnreachableError) as refused:
        fetching.fetch(archive)
    assert str(refused.value) == (
        "The archive of CIFAR-10 could not be downloaded (the connection broke off). Try again, or download "
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz by yourself and type the path of the file under "
        "“This computer”."
    )
    mirrored.does = "serve"
    fetching.fetch(archive)
    assert mirrored.asked == ["", f"bytes={len(CONTENTS) // 2}-"]
    assert [file.name for file in archive.path.parent.iterdir()] == [archive.path.name]


def test_other_bytes_than_those_published_never_get_its_name(
    mirrored: Hub, publish_cifar_10: Callable[[bytes], None]
) -> None:
    publish_cifar_10(CONTENTS)
    mirrored.does = "send other bytes"
    archive = PUBLISHED["cifar10"].archive()
    with pytest.raises(FileUnreachableError, match="what arrived is damaged"):
        fetching.fetch(archive)
    assert not archive.path.exists()
    assert archive.part.stat().st_size == 0


def test_wrong_mirror_is_told(mirrored: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNFREEZE_CIFAR", "ftp://x")
    with pytest.raises(FileUnreachableError, match="UNFREEZE_CIFAR must begin with https:// or http://"):
        fetching.fetch(PUBLISHED["cifar100"].archive())
    assert mirrored.asked == []


def test_file_in_the_way_of_the_folder_is_told(mirrored: Hub, home: Path) -> None:
    home.mkdir()
    (home / "downloads").write_bytes(b"")
    with pytest.raises(StorageError, match=r"The archive of CIFAR-100 cannot be kept: .*downloads"):
        fetching.fetch(PUBLISHED["cifar100"].archive())
    assert mirrored.asked == []
