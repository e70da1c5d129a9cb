"""The addresses that dropped files are sent to: who may send, what is answered, and what a lost connection leaves."""

import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from core import incoming, incoming_route
from tests.asynchronous import complete

OWN = {"origin": "http://here"}


def post(
    home: Path, path: str, *chunks: bytes, query: str = "", headers: dict[str, str] = OWN, is_cut_off: bool = False
) -> tuple[int, dict, int]:
    """Status and answer, and how many messages of the body were left unread."""
    app = Starlette(routes=incoming_route.routes("/lab", lambda: home, is_own=lambda sent: "origin" in sent))
    body: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if is_cut_off:
        body.append({"type": "http.disconnect"})
    elif body:
        body[-1]["more_body"] = False
    else:
        body.append({"type": "http.request"})
    answers: list[Message] = []

    async def receive() -> Message:
        return body.pop(0)  # an empty list is a server that would wait forever

    async def send(message: Message) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    complete(app, scope, receive, send)
    answer = b"".join(message.get("body", b"") for message in answers[1:])
    return answers[0]["status"], json.loads(answer or "{}"), len(body)


def announced(chunks: Iterable[bytes]) -> dict[str, str]:
    return {**OWN, "content-length": str(sum(map(len, chunks)))}


@pytest.fixture
def token(home: Path) -> str:
    return incoming.new_drop(home)


def test_file_is_taken_under_the_name_that_was_sent(home: Path, token: str) -> None:
    name = "Katzen & Hunde/ä=1?.jpg"
    status, answer, _ = post(
        home, f"/lab/incoming/{token}/cats", b"ab", b"c", query=f"name={quote(name)}", headers=announced([b"abc"])
    )
    assert (status, answer) == (200, {"id": "000001", "name": name, "bytes": 3})
    (file,) = incoming.files(home, token)
    assert (file.name, file.slot, file.path.read_bytes()) == (name, "cats", b"abc")


def test_foreign_page_sends_nothing(home: Path, token: str) -> None:
    for path in (f"/lab/incoming/{token}/cats", f"/lab/incoming/{token}", f"/lab/incoming/{token}/cats/many"):
        assert post(home, path, b"abc", headers={})[:2] == (
            403,
            {"problem": "Only pages of this dashboard may send files."},
        )
    assert incoming.files(home, token) == []


@pytest.mark.parametrize("token", ["0" * 32, "..", "%2e%2e", "x"])
def test_unknown_drop_is_said(home: Path, token: str) -> None:
    incoming.new_drop(home)
    status, answer, unread = post(home, f"/lab/incoming/{token}/cats", b"a", b"b", headers=announced([b"ab"]))
    assert status == 404
    assert "not there any more" in answer["problem"]
    assert unread == 0, "a browser that still sends hears no answer"


def test_refusal_after_the_whole_body_is_answered_at_once(home: Path, token: str) -> None:
    """Where a server would wait for more of it, `post` fails."""
    status, answer, _ = post(home, f"/lab/incoming/{token}/Cats", b"a", b"b", headers=announced([b"abc"]))
    assert (status, "problem" in answer) == (404, True)
    status, answer, _ = post(home, f"/lab/incoming/{token}/cats", b"ab", headers=announced([b"abc"]))
    assert (status, answer) == (413, {"problem": "(no name) did not come whole. Drop it again.", "taken": 0})


def test_rest_of_a_large_file_that_is_refused_is_not_taken_in(home: Path, token: str) -> None:
    headers = {**OWN, "content-length": str(65 * 10**9)}
    status, answer, unread = post(home, f"/lab/incoming/{token}/cats", b"a", b"b", query="name=a.zip", headers=headers)
    assert (status, unread) == (413, 2)
    assert answer["problem"] == "a.zip is too large: a file may have at most 64 GB."


def test_browser_hears_whether_a_file_would_be_taken(home: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/lab/incoming/{token}"
    assert post(home, path, query="name=a.zip&bytes=1000")[:2] == (200, {})
    assert post(home, path, query=f"name=a.zip&bytes={65 * 10**9}")[0] == 413
    assert post(home, path, query=f"name=a.zip&bytes={10**18}")[0] == 413
    monkeypatch.setattr(incoming, "MAX_FILES", 0)
    assert post(home, path, query="bytes=x")[0] == 409
    monkeypatch.setattr(incoming, "MAX_FILES", 1)
    monkeypatch.setattr(incoming, "KEEP_FREE_BYTES", 10**18)
    status, answer, _ = post(home, path, query="name=a.zip&bytes=1000")
    assert status == 507
    assert answer["problem"].startswith("a.zip has 1 kB, and the disk of ")


def test_lost_connection_leaves_nothing(home: Path, token: str) -> None:
    status, answer, _ = post(home, f"/lab/incoming/{token}/cats", b"a" * 2**21, is_cut_off=True)
    assert (status, answer) == (400, {})
    assert incoming.files(home, token) == []
    assert list((home / "incoming" / token).iterdir()) == []


MANY = b'[["a.jpg", 3], ["empty", 0], ["b/\xc3\xa4.jpg", 2]]\nabcde'


@pytest.mark.parametrize("num_bytes", [1, 2, 7, 60, 1_000])
def test_small_files_come_together(home: Path, token: str, num_bytes: int) -> None:
    chunks = [MANY[begin : begin + num_bytes] for begin in range(0, len(MANY), num_bytes)]
    status, answer, _ = post(home, f"/lab/incoming/{token}/cats/many", *chunks, headers=announced(chunks))
    assert (status, answer) == (200, {"taken": 3})
    found = [(file.name, file.path.read_bytes(), file.slot) for file in incoming.files(home, token)]
    assert found == [("a.jpg", b"abc", "cats"), ("empty", b"", "cats"), ("b/ä.jpg", b"de", "cats")]


def test_refusal_of_one_of_many_says_how_many_came_before(
    home: Path, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "MAX_FILE_BYTES", 2)
    body = b'[["1.jpg", 1], ["2.jpg", 3], ["3.jpg", 1]]\nabcde'
    status, answer, unread = post(
        home, f"/lab/incoming/{token}/cats/many", body[:44], body[44:], headers=announced([body])
    )
    assert (status, answer["taken"], unread) == (413, 1, 0)
    assert answer["problem"].startswith("2.jpg is too large")
    assert [file.name for file in incoming.files(home, token)] == ["1.jpg"]


LISTS = [b"", b"\n", b"{", b"[1]\n", b'[["a", -1]]\n', b'[["a", "x"]]\n', b'[["a", 1e999]]\n', b"[" * 9_999 + b"\n"]


@pytest.mark.parametrize("body", [*LISTS, b"\xff\n", b"null\n", b'[["a", 1]]', b"x" * 2**21, b'[["a.jpg", 5]]\nabc'])
def test_malformed_list_of_many_is_refused(home: Path, token: str, body: bytes) -> None:
    status, answer, _ = post(home, f"/lab/incoming/{token}/cats/many", body, headers=announced([body]))
    assert status == 413
    assert "did not come whole. Drop" in answer["problem"]
    assert incoming.files(home, token) == []
