"""Runs as every page finds them: shared readers, and the run that the address names. Session state holds ids only."""

from contextlib import suppress
from functools import lru_cache

from core.errors import RunNotFoundError
from core.runs import store
from core.runs.folder import RunFolder
from core.runs.reader import RunReader
from pages.ui import kept_address
from pages.ui.format import plain, plain_name


def reader(run_id: str) -> RunReader:
    """The run's reader, shared by all viewers: each new byte is read once.

    Raises:
        RunNotFoundError: the id names no run.
    """
    return _reader(store.find(store.home(), run_id))  # found anew each time: a run may have been deleted


def race_of(run: RunReader) -> list[RunReader]:
    """The runs that take turns with this one, itself included: those that can be read, and that name the same race.

    Raises:
        RunNotFoundError: this run's description cannot be read.
    """
    race = run.folder.race()
    lanes: list[RunReader] = []
    for run_id in race:
        with suppress(RunNotFoundError):
            lane = reader(run_id)
            lane.folder.config()
            lane.poll()
            if lane.folder.race() == race:
                lanes.append(lane)
    return lanes


def name_of(run_id: str) -> str:
    """What the run is called, as Markdown; its id where that cannot be read."""
    try:
        return plain_name(reader(run_id).folder.description()["name"])
    except RunNotFoundError:
        return plain(run_id)


@lru_cache(maxsize=64)
def _reader(folder: RunFolder) -> RunReader:
    return RunReader(folder)


def open_run(run_id: str) -> None:
    """Show this run: its id goes into the address, so that a reload or another browser opens it, too."""
    kept_address.move("run", run_id)
