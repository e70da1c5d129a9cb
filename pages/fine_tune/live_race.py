"""A race on a page: its lanes in one chart, live, then side by side with a verdict. Reads folders, never trains."""

from collections.abc import Sequence

import streamlit as st

from core.runs import history, progress
from core.runs.events import Failed, Preparing
from core.runs.reader import RunReader
from core.runs.results import labels
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from pages.fine_tune import take_away
from pages.fine_tune.fairness import show_fairness
from pages.fine_tune.live_run import (
    POLL_S,
    STARTING_POLL_S,
    starting,
    tab_title,
    time_left,
    training_words,
    waiting_for,
)
from pages.fine_tune.race_again import open_race
from pages.fine_tune.words import budget, in_words
from pages.places import FINE_TUNE, PREDICT
from pages.ui import run_actions
from pages.ui.comparison import clear_winner, compare_runs, verdict
from pages.ui.format import plain, whole_percent
from pages.ui.icons import STATUS_ICONS
from pages.ui.problems import problems_shown


def live_race(readers: Sequence[RunReader]) -> None:
    """Show a race, and keep it up to date for as long as one of its lanes lives.

    Raises:
        RunNotFoundError: a lane's description cannot be read.
    """
    runs = [reader.poll() for reader in readers]
    _header(runs)
    statuses = [run.status for run in runs]
    poll_s = None
    if any(status.is_live for status in statuses):
        is_starting = all(status is Status.STARTING for status in statuses)
        poll_s = STARTING_POLL_S if is_starting else POLL_S
    st.fragment(_body, run_every=poll_s)(readers, before=statuses)


def _header(runs: Sequence[Snapshot]) -> None:
    """What the lanes share, and that they began alike."""
    configs = [run.folder.config() for run in runs]
    networks = list(dict.fromkeys(config.in_words("architecture") for config in configs))
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(f"Race: {plain(' against '.join(networks))}", anchor=False, width="content")
        if st.button("New run", icon=":material/add:"):
            st.switch_page(FINE_TUNE.script)
    values = [config.to_dict() for config in configs]
    shared = {name: value for name, value in values[0].items() if all(lane[name] == value for lane in values)}
    if any(config.minutes for config in configs):
        shared.pop("epochs", None)  # each run says below how many fit
    st.caption(in_words(shared))
    for name, run in zip(_names(runs), runs, strict=True):
        if decided := history.budget(run.events):
            st.caption(f":material/timer: {name}: {budget(decided)}")
        for recovery in history.recoveries(run.events):
            st.warning(f"{name}: {plain(recovery)}", icon=":material/healing:")


@problems_shown()
def _body(readers: Sequence[RunReader], *, before: list[Status]) -> None:
    """Everything that changes while a race lives: few elements, since each of them is a message a poll."""
    runs = [reader.poll() for reader in readers]
    if [run.status for run in runs] != before:
        st.rerun()  # once: the whole page, which polls as the new statuses need it
    is_live = any(run.status.is_live for run in runs)
    overall = min(map(_fraction, runs))  # the race lasts as long as its slowest lane
    tab_title(whole_percent(overall) if is_live else "Race finished")
    with st.container(horizontal=is_live, vertical_alignment="bottom"):
        if is_live:
            _progress_row(runs, overall)
        else:
            _ended(runs)
    compare_runs(runs, in_short=True)
    if not is_live:
        show_fairness(runs)


def _fraction(run: Snapshot) -> float:
    """How much of its work a lane has behind it, from 0 to 1; one that has ended has no more to do."""
    if not run.status.is_live:
        return 1.0
    now = progress.measure(run.events, run.steps)
    return now.fraction if now else 0.0


def _progress_row(runs: Sequence[Snapshot], overall: float) -> None:
    live = [run for run in runs if run.status.is_live]
    is_stopping = all(run.folder.control.exists() for run in live)
    fraction, text = _doing(live, among=len(runs))
    st.progress(overall if fraction is None else fraction, text=text)
    st.button(
        "Stopping …" if is_stopping else "Stop the race",
        icon=":material/stop:",
        on_click=run_actions.stop,
        args=[run.folder for run in live],
        disabled=is_stopping,
        key="stop",
    )


def _doing(live: Sequence[Snapshot], *, among: int) -> tuple[float | None, str]:
    """What the lanes that live are doing, in a line, and how much of that is done, where it is not the training."""
    measured = [progress.measure(run.events, run.steps) for run in live]
    under_way = [now for now in measured if now is not None]
    statuses = [run.status for run in live]
    if Status.RUNNING in statuses and under_way:
        now = max(under_way, key=lambda now: now.remaining_s or 0.0)
        lanes_left = "" if len(live) == among else f" · {len(live)} of {among} runs are still training"
        overall = min(map(_fraction, live))
        return None, f"{whole_percent(overall)} · {training_words(now)}{_time_left(live, measured)}{lanes_left}"
    if Status.QUEUED in statuses:
        return None, waiting_for(live[0], beside=[run.folder.id for run in live])
    begun = [run for run in live if isinstance(run.last_event, Preparing)] or live
    return starting(begun[-1], begun[-1].folder.config())


def _time_left(live: Sequence[Snapshot], measured: Sequence[progress.Progress | None]) -> str:
    """How long the race still takes: lanes take turns, so it lasts as long as all of them together."""
    left = [now.remaining_s for now in measured if now is not None and now.remaining_s is not None]
    return time_left(
        sum(left) if len(left) == len(live) else None,
        quiet_s=min(run.quiet_s for run in live),
        patience_s=sum(now.patience_s for now in measured if now is not None),
    )


def _ended(runs: Sequence[Snapshot]) -> None:
    """How the race came out, and what to do next: the likeliest first."""
    if all(run.status is Status.FINISHED for run in runs):
        st.success(verdict(runs, in_short=True), icon=":material/trophy:")
    named = dict(zip((run.folder.id for run in runs), _names(runs), strict=True))
    for run in runs:
        if isinstance(run.last_event, Failed):
            st.error(f"{named[run.folder.id]}: {plain(run.last_event.message)}", icon=STATUS_ICONS[run.status])
        elif run.status is not Status.FINISHED:
            ended = "was stopped" if run.status is Status.STOPPED else "broke off: its process was killed"
            st.info(f"{named[run.folder.id]} {ended} {_where(run)}.", icon=STATUS_ICONS[run.status])
    unfinished = [run.folder for run in runs if run.is_resumable]
    with st.container(horizontal=True):
        if unfinished:
            label = "Resume the race" if len(unfinished) > 1 else "Resume the run"
            st.button(label, type="primary", icon=":material/play_arrow:", on_click=run_actions.resume, args=unfinished)
        winner = None if unfinished else clear_winner(runs)
        for run in runs:
            if run.folder.has_model and st.button(
                f"Predict with {named[run.folder.id]}",
                type="primary" if run is winner else "secondary",
                icon=":material/image_search:",
                key=f"predict-{run.folder.id}",
            ):
                st.switch_page(PREDICT.script, query_params={"run": run.folder.id})
        if st.button("Change settings", icon=":material/tune:", help="Set up another race with these settings."):
            open_race([run.folder.config() for run in runs])
    if trained := [run for run in runs if run.folder.has_model]:
        take_away.several_models([run.folder for run in trained], [named[run.folder.id] for run in trained])


def _names(runs: Sequence[Snapshot]) -> list[str]:
    """What the runs are called on this page, as Markdown."""
    return [plain(label) for label in labels([run.folder for run in runs], in_short=True)]


def _where(run: Snapshot) -> str:
    step = run.last_step
    return f"after step {step:,}" if step else "before its first step"
