"""Whether a race was fair: what its runs' own records say of where they began, and of the photos that they saw."""

from collections.abc import Sequence

import streamlit as st

from core.runs import first_losses, history
from core.runs.history import RaceStart
from core.runs.snapshot import Snapshot
from pages.ui.format import counted, listed, plain


def show_fairness(runs: Sequence[Snapshot]) -> None:
    """Say it, with the fingerprints that show it; nothing where the records do not tell.

    Raises:
        RunNotFoundError: a run's description cannot be read.
    """
    start = history.race_start([run.events for run in runs])
    if start is None:
        return
    if not start.head_hashes or not start.rows_hash:
        what = "started with different new layers" if not start.head_hashes else "trained on different photos"
        st.warning(f"This race is not fair: its runs {what}. Start it again.", icon=":material/balance:")
        return
    is_all = len({run.folder.config().epochs for run in runs}) == 1
    epochs = f"{counted(start.epochs, 'epoch')}{'' if is_all else ', as far as all of them went'}"
    st.caption(
        f":material/balance: A fair race: {_layers(start)} and trained on the same photos in the same order, for "
        f"{epochs} (fingerprint {plain(start.rows_hash)}).{_why_apart(runs)} The seconds count a run's own work only."
    )


def _layers(start: RaceStart) -> str:
    """How they began, with the fingerprints of their new layers."""
    hashes = [plain(hash) for hash in dict.fromkeys(start.head_hashes)]
    if len(start.head_hashes) == 1:
        return f"every run started with the same new layer (fingerprint {hashes[0]})"
    return (
        "every run started with the new layer that its network has for this seed "
        f"(fingerprint{'s' if len(hashes) > 1 else ''} {listed(hashes)})"
    )


def _why_apart(runs: Sequence[Snapshot]) -> str:
    """In a sentence, why the first losses differ, where they do and it is known."""
    if not first_losses.are_apart([float(run.steps["loss"][0]) for run in runs if len(run.steps)]):
        return ""
    started = [history.started(run.events) for run in runs]
    reasons = first_losses.reasons(
        [run.folder.config() for run in runs], [known.precision for known in started if known is not None]
    )
    if not reasons:
        return ""
    return f" Their first losses still differ, though seed and photos are the same: {'; '.join(reasons)}."
