"""A part of a page that is asked for too late is left out, so that the page that a click has led to stays drawn.

A part that polls (`st.fragment` with `run_every`) may be asked for while a click that leads to another page is worked
on. Streamlit comes to it after the new page, tells the browser that it belongs to the last one, and the browser removes
all that is there: an empty page, until it is loaded again. Streamlit itself leaves out what it no longer knows
(`AppSession.request_rerun`), but looks too early for this.
"""

from weakref import WeakKeyDictionary

from streamlit.runtime import app_session
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

# Of each session, the parts that were left out since a page was drawn. One that is asked for again is not late.
_left_out: WeakKeyDictionary[PagesManager, set[str]] = WeakKeyDictionary()


class _ScriptRunner(ScriptRunner):
    def _run_script(self, rerun_data: RerunData) -> None:
        """Run the page, or parts of it, unless they are another page's than the one that was drawn last."""
        left_out = _left_out.setdefault(self._pages_manager, set())
        parts = set(rerun_data.fragment_id_queue)
        drawn, asked = self._pages_manager.current_page_script_hash, rerun_data.page_script_hash
        if not parts:
            left_out.clear()
        elif drawn and asked and asked != drawn and not parts <= left_out:
            left_out |= parts
            return
        super()._run_script(rerun_data)


def leave_out() -> None:
    """Have every session of this server leave out such parts."""
    app_session.ScriptRunner = _ScriptRunner  # type: ignore[attr-defined]  # Streamlit has no setting for it
