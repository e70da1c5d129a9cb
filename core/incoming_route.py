"""The addresses that dropped files are sent to. Owns what is HTTP about them; `core/incoming.py` owns the rest.

Knows no Streamlit. Who may send is asked of whoever makes the routes, beside the token, which only a session knows.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import incoming
from core.errors import DropFullError, DropNotFoundError, NoRoomForUploadError, UploadRefusedError

# A browser that still sends hears no answer. So what is left of a small file is taken in, and thrown away; about a
# large one, browsers ask before they send it.
_SMALL_BYTES = 16 * 2**20
_MAX_LINE_BYTES = 2**20
_NOT_WHOLE = "The files did not come whole. Drop them again."
_STATUSES: dict[type[UploadRefusedError], int] = {DropNotFoundError: 404, DropFullError: 409, NoRoomForUploadError: 507}
_Answer = Callable[[Request], Awaitable[Response]]


def routes(base: str, home: Callable[[], Path], *, is_own: Callable[[Headers], bool]) -> list[Route]:
    """Where files go, below `base`: `POST incoming/<token>/<slot>?name=` takes one, and `POST
    incoming/<token>?name=&bytes=` says whether it would. `POST incoming/<token>/<slot>/many` takes small ones, since a
    request costs a browser more than they do: a line of JSON, `[[name, bytes], ...]`, and then what they hold. `is_own`
    tells by its headers whether a request comes from a page of this dashboard.
    """

    async def take(request: Request) -> Response:
        token, slot = request.path_params["token"], request.path_params["slot"]
        length = _number(request.headers.get("content-length"))
        name = request.query_params.get("name", "")
        file = await incoming.receive(home(), token, slot, name, length, request.stream())
        return JSONResponse({"id": file.id, "name": file.name, "bytes": file.num_bytes})

    async def take_many(request: Request) -> Response:
        token, slot = request.path_params["token"], request.path_params["slot"]
        pieces = _Pieces(request.stream())
        for name, num_bytes in _listed(await pieces.line()):
            await incoming.receive(home(), token, slot, name, num_bytes, pieces.take(num_bytes))
            request.state.taken += 1
        return JSONResponse({"taken": request.state.taken})

    async def ask(request: Request) -> Response:
        token, query = request.path_params["token"], request.query_params
        num_bytes = _number(query.get("bytes")) or 0
        await to_thread.run_sync(incoming.check, home(), token, query.get("name", ""), num_bytes)
        return JSONResponse({})

    return [
        Route(f"{base}/incoming/{{token}}", _guarded(ask, is_own), methods=["POST"]),
        Route(f"{base}/incoming/{{token}}/{{slot}}", _guarded(take, is_own), methods=["POST"]),
        Route(f"{base}/incoming/{{token}}/{{slot}}/many", _guarded(take_many, is_own), methods=["POST"]),
    ]


def _guarded(answer: _Answer, is_own: Callable[[Headers], bool]) -> _Answer:
    """Answer pages of this dashboard alone, and refusals in a sentence."""

    async def guarded(request: Request) -> Response:
        if not is_own(request.headers):
            return JSONResponse({"problem": "Only pages of this dashboard may send files."}, status_code=403)
        request.state.taken = 0  # whole files, before one was refused
        try:
            return await answer(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody hears it
        except UploadRefusedError as error:
            await _drain(request)
            told = {"problem": str(error), "taken": request.state.taken}
            return JSONResponse(told, status_code=_STATUSES.get(type(error), 413))

    return guarded


class _Pieces:
    """The body of a request, taken piece by piece."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    async def line(self) -> bytes:
        """Its first line."""
        while b"\n" not in self._rest:
            if len(self._rest) > _MAX_LINE_BYTES:
                raise UploadRefusedError(_NOT_WHOLE)
            try:
                self._rest += await anext(self._chunks)
            except StopAsyncIteration:
                raise UploadRefusedError(_NOT_WHOLE) from None
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    async def take(self, num_bytes: int) -> AsyncIterator[bytes]:
        """The next so many bytes, or what there is of them."""
        while num_bytes:
            try:
                piece = self._rest or await anext(self._chunks)
            except StopAsyncIteration:
                return
            piece, self._rest = piece[:num_bytes], piece[num_bytes:]
            num_bytes -= len(piece)
            yield piece


def _listed(line: bytes) -> list[tuple[str, int]]:
    """The names and sizes of small files."""
    try:
        listed = [(str(name), int(num_bytes)) for name, num_bytes in json.loads(line)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise UploadRefusedError(_NOT_WHOLE) from None
    if any(num_bytes < 0 for _, num_bytes in listed):
        raise UploadRefusedError(_NOT_WHOLE)
    return listed


async def _drain(request: Request) -> None:
    """Take in the rest of a small file."""
    length = _number(request.headers.get("content-length"))
    if length is not None and length <= _SMALL_BYTES:
        with suppress(ClientDisconnect, RuntimeError):  # it was all taken in before
            async for _ in request.stream():
                pass


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 20 else None
