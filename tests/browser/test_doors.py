"""Who gets in, wherever the server is started: from another folder and by another server than the README's."""

import http.client
import http.server
import json
import os
import resource
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NewSession_pb2 import NewSession
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from core import incoming
from core.runs import overview
from tests.browser.conftest import Server
from tests.conftest import ROOT

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("elsewhere")
    started = Server(folder / "home", folder=folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))  # as on macOS
    try:
        started.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    yield started
    started.kill()


def ask(server: Server, method: str, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value.encode("latin-1"))
    connection.endheaders()
    return connection.getresponse()


ROUTES = ["/", "/runs", "/fine_tune?run=x", "/nowhere", "/assets/plotly.min.js", "/assets/nowhere", "/_stcore/health"]
ROUTES += ["/_stcore/host-config", "/media/nowhere", "/_stcore/upload_file/x/y", "/_stcore/agent/mcp", "//evil", "/%00"]


@pytest.mark.parametrize("path", ROUTES)
def test_every_answer_keeps_its_page_out_of_foreign_frames(server: Server, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"):
        for headers in ({}, {"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            answer = ask(server, method, path, headers)
            assert answer.status < 500, (method, path)
            assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
            assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


ORIGINS = ["http://[", "http://]", "http://[::1", "http://[v1.x]", "null", "", "*", "http://", "//", "\xff", "file://"]
ORIGINS += ["http://localhost", "http://localhost:99999", "http://localhost:x", "HTTP://EVIL", "a" * 5_000]
OWN = "http://127.0.0.1:{port}"


@pytest.mark.parametrize("origin", [*ORIGINS, f"{OWN}/", f"{OWN}.evil", f"{OWN}@evil", f"{OWN}, {OWN}", "x" + OWN])
def test_strange_origins_are_refused(server: Server, origin: str) -> None:
    answer = ask(server, "GET", "/_stcore/stream", {**HANDSHAKE, "Origin": origin.format(port=server.port)})
    assert answer.status == 403
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


SILENT: list[dict[str, str]] = [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
FOREIGN = [{"Origin": origin, "Sec-Fetch-Site": "same-origin"} for origin in (*ORIGINS, f"{OWN}.evil", f"{OWN}, {OWN}")]


@pytest.mark.parametrize("headers", [*SILENT, *FOREIGN])
def test_files_of_foreign_and_silent_pages_are_refused(server: Server, headers: dict[str, str]) -> None:
    headers = {name: value.format(port=server.port) for name, value in headers.items()}
    token = incoming.new_drop(server.home)
    for path in (f"/incoming/{token}", f"/incoming/{token}/x?name=a.jpg", f"/incoming/{token}/x/many"):
        answer = ask(server, "POST", path, {**headers, "Content-Length": "0"})
        assert answer.status == 403
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert incoming.files(server.home, token) == []


@pytest.mark.parametrize("headers", [{"Origin": OWN}, {"Sec-Fetch-Site": "same-origin"}])
def test_files_of_the_own_pages_are_taken_by_whoever_knows_the_drop(server: Server, headers: dict[str, str]) -> None:
    headers = {**{name: value.format(port=server.port) for name, value in headers.items()}, "Content-Length": "0"}
    token = incoming.new_drop(server.home)
    assert ask(server, "POST", f"/incoming/{token}/x?name=a.jpg", headers).status == 200
    assert [file.name for file in incoming.files(server.home, token)] == ["a.jpg"]
    for unknown in ("0" * 32, "..", "%2e%2e", f"{token}%2f..%2f{token}", "x"):
        assert ask(server, "POST", f"/incoming/{unknown}/x?name=a.jpg", headers).status in (400, 404, 405)
    assert ask(server, "POST", f"/incoming/{token}/x", {**headers, "Host": "evil.example"}).status == 400


HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


@pytest.mark.parametrize("path", ["/nope", "/runs", "/assets/x"])
def test_websocket_that_nothing_answers_is_refused_like_any_other(server: Server, path: str) -> None:
    answer = ask(server, "GET", path, {**HANDSHAKE, "Origin": OWN.format(port=server.port)})
    assert answer.status == 403
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


HOSTS = ["[", "]", "[::1", "[v1.x]", "", "@", "127.0.0.1@evil", "evil@127.0.0.1", "127.0.0.1:x", "127.0.0.1.", "\xff"]


@pytest.mark.parametrize("host", [*HOSTS, "127.0.0.1, evil", "127.0.0.1 evil", "127.1", "0x7f000001", "a" * 5_000])
def test_strange_hosts_are_refused(server: Server, host: str) -> None:
    for headers in ({"Host": host}, {**HANDSHAKE, "Host": host}, {**HANDSHAKE, "Host": host, "Origin": "http://["}):
        assert ask(server, "GET", "/_stcore/stream", headers).status in (400, 403)


def test_settings_are_in_force_wherever_it_is_started(server: Server) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/_stcore/stream", origin=Origin(server.url.rstrip("/"))) as socket:
        ask_to_run = BackMsg()
        ask_to_run.rerun_script.query_string = ""
        socket.send(ask_to_run.SerializeToString())
        session = first_session(socket)
    assert not session.config.gather_usage_stats
    assert session.custom_theme.light.primary_color == settings()["theme"]["light"]["primaryColor"]
    with (
        pytest.raises(InvalidStatus),
        connect(f"ws://127.0.0.1:{server.port}/_stcore/stream", origin=Origin("http://localhost:1")),
    ):
        pass


def settings() -> dict:
    return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


def first_session(socket) -> NewSession:
    while True:
        message = ForwardMsg()
        message.ParseFromString(socket.recv(timeout=20))
        if message.WhichOneof("type") == "new_session":
            return message.new_session


def test_every_setting_is_the_same_from_another_folder(tmp_path: Path) -> None:
    code = "import json, dashboard, streamlit as st; print(json.dumps([st.get_option(name) for name in %r]))"
    names = [
        f"{section}.{name}"
        for section, values in settings().items()
        for name, value in values.items()
        if not isinstance(value, dict)
    ]
    asked = subprocess.run(
        [sys.executable, "-c", code % names],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    found = dict(zip(names, json.loads(asked.stdout.splitlines()[-1]), strict=True))
    assert found == {name: settings()[name.split(".")[0]][name.split(".")[1]] for name in names}


def test_more_pages_stay_open_than_the_system_allows_files_at_first(server: Server) -> None:
    assert server.process is not None
    limits = Path(f"/proc/{server.process.pid}/limits")
    if not limits.exists():
        pytest.skip("the system does not tell another process's limits")
    soft = next(line.split()[3] for line in limits.read_text().splitlines() if line.startswith("Max open files"))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert int(soft) >= min(8_192, hard)


@contextmanager
def foreign_site(page: str) -> Iterator[str]:
    """A page of somebody else's, on another port of this machine."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}/"
        site.shutdown()


def test_foreign_page_shows_nothing_of_the_dashboard_and_starts_nothing(browser: Browser, server: Server) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    with foreign_site(f'<iframe id="frame" src="{server.url}" width="1400" height="1000"></iframe>') as site:
        page.goto(site)
        frame = page.frame_locator("#frame")
        expect(frame.get_by_text("Fine-tune")).to_have_count(0)
        for x in range(300, 1300, 250):
            for y in range(300, 900, 150):
                page.mouse.click(x, y)
        expect(frame.get_by_role("button")).to_have_count(0)
    assert any("frame-ancestors" in text for text in refused)
    assert overview.summaries(server.home) == []
    page.close()


def test_every_address_opens_its_page_and_asks_for_nothing_that_is_not_there(browser: Browser, server: Server) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    missing: list[str] = []
    page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
    for path, title in (("runs", "Runs"), ("fine_tune?epochs=7", "Fine-tune")):
        page.goto(server.url + path)
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible(timeout=20_000)
        expect(page.get_by_role("dialog")).to_have_count(0)
        if "epochs" in path:
            expect(page.get_by_text("399 steps")).to_be_visible()
    assert not missing
    page.close()
