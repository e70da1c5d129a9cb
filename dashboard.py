"""Unfreeze in a browser: `streamlit run dashboard.py`.

Owns the ASGI app: the main script, Plotly's JavaScript for the live chart, the checks of who may talk to it, and the
spare worker that makes the first start quick.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from core import helper, reader
from core.runs import jobs


class SameOriginMiddleware:
    """Refuses WebSockets that another site's page opens.

    A browser lets any page open one to any address and only tells whose page it was. Streamlit alone would trust every
    port of localhost, and so whatever else runs on this computer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not self._is_trusted(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)

    def _is_trusted(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None:  # no browser's page
            return True
        return urlsplit(origin).netloc == headers.get("host") or origin in st.get_option("server.corsAllowedOrigins")


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Warm a worker while the browser still opens the page, and let it go with the server."""
    jobs.prepare()
    yield
    jobs.release_spare()
    helper.stop()
    reader.stop()


plotly = find_spec("plotly")
assert plotly is not None
assert plotly.origin is not None

app = st.App(
    Path(__file__).parent / "pages" / "shell.py",
    routes=[Mount("/assets", StaticFiles(directory=Path(plotly.origin).parent / "package_data"))],
    # Any website may point a name of its own at 127.0.0.1: only requests that name this machine are answered.
    # Streamlit checks `server.allowedHosts` for WebSockets alone; here the same names guard every route.
    lifespan=lifespan,
    middleware=[
        Middleware(TrustedHostMiddleware, allowed_hosts=st.get_option("server.allowedHosts") or ["localhost"]),
        Middleware(SameOriginMiddleware),
    ],
)
