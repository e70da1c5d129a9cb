"""How a run of the list is put into words."""

from core.runs.overview import Summary
from core.runs.status import Status
from core.words import size
from pages.ui.format import duration, plain

# A table's cells take no icons of a font.
_STATUS_SIGNS = {
    Status.STARTING: "◌",
    Status.QUEUED: "◷",
    Status.RUNNING: "▶",
    Status.FINISHED: "✓",
    Status.STOPPED: "■",
    Status.FAILED: "✕",
    Status.INTERRUPTED: "◐",
}
_UNREADABLE = "⚠ Unreadable"


def status_in_words(summary: Summary) -> str:
    """ "✓ Finished", with a sign that a table's cell can show."""
    return f"{_STATUS_SIGNS[summary.status]} {summary.status.capitalize()}" if summary.status else _UNREADABLE


def in_words(summary: Summary) -> str:
    """All that came of a run, in a line of Markdown."""
    parts = [
        status_in_words(summary).split(" ", 1)[1],
        plain(f"{summary.network}, {summary.mode}" if summary.mode else summary.network),
        "" if summary.test_accuracy is None else f"**{summary.test_accuracy:.1%}** of the test photos",
        "" if summary.best_accuracy is None else f"{summary.best_accuracy:.1%} best on validation",
        "" if summary.seconds is None else duration(summary.seconds),
        plain(summary.device),
        size(summary.size_bytes),
    ]
    return " · ".join(part for part in parts if part)
