"""Fine-tune: choose a network, photos and settings, and start a run, or a race of several."""

from collections.abc import Sequence

import streamlit as st

from core.errors import UnfreezeError
from core.runs import jobs, store, workers
from core.runs.config import FineTuneConfig
from pages.fine_tune.form import FORM, fine_tune_form
from pages.places import FINE_TUNE_RUN
from pages.ui.format import plain
from pages.ui.once import start_once


def main() -> None:
    """Draw the page."""
    if run_id := st.query_params.get("run"):  # an address of an earlier version
        st.switch_page(FINE_TUNE_RUN.script, query_params={"run": run_id})
    workers.prepare()
    configs = fine_tune_form()
    try:
        run_id = start_once(FORM, (lambda: _start(configs)) if configs else None)
    except UnfreezeError as error:
        st.error(plain(str(error)))
        return
    if run_id is not None:
        st.switch_page(FINE_TUNE_RUN.script, query_params={"run": run_id})


def _start(configs: Sequence[FineTuneConfig]) -> str:
    """Begin a run, or a race, and return the id that opens it."""
    started = jobs.race(store.home(), configs) if len(configs) > 1 else [jobs.start(store.home(), configs[0])]
    return started[0].id


main()
