"""One fine-tuning, or a race: watch it live, and see how it ended. The address names it with `?run=`,
and how the chart is drawn with `x` and `scale`."""

import streamlit as st

from core.errors import RunNotFoundError
from pages.fine_tune.live_race import live_race
from pages.fine_tune.live_run import live_run
from pages.places import FINE_TUNE, FINE_TUNE_RUN, RUNS
from pages.ui import chart_view, kept_address, lookup
from pages.ui.format import plain
from pages.ui.once import forget_click, note_opened


def main() -> None:
    """Draw the page."""
    run_id = st.query_params.get("run")
    if run_id is None:
        st.switch_page(FINE_TUNE.script)
    chart_view.open_view(run_id, is_opened=kept_address.is_opened(FINE_TUNE_RUN.address, ("run", *chart_view.NAMES)))
    # A link within the app hands its query over without changing the address; setting it does.
    lookup.open_run(run_id)
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
        st.title("Fine-tune", anchor=False)
        st.error(plain(str(error)), icon=":material/error:")
        with st.container(horizontal=True):
            if st.button("Set up a new run", type="primary"):
                st.switch_page(FINE_TUNE.script)
            if st.button("See all runs"):
                st.switch_page(RUNS.script)


main()
