"""Fine-tune: choose a network, photos and settings, then watch every step. With `?run=`: the run."""

import streamlit as st

from core.errors import RunNotFoundError, UnfreezeError
from core.runs import jobs, store
from pages.components import runs
from pages.components.fine_tune_form import fine_tune_form
from pages.components.format import plain
from pages.components.live_run import live_run


def main() -> None:
    """Draw the page."""
    run_id = st.query_params.get("run")
    if run_id is None:
        set_up()
    else:
        # A link within the app hands its query over without changing the address; setting it does.
        runs.open_run(run_id)
        show(run_id)


def set_up() -> None:
    """Choose what to train, and start it."""
    jobs.prepare()
    config = fine_tune_form()
    if config:
        try:
            run = jobs.start(store.home(), config)
        except UnfreezeError as error:
            st.error(plain(str(error)))
            return
        runs.open_run(run.id)
        st.rerun()


def show(run_id: str) -> None:
    """Watch a run, or see how it ended."""
    try:
        live_run(runs.reader(run_id))
    except RunNotFoundError as error:
        st.error(plain(str(error)))
        st.button("Set up a new run", type="primary", on_click=st.query_params.clear)


main()
