"""The table of every step: nothing thinned or rounded, names are data, and only runs are sent."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from core.runs.config import LinearFitConfig
from core.runs.events import Evaluated, RareEvent, Step
from core.runs.folder import RunFolder
from core.runs.steps_route import PATH, address_of, send_steps
from tests.asynchronous import complete
from tests.samples import STARTED, make_run

APP = Starlette(routes=[Route(f"/{PATH}", send_steps)])
BEGUN = dataclasses.replace(STARTED, steps_per_epoch=2, total_steps=4)
VALIDATED = Evaluated(split="validation", epoch=1, step=2, loss=0.1 + 0.2, accuracy=0.815, seconds=2.0, best=True)
RATES = (0.1, 0.001, 1 / 3)


def recorded(home: Path, *more: RareEvent, name: str = "mine") -> RunFolder:
    """A run of three steps, with a small batch at the end of its first epoch."""
    first, second, third = (
        Step(step=n, loss=1.2e-4 / n, learning_rate=rate, seconds=n / 3, images=32 if n != 2 else 5)
        for n, rate in enumerate(RATES, start=1)
    )
    return make_run(home, BEGUN, first, second, VALIDATED, third, *more, name=name)


def get(path: str) -> tuple[int, str, str]:
    """The status, the headers and the text of what is answered."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await anyio.sleep_forever()  # the browser stays until it has all
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": f"/{path}", "query_string": b"", "headers": []}
    complete(APP, scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], str(sent[0]["headers"]), body.decode()


def table(*runs: RunFolder) -> list[dict[str, str]]:
    status, headers, text = get(address_of([run.id for run in runs]))
    assert status == 200
    assert "text/csv" in headers
    assert "attachment" in headers
    return list(csv.DictReader(io.StringIO(text)))


def test_every_step_stands_in_the_table_as_it_was(home: Path) -> None:
    first, second, third = table(recorded(home))
    assert [row["images"] for row in (first, second, third)] == ["32", "37", "69"]
    assert [row["epoch"] for row in (first, second, third)] == ["1", "1", "2"]
    assert [float(row["learning_rate"]) for row in (first, second, third)] == list(RATES)
    assert float(third["loss"]) == 1.2e-4 / 3
    assert float(third["seconds"]) == 1.0
    assert (float(second["validation_loss"]), second["validation_accuracy"]) == (0.1 + 0.2, "0.815")
    assert first["validation_loss"] == third["validation_loss"] == ""
    assert "run" not in first


def test_long_run_is_not_thinned(home: Path) -> None:
    many = [Step(step=n, loss=1.0, learning_rate=0.1, seconds=n, images=32) for n in range(1, 4_502)]
    assert [int(row["step"]) for row in table(make_run(home, BEGUN, *many))] == list(range(1, 4_502))


def test_runs_stand_one_after_the_other_under_their_names_which_are_no_formulas(home: Path) -> None:
    rows = table(recorded(home, name="=1+1"), recorded(home, name='a"\n,b'))
    assert [row["run"] for row in rows] == ["'=1+1"] * 3 + ['a" ,b'] * 3


def test_run_that_has_not_begun_has_a_table_without_lines(home: Path) -> None:
    assert table(make_run(home)) == []


@pytest.mark.parametrize("path", ["steps/..csv", "steps/x.csv", "steps/%2e%2e.csv", "steps/,.csv"])
def test_what_names_no_run_is_not_found(home: Path, path: str) -> None:
    status, _, text = get(path)
    assert status == 404
    assert "There is no run" in text


def test_other_kinds_of_run_have_no_such_table(home: Path) -> None:
    assert get(address_of([make_run(home, config=LinearFitConfig()).id]))[0] == 404
