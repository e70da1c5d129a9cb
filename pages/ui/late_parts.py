"""A part of a page that is asked for too late is left out, so that the page that a click has led to stays drawn.

A part that polls (`st.fragment` with `run_every`) may be asked for while a click that leads to another page is worked
on. Streamlit comes to it after the new page, tells the browser that it belongs to the last one, and the browser removes
all that is there: an empty page, until it is loaded again. Streamlit itself leaves out what it no longer knows
(`AppSession.request_rerun`), but looks too early for this.
"""

from streamlit.runtime import app_session
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData


class _ScriptRunner(ScriptRunner):
    def _run_script(self, rerun_data: RerunData) -> None:
        """Run the page, or parts of it, unless they are another page's than the one that was drawn last."""
        drawn, asked = self._pages_manager.current_page_script_hash, rerun_data.page_script_hash
        is_late = bool(rerun_data.fragment_id_queue and drawn and asked) and asked != drawn
        if not is_late:
            super()._run_script(rerun_data)


def leave_out() -> None:
    """Have every session of this server leave out such parts."""
    app_session.ScriptRunner = _ScriptRunner  # type: ignore[attr-defined]  # Streamlit has no setting for it
