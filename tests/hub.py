"""A hub of weights on this computer, which can be as slow, broken or wrong as the net is."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from core.models.torchvision_classifiers import HUB


@dataclass
class Hub:
    """What it holds, how it behaves, and what it was asked for."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # the range of every request, "" for the whole file
    does: str = "serve"  # or another way, as `_Handler` knows them
    raw: bytes = b""  # what it answers instead, headers and all
    go_on: threading.Event = field(default_factory=threading.Event)  # what "wait" waits for after half a file

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/models/"

    def add(self, contents: bytes, *, name: str = "") -> str:
        """Publish a file under a name that holds its hash. Returns the URL that the catalog would give."""
        name = name or f"net-{hashlib.sha256(contents).hexdigest()[:8]}.pth"
        self.files[name] = contents
        return HUB + name


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        hub = self.hub
        contents = hub.files.get(self.path.removeprefix("/models/"), b"")
        wanted = self.headers.get("Range", "")
        hub.asked.append(wanted)
        if hub.raw:
            self.wfile.write(hub.raw)
            self.close_connection = True
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-") or 0) if hub.does != "ignore ranges" else 0
        if hub.does == "answer 503":
            self.send_error(503)
            return
        if start >= len(contents) > 0:
            self.send_error(416)
            return
        body = contents[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(contents) - 1}/{len(contents)}")
        if hub.does == "announce nonsense":
            self.send_header("Content-Length", "-3")
        elif hub.does not in ("announce nothing", "send more than announced"):
            self.send_header("Content-Length", str(len(body)))
        elif hub.does == "send more than announced":
            self.send_header("Content-Range", f"bytes 0-9/{len(body) - 10}")
        self.end_headers()
        match hub.does:
            case "break off":
                self.wfile.write(body[: len(body) // 2])
            case "send other bytes":
                self.wfile.write(bytes(len(body)))
            case "wait":
                self.wfile.write(body[: len(body) // 2])
                hub.go_on.wait(60)
                self.wfile.write(body[len(body) // 2 :])
            case _:
                self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running() -> Iterator[Hub]:
    """A hub that answers for as long as the block lasts."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()
