"""Unfreeze in a browser: `streamlit run dashboard.py`.

Owns the ASGI app: its settings, the main script, Plotly's JavaScript for the live chart, the photos of data sets,
the steps of runs, the files that are dropped, the checks of who may talk to it, and the spare worker that makes the
first start quick.
"""

import resource
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config

from core import ask, incoming, incoming_route
from core.data import photo_route, stored
from core.errors import StorageError
from core.runs import steps_route, store, trash, workers
from pages.places import FIRST, PLACES
from pages.ui import late_parts
from pages.ui.index import index_html

_HEADERS = {
    # A page of another site must not show this one in a frame, where a click may not go where it seems to.
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    # What is sent is what its type says, never a script.
    "X-Content-Type-Options": "nosniff",
}
_ONLY_READ = ("GET", "HEAD", "OPTIONS")
# Streamlit keeps three files open for every open page, and some systems allow 256 at first.
_MAX_OPEN_FILES = 8_192
_KEEP_DROPPED_S = 24 * 3600.0
_PURGE_EVERY_S = 3600.0
_HERE = Path(__file__).parent


class SecurityHeaders:
    """Puts the same headers on every answer, whoever gives it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        was_accepted = False

        async def send_with_headers(message: Message) -> None:
            nonlocal was_accepted
            was_accepted |= message["type"] == "websocket.accept"
            if message["type"] == "websocket.close" and not was_accepted and _can_answer(scope):
                # The server would answer by itself, without our headers.
                await Response(status_code=403)(scope, receive, send_with_headers)
                return
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _can_answer(scope: Scope) -> bool:
    """Whether the server lets a WebSocket be refused in words."""
    return "websocket.http.response" in scope.get("extensions", {})


class SameOriginMiddleware:
    """Refuses WebSockets that another site's page opens, and whatever else it sends.

    A browser lets any page open one to any address and only tells whose page it was. Streamlit alone would trust every
    port of localhost, and so whatever else runs on this computer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] not in _ONLY_READ)
        if asks and not is_trusted(Headers(scope=scope)):
            await Response(status_code=403)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def is_trusted(headers: Headers) -> bool:
    """Whether no page of another site asks. Compared as texts: an origin may be anything, and a browser writes its own
    in one way only.
    """
    origins, host = headers.getlist("origin"), headers.get("host")
    own = {f"http://{host}", f"https://{host}", *st.get_option("server.corsAllowedOrigins")}
    return own.issuperset(origins)  # none: no browser's page


def is_own(headers: Headers) -> bool:
    """Whether a page of this dashboard asks, and says so: what changes something takes nobody's silence for it."""
    return is_trusted(headers) and ("origin" in headers or headers.get("sec-fetch-site") == "same-origin")


def load_settings() -> None:
    """Take the settings beside this file, also where another folder or another server starts it.

    Streamlit looks for them beside the script that `streamlit run` names, and else in the working folder.
    """
    if config._main_script_path is None:
        config._main_script_path = str(Path(__file__).absolute())
        config.get_config_options(force_reparse=True)


def allow_open_files() -> None:
    """Raise how many files this process may have open, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(_MAX_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # some systems allow less than they say; then it stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def import_ahead() -> None:
    """Import what a run's page draws with: it brings pandas, which would keep the first click waiting."""
    import_module("core.figures.training")


def purge() -> None:
    """Remove what was deleted or dropped long ago, now and from time to time: a server may run for months."""
    trash.purge_once(store.home())
    while True:
        try:
            incoming.purge(store.home(), older_than_s=_KEEP_DROPPED_S)
            stored.purge(store.home())
        except StorageError as error:
            print(error, file=sys.stderr)
        time.sleep(_PURGE_EVERY_S)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Get ready for the first click while the browser still opens the page. Remove old deleted runs.

    A worker is warmed, and let go with the server.
    """
    allow_open_files()
    threading.Thread(target=import_ahead, daemon=True, name="imports ahead").start()
    try:
        store.check_home(store.home())
        workers.prepare()
        threading.Thread(target=purge, daemon=True, name="old files").start()
    except StorageError as error:
        print(error, file=sys.stderr)  # every page says so, too
    yield
    workers.release_spare()
    ask.stop()


def open_first(request: Request) -> Response:
    """The page that has the root for its address, under its name: like the others."""
    return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./")


def open_page(_: Request) -> Response:
    """Streamlit's one page, which asks for everything else."""
    return HTMLResponse(index_html(), headers={"Cache-Control": "no-cache"})


plotly = find_spec("plotly")
assert plotly is not None
assert plotly.origin is not None

load_settings()
late_parts.leave_out()
# What `--server.baseUrlPath` puts before every address, as behind a proxy that serves other things, too.
base = "/".join(["", *filter(None, (st.get_option("server.baseUrlPath") or "").split("/"))])
app = st.App(
    _HERE / "pages" / "shell.py",
    routes=[
        Mount(f"{base}/assets", StaticFiles(directory=Path(plotly.origin).parent / "package_data")),
        Route(f"{base}/{photo_route.PATH}", photo_route.send_photos),
        Route(f"{base}/{steps_route.PATH}", steps_route.send_steps),
        *incoming_route.routes(base, store.home, is_own=is_own),
        Route(f"{base}/{FIRST.address}", open_first),
        *(Route(f"{base}/{'' if place is FIRST else place.address}", open_page) for place in PLACES),
    ],
    # Any website may point a name of its own at 127.0.0.1: only requests that name this machine are answered.
    # Streamlit checks `server.allowedHosts` for WebSockets alone; here the same names guard every route.
    lifespan=lifespan,
    middleware=[
        Middleware(TrustedHostMiddleware, allowed_hosts=st.get_option("server.allowedHosts") or ["localhost"]),
        Middleware(SameOriginMiddleware),
    ],
)
app = SecurityHeaders(app)  # around all that answers, errors of the server included
