"""Downloads as pages see them: on their way, stopped, failed, checked, damaged, here."""

import errno
import os
import threading
from pathlib import Path

import pytest

from core import downloads, fetching, hub
from core.downloads import Look
from core.errors import UnfreezeError
from core.published_file import PublishedFile
from tests.conftest import wait_until
from tests.hub import Hub

CONTENTS = bytes(range(256)) * 4_000  # 1 MB
LABEL = "ResNet-18"


def of(url: str) -> PublishedFile:
    """The file of a URL."""
    return hub.file_of(LABEL, url)


def looked(url: str, state: str) -> Look:
    """What is seen as soon as that state is reached."""
    wait_until(lambda: downloads.look(of(url)).state == state)
    return downloads.look(of(url))


def test_download_is_seen_stopped_gone_on_with_and_checked(served: Hub) -> None:
    served.does = "wait"
    url = served.add(CONTENTS)
    assert downloads.look(of(url)) == Look(state="absent")
    downloads.start(of(url))
    downloads.start(of(url))  # as a second viewer does
    wait_until(lambda: downloads.look(of(url)).num_bytes > 0)
    seen = looked(url, "running")
    assert seen.total_bytes == len(CONTENTS)
    assert downloads.arrived(of(url)) == seen.num_bytes
    downloads.stop(of(url))
    stopped = downloads.look(of(url))
    assert stopped.state == "absent"
    assert stopped.num_bytes == seen.num_bytes
    assert stopped.problem is None
    served.does = "serve"
    served.go_on.set()
    downloads.start(of(url))
    looked(url, "here")
    assert hub.path_of(url).read_bytes() == CONTENTS
    assert downloads.arrived(of(url)) == 0


def test_time_left_is_told_from_what_arrives(monkeypatch: pytest.MonkeyPatch, served: Hub) -> None:
    url = served.add(CONTENTS)
    monkeypatch.setattr(fetching, "fetch", lambda *_, **__: None)
    download = downloads._Download(of(url))
    now = 100.0
    monkeypatch.setattr("core.downloads.time.monotonic", lambda: now)
    for arrived in range(0, 40_000_000, 1_000_000):  # two megabytes a second, for twenty seconds
        download._note(arrived, 100_000_000)
        now += 0.5
    assert download.look().seconds_left == pytest.approx((100 - 39) / 2)


def test_failed_download_says_why_and_damaged_file_is_fetched_anew(served: Hub) -> None:
    url = served.add(CONTENTS)
    served.does = "answer 503"
    downloads.start(of(url))
    wait_until(lambda: downloads.look(of(url)).problem)
    failed = downloads.look(of(url))
    assert failed.state == "absent"
    assert "the server answers 503" in str(failed.problem)
    hub.path_of(url).write_bytes(CONTENTS[:-5])
    served.does = "serve"
    damaged = looked(url, "damaged")
    assert str(hub.path_of(url)) in str(damaged.problem)
    downloads.start(of(url))
    looked(url, "here")
    assert hub.path_of(url).read_bytes() == CONTENTS


def test_file_that_cannot_be_read_is_looked_at_again(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    url = served.add(CONTENTS)
    path = hub.fetch(LABEL, url)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patched:
        patched.setattr(fetching, "_is_sound", refuse)
        assert "Make the file readable" in str(downloads.look(of(url)).problem)
    assert looked(url, "here").num_bytes == path.stat().st_size


def test_pipe_in_the_place_of_a_file_keeps_nobody_waiting(served: Hub) -> None:
    pipe, whole = served.add(CONTENTS[1:]), served.add(CONTENTS)
    hub.fetch(LABEL, whole)
    os.mkfifo(hub.path_of(pipe))
    assert "cannot be read (It is no file)" in str(looked(pipe, "damaged").problem)
    assert looked(whole, "here")


def test_damaged_file_that_cannot_be_removed_says_why(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    url = served.add(CONTENTS)
    hub.path_of(url).parent.mkdir(parents=True)
    hub.path_of(url).write_bytes(b"damaged")
    looked(url, "damaged")
    monkeypatch.setattr(Path, "unlink", refuse)
    downloads.start(of(url))
    wait_until(lambda: "TORCH_HOME" in str(downloads.look(of(url)).problem))
    assert downloads.look(of(url)).state == "damaged"


def test_fault_of_our_own_is_said_and_in_the_log(
    served: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = served.add(CONTENTS)
    monkeypatch.setattr(fetching, "fetch", lambda *_, **__: 1 // 0)
    downloads.start(of(url))
    wait_until(lambda: downloads.look(of(url)).problem)
    assert "ZeroDivisionError" in caplog.text


def test_large_file_is_checked_in_the_background(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    url = served.add(CONTENTS)
    path = hub.fetch(LABEL, url)

    def check(file: PublishedFile) -> None:
        go_on.wait(20)
        raise UnfreezeError(f"{file.name} at {file.path} is damaged")

    monkeypatch.setattr(fetching, "check", check)
    monkeypatch.setattr(downloads, "_AT_ONCE_S", 0.01)
    assert downloads.look(of(url)).state == "checking"
    go_on.set()
    assert str(path) in str(looked(url, "damaged").problem)
    downloads._checked.cache_clear()
