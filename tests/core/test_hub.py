"""Weights from the hub: fetched once, gone on with, compared with their hash, and every failure is a sentence."""

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core import downloads, hub
from core.downloads import Look
from core.errors import (
    DownloadStoppedError,
    HubUnreachableError,
    StorageError,
    UnfreezeError,
    WeightsAbsentError,
    WeightsDamagedError,
)
from core.models import build, catalog
from tests.conftest import wait_until
from tests.hub import Hub, running

CONTENTS = bytes(range(256)) * 4_000  # 1 MB: some chunks
LABEL = "ResNet-18"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub in place of the real one, and an empty cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running() as served:
        monkeypatch.setenv("UNFREEZE_HUB", served.address.rstrip("/"))
        yield served


def part(url: str) -> Path:
    return hub.part_of(hub.path_of(url))


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
    hub.check(LABEL, path)
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
        f"The weights of ResNet-18 could not be downloaded ({reason}). Try again, or fetch {url} by hand and choose "
        "“From a file”."
    )
    assert part(url).stat().st_size == kept
    assert not hub.path_of(url).exists()
    served.does = "serve"
    assert hub.fetch(LABEL, url).read_bytes() == CONTENTS
    assert served.asked == ["", f"bytes={kept}-" if kept else ""]
    assert is_clean(url)


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


def test_endless_answer_is_given_up(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_MOST_BYTES", 500_000)
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

    monkeypatch.setattr(hub, "_write", refuse)
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


def looked(url: str, state: str) -> Look:
    """What is seen as soon as that state is reached."""
    wait_until(lambda: downloads.look(LABEL, url).state == state)
    return downloads.look(LABEL, url)


def test_download_is_seen_stopped_gone_on_with_and_checked(served: Hub) -> None:
    served.does = "wait"
    url = served.add(CONTENTS)
    assert downloads.look(LABEL, url) == Look(state="absent")
    downloads.start(LABEL, url)
    downloads.start(LABEL, url)  # as a second viewer does
    wait_until(lambda: downloads.look(LABEL, url).num_bytes > 0)
    seen = looked(url, "running")
    assert seen.total_bytes == len(CONTENTS)
    assert downloads.arrived(url) == seen.num_bytes
    downloads.stop(url)
    stopped = downloads.look(LABEL, url)
    assert stopped.state == "absent"
    assert stopped.num_bytes == seen.num_bytes
    assert stopped.problem is None
    served.does = "serve"
    served.go_on.set()
    downloads.start(LABEL, url)
    looked(url, "here")
    assert hub.path_of(url).read_bytes() == CONTENTS
    assert downloads.arrived(url) == 0


def test_time_left_is_told_from_what_arrives(monkeypatch: pytest.MonkeyPatch, served: Hub) -> None:
    url = served.add(CONTENTS)
    monkeypatch.setattr(hub, "fetch", lambda *_, **__: None)
    download = downloads._Download(LABEL, url)
    now = 100.0
    monkeypatch.setattr("core.downloads.time.monotonic", lambda: now)
    for arrived in range(0, 40_000_000, 1_000_000):  # two megabytes a second, for twenty seconds
        download._note(arrived, 100_000_000)
        now += 0.5
    assert download.look().seconds_left == pytest.approx((100 - 39) / 2)


def test_failed_download_says_why_and_damaged_file_is_fetched_anew(served: Hub) -> None:
    url = served.add(CONTENTS)
    served.does = "answer 503"
    downloads.start(LABEL, url)
    wait_until(lambda: downloads.look(LABEL, url).problem)
    failed = downloads.look(LABEL, url)
    assert failed.state == "absent"
    assert "the server answers 503" in str(failed.problem)
    hub.path_of(url).write_bytes(CONTENTS[:-5])
    served.does = "serve"
    damaged = looked(url, "damaged")
    assert str(hub.path_of(url)) in str(damaged.problem)
    downloads.start(LABEL, url)
    looked(url, "here")
    assert hub.path_of(url).read_bytes() == CONTENTS


def test_fault_of_our_own_is_said_and_in_the_log(
    served: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = served.add(CONTENTS)
    monkeypatch.setattr(hub, "fetch", lambda *_, **__: 1 // 0)
    downloads.start(LABEL, url)
    wait_until(lambda: downloads.look(LABEL, url).problem)
    assert "ZeroDivisionError" in caplog.text


def test_large_file_is_checked_in_the_background(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    url = served.add(CONTENTS)
    path = hub.fetch(LABEL, url)

    def check(label: str, path: Path) -> None:
        go_on.wait(20)
        raise UnfreezeError(f"{label} at {path} is damaged")

    monkeypatch.setattr(hub, "check", check)
    monkeypatch.setattr(downloads, "_AT_ONCE_S", 0.01)
    assert downloads.look(LABEL, url).state == "checking"
    go_on.set()
    assert str(path) in str(looked(url, "damaged").problem)
    downloads._checked.cache_clear()
