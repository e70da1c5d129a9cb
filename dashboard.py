"""Unfreeze in a browser: `streamlit run dashboard.py`.

Owns the ASGI app: the main script, Plotly's JavaScript for the live chart, and the check of the Host header.
"""

from importlib.util import find_spec
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

plotly = find_spec("plotly")
assert plotly is not None
assert plotly.origin is not None

app = st.App(
    Path(__file__).parent / "pages" / "shell.py",
    routes=[Mount("/assets", StaticFiles(directory=Path(plotly.origin).parent / "package_data"))],
    # Any website may point a name of its own at 127.0.0.1: only requests that name this machine are answered.
    # Streamlit checks `server.allowedHosts` for WebSockets alone; here the same names guard every route.
    middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=st.get_option("server.allowedHosts") or ["localhost"])],
)
