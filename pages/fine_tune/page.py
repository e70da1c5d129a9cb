"""Fine-tune: choose a network, photos and settings, then watch every step. With `?run=`: the run."""

from collections.abc import Sequence

import streamlit as st

from core.errors import RunNotFoundError, UnfreezeError
from core.runs import jobs, store, workers
from core.runs.config import FineTuneConfig
from pages.fine_tune.form import FORM, fine_tune_form
from pages.fine_tune.live_race import live_race
from pages.fine_tune.live_run import live_run
from pages.ui import lookup
from pages.ui.format import plain
from pages.ui.once import forget_click, note_opened, start_once


def main() -> None:
    """Draw the page."""
    run_id = st.query_params.get("run")
    if run_id is None:
        set_up()
    else:
        # A link within the app hands its query over without changing the address; setting it does.
        lookup.open_run(run_id)
        show(run_id)


def set_up() -> None:
    """Choose what to train, and start it."""
    workers.prepare()
    configs = fine_tune_form()
    try:
        run_id = start_once(FORM, (lambda: _start(configs)) if configs else None)
    except UnfreezeError as error:
        st.error(plain(str(error)))
        return
    if run_id is not None:
        st.query_params.from_dict({"run": run_id})
        st.rerun()


def _start(configs: Sequence[FineTuneConfig]) -> str:
    """Begin a run, or a race, and return the id that opens it."""
    started = jobs.race(store.home(), configs) if len(configs) > 1 else [jobs.start(store.home(), configs[0])]
    return started[0].id


def show(run_id: str) -> None:
    """Watch a run, or see how it ended."""
    forget_click()
    try:
        note_opened(run_id)  # be it gone: or its form would open it for ever
        reader = lookup.reader(run_id)
        racing = lookup.race_of(reader)
        if len(racing) > 1:
            live_race(racing)
        else:
            live_run(reader)
    except RunNotFoundError as error:
        st.error(plain(str(error)))
        st.button("Set up a new run", type="primary", on_click=st.query_params.clear)


main()
