"""The HTML that the browser gets, whatever page it opens: Streamlit's own, with two things told first."""

from pathlib import Path

from streamlit import file_util

_HISTORY = Path(__file__).with_name("history.js")
# It would look for its server below the page's own address first, in vain.
_SERVER = "window.__streamlit = {BACKEND_BASE_URL: new URL('./', location.href).href};"


def index_html() -> str:
    """Streamlit's one page, told where its server is, and with a history in which Back works."""
    index = (Path(file_util.get_static_dir()) / "index.html").read_text()
    return index.replace("<head>", f"<head><script>{_SERVER}\n{_HISTORY.read_text()}</script>", 1)
