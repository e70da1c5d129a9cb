"""The photos of a data set, as the server sends them to a browser. Knows no page, and never imports torch.

An address names the data set, its rows, and the SHA-256 of its pixels as `v`, so that what it shows never changes and a
browser need not ask twice. `size` is the side of a photo's square, in pixels, and `ground` the colour around it.
"""

import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from core.data import library
from core.data.sheets import TILE, rows_of_text, sheet
from core.errors import UnfreezeError

PATH = "photos/{set_key}/{rows}"
_KEY = re.compile(r"[a-z0-9_@-]{1,40}")
_SIZE = re.compile(r"[0-9]{1,4}")
_COLOR = re.compile(r"[0-9a-f]{6}")
_HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",  # a page of another site must not show them as its own
}


def send_photos(request: Request) -> Response:
    """A sheet of the photos that an address names, or why there is none. The server calls it in a thread."""
    try:
        jpeg = _sheet(request)
    except (ValueError, LookupError, OSError, UnfreezeError):
        headers = {"Cache-Control": "no-store"}
        return PlainTextResponse("There are no such photos. Reload the page.", status_code=404, headers=headers)
    return Response(jpeg, media_type="image/jpeg", headers=_HEADERS)


def _sheet(request: Request) -> bytes:
    asked = request.query_params
    key, rows = request.path_params["set_key"], rows_of_text(request.path_params["rows"])
    tile, color = asked.get("size", str(TILE)), asked.get("ground", "808080")
    if not (_KEY.fullmatch(key) and _SIZE.fullmatch(tile) and _COLOR.fullmatch(color)):
        raise ValueError("an address that no page has written")
    red, green, blue = bytes.fromhex(color)
    data = library.load(key)
    if data.manifest.content != asked.get("v", ""):
        raise KeyError("other photos have that key by now")
    return sheet(data.pixels, rows, tile=int(tile), ground=(red, green, blue))
