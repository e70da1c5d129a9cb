"""Every step of one fine-tuning, or of several, as the server sends it to a browser: a table. Knows no page."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from core.errors import RunNotFoundError
from core.runs import history, store
from core.runs.reader import RunReader
from core.runs.results import labels
from core.runs.snapshot import Snapshot
from core.runs.steps_csv import Recorded, as_csv

PATH = "steps/{run_ids}.csv"
_MAX_RUNS = 8  # as many as are compared
_HEADERS = {
    "Cache-Control": "no-store",  # there are more a moment later
    "Content-Disposition": "attachment",  # under the name that the page gives it
    "Cross-Origin-Resource-Policy": "same-origin",
}


def address_of(run_ids: Sequence[str]) -> str:
    """Where the steps of these runs are, below the address of the dashboard."""
    return PATH.format(run_ids=",".join(run_ids[:_MAX_RUNS]))


def send_steps(request: Request) -> Response:
    """The table of the runs that an address names, or why there is none. The server calls it in a thread."""
    run_ids = list(dict.fromkeys(request.path_params["run_ids"].split(",")))[:_MAX_RUNS]
    try:
        folders = [store.find(store.home(), run_id) for run_id in run_ids]
        names = labels(folders)
        runs = [RunReader(folder).poll() for folder in folders]
    except RunNotFoundError as error:
        return PlainTextResponse(str(error), status_code=404, headers={"Cache-Control": "no-store"})
    recorded = [_recorded(run, name) for run, name in zip(runs, names, strict=True)]
    return StreamingResponse(as_csv(recorded), media_type="text/csv", headers=_HEADERS)


def _recorded(run: Snapshot, label: str) -> Recorded:
    started = history.started(run.events)
    return Recorded(
        label=label,
        steps=run.steps,
        validations=history.validations(run.events),
        steps_per_epoch=started.steps_per_epoch if started else max(run.last_step, 1),
    )
