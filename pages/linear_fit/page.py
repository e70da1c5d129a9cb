"""Linear Fit: train a weight and a bias, and see beside them what the exact answer is. With `?run=`: that fit."""

import streamlit as st

from core import ask
from core.errors import RunNotFoundError
from core.runs import jobs, store
from core.runs.config import LinearFitConfig
from core.runs.events import Fitted
from core.runs.linear_script import script
from core.runs.reader import RunReader
from core.runs.settings import settings_of
from core.runs.snapshot import Snapshot
from pages.linear_fit import files as linear_fit_files
from pages.linear_fit.form import belongs_to, form_beside, linear_fit_form, write_address
from pages.linear_fit.live_fit import live_fit
from pages.linear_fit.verdict import compare
from pages.places import LINEAR_FIT
from pages.ui import kept_address, lookup
from pages.ui.format import plain
from pages.ui.once import note_opened, start_once
from pages.ui.problems import problems_shown


def main() -> None:
    """Draw the page."""
    ask.do_light_run.prepare()
    ask.save_line.prepare()
    st.title("Linear Fit", anchor=False)
    st.markdown(
        "Train the smallest network there is, one weight and one bias, on 30 points of *y* = 2*x* + 3 plus noise, "
        "and see how close it comes to the exact answer. The noise is 0, 1 or 2, which adds 1 on average: the exact "
        "bias is near 4."
    )
    is_opened = kept_address.is_opened(LINEAR_FIT.address, ("run", *settings_of(LinearFitConfig)))
    reader, run, shown = _open_run()
    run_id = reader.folder.id if reader else None
    config = linear_fit_form(shown, run_id, is_opened=is_opened)
    with problems_shown():
        _start(config, run_id)
    write_address(shown, run_id)
    if reader is None:
        shown = config or shown
    elif config != shown:
        st.caption("The settings above differ from those of the fit below.")

    loaded, problem = linear_fit_files.loaded_file()
    live_fit(reader, shown, loaded)
    if run is not None and isinstance(fitted := run.last_event, Fitted):
        compare(shown, fitted, run.steps)
        linear_fit_files.save(fitted)
    linear_fit_files.load_back(loaded, problem)
    with st.expander("The same in plain PyTorch", icon=":material/code:"):
        st.caption(
            "Complete: it draws the same points and ends at the same weight and bias, to the last digit. Without "
            "`super().__init__()`, the first parameter raises `AttributeError: cannot assign parameters before "
            "Module.__init__() call`."
        )
        st.code(script(shown), language=None)


def _open_run() -> tuple[RunReader | None, Snapshot | None, LinearFitConfig]:
    """The fit that the address names, with its settings; none, and the course's settings, where it names none."""
    run_id = st.query_params.get("run")
    if run_id is None:
        return None, None, LinearFitConfig()
    try:
        note_opened(run_id)  # be it gone: or its form would open it for ever
        reader = lookup.reader(run_id)
        shown = reader.folder.config_of(LinearFitConfig)
        return reader, reader.poll(), shown
    except RunNotFoundError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None, None, LinearFitConfig()


def _start(config: LinearFitConfig | None, shown_id: str | None) -> None:
    """Begin a fit if that was asked for beside the fit that is shown, and show it from now on."""
    start = (lambda: jobs.start(store.home(), config).id) if config else None
    started = start_once(form_beside(shown_id), start)
    if started is not None:
        belongs_to(started)
        lookup.open_run(started)
        st.rerun()


main()
