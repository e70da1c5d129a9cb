"""How data sets and their packing are put into words. Pure."""

from collections import Counter
from collections.abc import Sequence

from core.runs.events import Failed
from core.runs.packing_progress import progress
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from core.words import shown
from pages.ui.format import plain, whole_percent


def told_apart(names: Sequence[str]) -> list[str]:
    """Names as they are shown, not as Markdown; of those that would look the same, each with a number."""
    seen: Counter[str] = Counter()
    told: list[str] = []
    for name in map(shown, names):
        seen[name] += 1
        told.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return told


def state_in_words(run: Snapshot | None) -> str:
    """What a packing is at, in a sentence of Markdown; nothing where it is done."""
    if run is None or run.status is Status.FINISHED:
        return ""
    if run.status is Status.FAILED and isinstance(run.last_event, Failed):
        return f":red[The packing failed: {plain(run.last_event.message)}]"
    if run.status is Status.STOPPED:
        return "The packing was stopped, and can go on."
    if run.status is Status.INTERRUPTED:
        return "The packing was cut off, and can go on."
    return f"Being packed: {whole_percent(progress(run).fraction)}."
