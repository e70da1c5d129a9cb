"""Weights from the hub: fetched once, gone on with, compared with their hash, and every failure is a sentence."""

import errno
import fcntl
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core import fetching, hub
from core.errors import (
    DownloadStoppedError,
    HubUnreachableError,
    PublishedFileError,
    StorageError,
    WeightsAbsentError,
    WeightsDamagedError,
    WeightsError,
)
from core.models import build, catalog
from tests.conftest import wait_until
from tests.hub import Hub

CONTENTS = bytes(range(256)) * 4_000  # 1 MB: some chunks
LABEL = "ResNet-18"


def part(url: str) -> Path:
    return hub.file_of(LABEL, url).part


def is_clean(url: str) -> bool:
    """Whether nothing but the whole file is left."""
    return [path.name for path in hub.path_of(url).parent.iterdir()] == [hub.path_of(url).name]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"TORCH_HOME": "/some/where"},
        {"TORCH_HOME": "~/torch"},
        {"XDG_CACHE_HOME": "/caches"},
        {"XDG_CACHE_HOME": "~/c"},
    ],
)
def test_files_lie_where_torch_keeps_them(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    url = str(catalog.ARCHITECTURES["resnet18"].weights_url)
    assert hub.path_of(url) == Path(torch.hub.get_dir()) / "checkpoints" / "resnet18-f37072fd.pth"


def test_every_file_of_the_catalog_names_its_hash() -> None:
    urls = [known.weights_url for known in catalog.ARCHITECTURES.values() if known.weights_url]
    assert len(urls) > 70
    for url in urls:
        told = hub._hash_in(hub.path_of(url).name)
        assert len(told) >= 8
        assert int(told, 16) >= 0


def test_file_is_fetched_once_and_its_bytes_are_told(served: Hub) -> None:
    url = served.add(CONTENTS)
    told: list[tuple[int, int | None]] = []
    path = hub.fetch(LABEL, url, on_bytes=lambda num, total: told.append((num, total)))
    assert path.read_bytes() == CONTENTS
    assert is_clean(url)
    assert told[0] == (0, len(CONTENTS))
    assert told[-1] == (len(CONTENTS), len(CONTENTS))
    assert told == sorted(told)
    hub.check(LABEL, url)
    assert hub.fetch(LABEL, url) == path
    assert served.asked == [""]


@pytest.mark.parametrize("does", ["announce nothing", "announce nonsense"])
def test_file_whose_size_nobody_tells_arrives_too(served: Hub, does: str) -> None:
    served.does = does
    url = served.add(CONTENTS)
    assert hub.fetch(LABEL, url).read_bytes() == CONTENTS


@pytest.mark.parametrize(
    ("does", "reason", "kept"),
    [
        ("answer 503", "the server answers 503", 0),
        ("break off", "the connection broke off", len(CONTENTS) // 2),
        ("send other bytes", "what arrived is damaged", 0),
    ],
)
def test_failure_is_one_sentence_keeps_what_is_sound_and_the_next_try_goes_on(
    served: Hub, does: str, reason: str, kept: int
) -> None:
    url = served.add(CONTENTS)
    served.does = does
    with pytest.raises(HubUnreachableError) as refused:
        hub.fetch(LABEL, url)
    assert str(refused.value) == (
        f"The weights of ResNet-18 could not be downloaded ({reason}). Try again, or download {url} by yourself and "
        "use it as a file of weights."
    )
    assert part(url).stat().st_size == kept
    assert not hub.path_of(url).exists()
    served.does = "serve"
    assert hub.fetch(LABEL, url).read_bytes() == CONTENTS
    assert served.asked == ["", f"bytes={kept}-" if kept else ""]
    assert is_clean(url)


def redirect(address: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {address}\r\nContent-Length: 0\r\n\r\n".encode()


def chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


def a_part(told: str) -> bytes:
    return f"HTTP/1.1 206 Part\r\nContent-Range: {told}\r\nContent-Length: 5\r\n\r\nabcde".encode()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (redirect("http://[bad/x"), "the server's answer makes no sense"),
        (redirect(f"http://{'a' * 80}.example/x"), "the server's answer makes no sense"),
        (redirect("http://a..b/x"), "the server's answer makes no sense"),
        (redirect("http://127.0.0.1:abc/x"), "the server's answer makes no sense"),
        (redirect("file:///etc/passwd"), "the server answers 302"),
        (chunked(b"-5\r\n" + CONTENTS[:3]), "the connection broke off"),
        (chunked(b"ZZ\r\nabc"), "the connection broke off"),
        (chunked(b"1000\r\n" + CONTENTS[:3]), "the connection broke off"),
        (chunked(b"f" * 70_000), "the server's answer makes no sense"),
        (b"<html>Traceback (most recent call last)</html>\r\n\r\n", "the server's answer makes no sense"),
        (b"\r\n", "the server's answer makes no sense"),
        (bytes(range(128, 256)) * 40, "the server's answer makes no sense"),
        (a_part("bytes 100-104/105"), "the server sends another part of the file"),
        (a_part("bread"), "the server's answer makes no sense"),
    ],
)
def test_answer_without_sense_is_told_in_our_words_and_costs_nothing(served: Hub, raw: bytes, reason: str) -> None:
    url = served.add(CONTENTS)
    served.does = "break off"
    with pytest.raises(HubUnreachableError):
        hub.fetch(LABEL, url)
    kept = part(url).read_bytes()
    assert kept == CONTENTS[: len(CONTENTS) // 2]
    served.raw = raw
    with pytest.raises(HubUnreachableError) as refused:
        hub.fetch(LABEL, url)
    assert f"could not be downloaded ({reason})." in str(refused.value)
    if "200 OK" not in raw[:20].decode(errors="replace"):
        assert part(url).read_bytes() == kept
    served.raw, served.does = b"", "serve"
    assert hub.fetch(LABEL, url).read_bytes() == CONTENTS


def test_stop_is_heard_and_bytes_are_told_however_few_have_come(served: Hub) -> None:
    served.does = "wait"
    url = served.add(CONTENTS[:100])
    told: list[int] = []
    with pytest.raises(DownloadStoppedError):
        hub.fetch(LABEL, url, on_bytes=lambda num, _: told.append(num), is_stopped=lambda: told[-1] > 0)
    assert told == [0, 50]
    assert part(url).read_bytes() == CONTENTS[:50]


def test_pipe_in_the_place_of_half_a_file_is_told(served: Hub) -> None:
    url = served.add(CONTENTS)
    hub.path_of(url).parent.mkdir(parents=True)
    os.mkfifo(part(url))
    with pytest.raises(StorageError, match="cannot be kept"):
        hub.fetch(LABEL, url)


@pytest.mark.parametrize("is_held", [False, True])
def test_what_is_left_beside_a_whole_file_is_cleared_unless_somebody_writes_it(served: Hub, is_held: bool) -> None:
    url = served.add(CONTENTS)
    hub.path_of(url).parent.mkdir(parents=True)
    part(url).write_bytes(b"half")
    hub.path_of(url).write_bytes(CONTENTS)  # by another program
    with open(part(url), "rb") as other:
        if is_held:
            fcntl.flock(other, fcntl.LOCK_EX)
        assert hub.fetch(LABEL, url) == hub.path_of(url)
        assert part(url).exists() == is_held
    assert served.asked == []


def test_server_that_cannot_go_on_sends_all_anew(served: Hub) -> None:
    url = served.add(CONTENTS)
    hub.path_of(url).parent.mkdir(parents=True)
    part(url).write_bytes(b"something else")
    served.does = "ignore ranges"
    assert hub.fetch(LABEL, url).read_bytes() == CONTENTS


@pytest.mark.parametrize(("left", "is_sound"), [(CONTENTS, True), (CONTENTS[::-1], False), (CONTENTS * 2, False)])
def test_half_a_file_that_is_whole_or_more_is_judged_by_its_hash(served: Hub, left: bytes, is_sound: bool) -> None:
    url = served.add(CONTENTS)
    hub.path_of(url).parent.mkdir(parents=True)
    part(url).write_bytes(left)
    if not is_sound:
        with pytest.raises(HubUnreachableError, match="damaged"):
            hub.fetch(LABEL, url)
    assert hub.fetch(LABEL, url).read_bytes() == CONTENTS


def test_only_what_is_known_to_be_damaged_is_removed(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    url = served.add(CONTENTS)
    path, file = hub.fetch(LABEL, url), hub.file_of(LABEL, url)
    with monkeypatch.context() as patched:
        patched.setattr(fetching, "_is_sound", refuse)
        with pytest.raises(WeightsError, match="cannot be read"):
            hub.check(LABEL, url)
        with pytest.raises(PublishedFileError, match="cannot be read"):
            fetching.clear_damaged(file)
    fetching.clear_damaged(file)
    assert path.read_bytes() == CONTENTS
    path.write_bytes(b"damaged")
    fetching.clear_damaged(file)
    assert not path.exists()


def test_endless_answer_is_given_up(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_MOST_BYTES", 500_000)
    served.does = "announce nothing"
    with pytest.raises(HubUnreachableError, match="more arrives than was announced"):
        hub.fetch(LABEL, served.add(CONTENTS))


def test_stopped_download_keeps_what_has_arrived(served: Hub) -> None:
    url = served.add(CONTENTS)
    with pytest.raises(DownloadStoppedError):
        hub.fetch(LABEL, url, is_stopped=lambda: True)
    assert 0 < part(url).stat().st_size < len(CONTENTS)
    assert hub.fetch(LABEL, url).read_bytes() == CONTENTS


def test_two_who_want_one_file_share_its_download(served: Hub) -> None:
    served.does = "wait"
    url = served.add(CONTENTS)
    told: list[int] = []
    threads = [
        threading.Thread(target=hub.fetch, args=(LABEL, url), kwargs={"on_bytes": lambda num, _: told.append(num)})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: told.count(len(CONTENTS) // 2 // 2**18 * 2**18) > 1 or len(told) > 20)
    served.go_on.set()
    for thread in threads:
        thread.join()
    assert served.asked == [""]
    assert hub.path_of(url).read_bytes() == CONTENTS
    assert is_clean(url)


@pytest.mark.parametrize(
    ("mirror", "reason"),
    [("http://127.0.0.1:9", "Connection refused"), ("ftp://x", "UNFREEZE_HUB must begin with https:// or http://")],
)
def test_mirror_that_does_not_answer_is_told(
    served: Hub, mirror: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNFREEZE_HUB", mirror)
    url = served.add(CONTENTS)
    with pytest.raises(HubUnreachableError, match=reason):
        hub.fetch(LABEL, url)
    assert served.asked == []


def test_full_disk_is_told_with_the_folder(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fetching, "_write", refuse)
    with pytest.raises(StorageError, match=r"cannot be kept: the disk of .*checkpoints is full"):
        hub.fetch(LABEL, served.add(CONTENTS))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_cache_that_cannot_be_written_names_its_setting(served: Hub, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    with pytest.raises(StorageError, match="set TORCH_HOME to another folder"):
        hub.fetch(LABEL, served.add(CONTENTS))


def test_file_in_the_way_of_the_cache_is_told(served: Hub, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(StorageError, match=r"The weights of ResNet-18 cannot be kept: .*cache"):
        hub.fetch(LABEL, served.add(CONTENTS))


def test_network_is_built_from_a_sound_file_alone(served: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build.build_random("squeezenet1_1", 1000, seed=0)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    url = served.add((tmp_path / "weights.pth").read_bytes())
    known = catalog.ARCHITECTURES["squeezenet1_1"]
    monkeypatch.setitem(catalog.ARCHITECTURES, "squeezenet1_1", replace(known, weights_url=url))
    with pytest.raises(WeightsAbsentError, match=r"The weights of SqueezeNet 1\.1 are not on this computer. Download"):
        build.build_pretrained("squeezenet1_1")
    assert served.asked == [], "nobody has asked for a download"
    path = hub.fetch("SqueezeNet 1.1", url)
    built = build.build_pretrained("squeezenet1_1").state_dict()
    assert all(torch.equal(built[name], tensor) for name, tensor in model.state_dict().items())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsDamagedError, match=f"at {path} are damaged.*Download them again"):
        build.build_pretrained("squeezenet1_1")
