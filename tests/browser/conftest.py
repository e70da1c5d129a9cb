"""A real server and a real Chromium. On a user's machine without a browser these tests skip; in CI they fail."""

import base64
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect, sync_playwright

from core.runs import jobs, store
from core.runs.queue import all_alive
from tests.conftest import ROOT, wait_until

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


# Downloads fail at once, on machines with a network, too, and no earlier download is found.
_NO_NETWORK = {
    "https_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "no_proxy": "127.0.0.1,localhost",
}
# What Streamlit's own code throws while a server that a test has killed is away.
_AWAY = "not connected to a server!"
# One run trains at a time, with all cores, as at a user's; threads that wait leave theirs to the browser.
_ALL_THREADS = {"OMP_NUM_THREADS": str(os.cpu_count()), "OMP_WAIT_POLICY": "PASSIVE"}


expect.set_options(timeout=15_000)  # a busy computer draws a page late; what must be quick has its own limit


def find_chromium() -> str | None:
    """The system's browser, under any of its names."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    applications = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)
    return next(filter(None, map(shutil.which, (*names, *applications))), None)


@dataclass
class Server:
    """The dashboard as a user starts it, on a free port, with a home of its own."""

    home: Path
    port: int = 0
    folder: Path = ROOT  # where it is started
    base: str = ""  # the path before all of its addresses, "lab/"
    settings: dict[str, str] = field(default_factory=dict)  # of its environment
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.base}"

    def start(self) -> None:
        if not self.port:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
        self.home.mkdir(parents=True, exist_ok=True)
        with open(self.home / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self._command()],
                cwd=self.folder,
                env={
                    **os.environ,
                    "UNFREEZE_HOME": str(self.home),
                    "CUDA_VISIBLE_DEVICES": "",
                    "TORCH_HOME": str(self.home / "torch"),
                    **self.settings,
                    **_NO_NETWORK,
                },
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers)

    def _command(self) -> list[str]:
        """As the README says; from elsewhere, as somebody may try who knows servers."""
        if self.folder == ROOT:
            command = ["streamlit", "run", "dashboard.py", "--server.headless", "true", "--server.port", str(self.port)]
            return [*command, *(["--server.baseUrlPath", self.base.strip("/")] if self.base else [])]
        return ["uvicorn", "dashboard:app", "--app-dir", str(ROOT), "--port", str(self.port)]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "_stcore/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop_runs(self, *, but: str = "") -> None:
        """Ask every live run to stop, but for one that the test holds itself, and wait until all have."""
        for run_id in reversed(all_alive(self.home)):
            jobs.stop(store.find(self.home, run_id))
        wait_until(lambda: set(all_alive(self.home)) <= {but})


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        message = "no Chromium or Chrome is installed: the tests in a browser need one"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """It imports PyTorch once for all of the tests."""
    started = Server(tmp_path_factory.mktemp("browser") / "home", settings=_ALL_THREADS)
    started.start()
    yield started
    started.kill()


@pytest.fixture(scope="module")
def shared_server(one_server: Server) -> Iterator[Server]:
    """A running server without runs."""
    yield one_server
    for folder in ("runs", "trash"):
        shutil.rmtree(one_server.home / folder, ignore_errors=True)


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """A running server; whatever trains on it is stopped after the test."""
    yield shared_server
    shared_server.stop_runs()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """The Fine-tune page in a wide, light window. Nothing that it does may be an error."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)) if str(error) != _AWAY else None)
    opened.on("requestfailed", lambda request: errors.append(f"{request.url} failed") if foreign(request.url) else None)
    opened.goto(server.url)
    yield opened
    context.close()
    assert not errors


def dismissed(said: list[str], dialog: Dialog) -> None:
    """Close a dialog of the browser's own, and remember what it said."""
    said.append(dialog.message)
    dialog.dismiss()


def foreign(url: str) -> bool:
    """Whether a request leaves this machine: the product needs no network."""
    return not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))


def pause(page: Page, seconds: float) -> None:
    """Let the page live for a while."""
    page.wait_for_timeout(seconds * 1000)


def now() -> float:
    return time.monotonic()


def drop(page: Page, files: dict[str, bytes]) -> None:
    """Drop files on the page's drop zone, by the events that a browser sends when a person does it."""
    _drop_on(page.get_by_test_id("stFileUploaderDropzone"), files)


def drop_on_zone(page: Page, key: str, files: dict[str, bytes]) -> None:
    """Drop files on the zone of that key, see `pages/ui/drop_zone.py`."""
    _drop_on(page.locator(f".st-key-{key} .drop-zone-area"), files)


def _drop_on(zone: Locator, files: dict[str, bytes]) -> None:
    transfer = zone.page.evaluate_handle(
        """files => {
            const transfer = new DataTransfer();
            for (const [name, data] of files) {
                const bytes = Uint8Array.from(atob(data), character => character.charCodeAt(0));
                transfer.items.add(new File([bytes], name));
            }
            return transfer;
        }""",
        [[name, base64.b64encode(data).decode()] for name, data in files.items()],
    )
    for event in ("dragenter", "dragover", "drop"):
        zone.dispatch_event(event, {"dataTransfer": transfer})
