"""A race on a page: its lanes in one chart, live, then side by side with a verdict. Reads folders, never trains."""

from collections.abc import Sequence

import streamlit as st

from core.runs import history, progress
from core.runs.events import Failed, Finished, Preparing
from core.runs.reader import RunReader
from core.runs.status import Status, is_resumable, read_status
from pages.fine_tune import lanes
from pages.fine_tune.live_run import POLL_S, STARTING_POLL_S, tab_title, time_left, waiting_for
from pages.fine_tune.values import reuse
from pages.fine_tune.words import in_words
from pages.places import PREDICT
from pages.ui import run_actions
from pages.ui.comparison import compare_runs, verdict
from pages.ui.format import counted, plain, plain_name
from pages.ui.icons import STATUS_ICONS
from pages.ui.problems import problems_shown


def live_race(readers: Sequence[RunReader]) -> None:
    """Show a race, and keep it up to date for as long as one of its lanes lives.

    Raises:
        RunNotFoundError: a lane's description cannot be read.
    """
    statuses = [read_status(reader) for reader in readers]
    _header(readers)
    poll_s = None
    if any(status.is_live for status in statuses):
        is_starting = all(status is Status.STARTING for status in statuses)
        poll_s = STARTING_POLL_S if is_starting else POLL_S
    st.fragment(_body, run_every=poll_s)(readers, before=statuses)


def _header(readers: Sequence[RunReader]) -> None:
    """What the lanes share, and that they began alike."""
    configs = [reader.folder.config() for reader in readers]
    labels = list(dict.fromkeys(config.in_words("architecture") for config in configs))
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(f"Race: {plain(' against '.join(labels))}", anchor=False, width="content")
        st.button("New run", icon=":material/add:", on_click=st.query_params.clear)
    values = [config.to_dict() for config in configs]
    st.caption(
        in_words({name: value for name, value in values[0].items() if all(lane[name] == value for lane in values)})
    )
    for reader in readers:
        for recovery in history.recoveries(reader.events):
            st.warning(f"{_name(reader)}: {plain(recovery)}", icon=":material/healing:")


@problems_shown()
def _body(readers: Sequence[RunReader], *, before: list[Status]) -> None:
    """Everything that changes while a race lives: few elements, since each of them is a message a poll."""
    statuses = [read_status(reader) for reader in readers]
    if statuses != before:
        st.rerun()  # once: the whole page, which polls as the new statuses need it
    is_live = any(status.is_live for status in statuses)
    overall = min(map(_fraction, readers, statuses))  # the race lasts as long as its slowest lane
    tab_title(f"{overall:.0%}" if is_live else "Race finished")
    with st.container(horizontal=is_live, vertical_alignment="bottom"):
        if is_live:
            _progress_row(readers, statuses, overall)
        else:
            _ended(readers, statuses)
    compare_runs(readers)
    if not is_live:
        _proof(readers)


def _fraction(reader: RunReader, status: Status) -> float:
    """How much of its work a lane has behind it, from 0 to 1; one that has ended has no more to do."""
    if not status.is_live:
        return 1.0
    now = progress.measure(reader.events, reader.steps)
    return now.fraction if now else 0.0


def _progress_row(readers: Sequence[RunReader], statuses: Sequence[Status], overall: float) -> None:
    live = [reader for reader, status in zip(readers, statuses, strict=True) if status.is_live]
    is_stopping = all(reader.folder.control.exists() for reader in live)
    st.progress(overall, text=_doing(live, statuses))
    st.button(
        "Stopping …" if is_stopping else "Stop the race",
        icon=":material/stop:",
        on_click=run_actions.stop,
        args=[reader.folder for reader in live],
        disabled=is_stopping,
        key="stop",
    )


def _doing(live: Sequence[RunReader], statuses: Sequence[Status]) -> str:
    """What the lanes that live are doing, in a line."""
    measured = [progress.measure(reader.events, reader.steps) for reader in live]
    under_way = [now for now in measured if now is not None]
    if Status.RUNNING in statuses and under_way:
        now = max(under_way, key=lambda now: now.remaining_s or 0.0)
        lanes_left = "" if len(live) == len(statuses) else f" · {len(live)} of {len(statuses)} runs are still training"
        step = f"Epoch {now.epoch} of {now.epochs} · step {now.step:,} of {now.total_steps:,}"
        return f"{step}{_time_left(live, measured)}{lanes_left}"
    if Status.QUEUED in statuses:
        return waiting_for(live[0], beside=[reader.folder.id for reader in live])
    preparing = [reader.last_event for reader in live if isinstance(reader.last_event, Preparing)]
    return f"{plain(preparing[-1].what)} …" if preparing else "Starting the training process …"


def _time_left(live: Sequence[RunReader], measured: Sequence[progress.Progress | None]) -> str:
    """How long the race still takes: lanes take turns, so it lasts as long as all of them together."""
    left = [now.remaining_s for now in measured if now is not None and now.remaining_s is not None]
    return time_left(
        sum(left) if len(left) == len(live) else None,
        quiet_s=min(reader.quiet_s for reader in live),
        patience_s=sum(now.patience_s for now in measured if now is not None),
    )


def _ended(readers: Sequence[RunReader], statuses: Sequence[Status]) -> None:
    """How the race came out, and what to do next: the likeliest first."""
    if all(status is Status.FINISHED for status in statuses):
        st.success(verdict(readers), icon=":material/trophy:")
    for reader, status in zip(readers, statuses, strict=True):
        if isinstance(reader.last_event, Failed):
            st.error(f"{_name(reader)}: {plain(reader.last_event.message)}", icon=STATUS_ICONS[status])
        elif status is not Status.FINISHED:
            ended = "was stopped" if status is Status.STOPPED else "broke off: its process was killed"
            st.info(f"{_name(reader)} {ended} {_where(reader)}.", icon=STATUS_ICONS[status])
    unfinished = [
        reader for reader, status in zip(readers, statuses, strict=True) if is_resumable(status, reader.last_event)
    ]
    clicked = False
    with st.container(horizontal=True):
        if unfinished:
            label = "Resume the race" if len(unfinished) > 1 else "Resume the run"
            st.button(
                label, type="primary", icon=":material/play_arrow:", on_click=run_actions.resume, args=(unfinished,)
            )
        winner = max(readers, key=_test_accuracy)
        for reader in readers:
            if reader.folder.has_model and st.button(
                f"Predict with {_name(reader)}",
                type="primary" if reader is winner and not unfinished else "secondary",
                icon=":material/image_search:",
                key=f"predict-{reader.folder.id}",
            ):
                st.switch_page(PREDICT.script, query_params={"run": reader.folder.id})
        clicked = st.button(
            "Change settings",
            icon=":material/tune:",
            on_click=_reuse,
            args=(readers,),
            help="Set up another race with these settings.",
        )
    if clicked:
        st.rerun()  # the page, not only this fragment of it


def _test_accuracy(reader: RunReader) -> float:
    """From 0 to 1; less where the lane was not tested."""
    return reader.last_event.test_accuracy if isinstance(reader.last_event, Finished) else -1.0


def _reuse(readers: Sequence[RunReader]) -> None:
    configs = [reader.folder.config() for reader in readers]
    reuse(configs[0], mode="race")
    lanes.fill_in([(config.mode, config.learning_rate) for config in configs], shared=configs[0].learning_rate)


def _proof(readers: Sequence[RunReader]) -> None:
    """Whether the comparison is fair: what the lanes' own records say of where they began and what they saw."""
    start = history.race_start([reader.events for reader in readers])
    if start is None:
        return
    if not start.head_hash or not start.rows_hash:
        what = "started with different new layers" if not start.head_hash else "trained on different photos"
        st.warning(f"This race is not fair: its runs {what}. Start it again.", icon=":material/balance:")
        return
    first_losses = {float(reader.steps["loss"][0]) for reader in readers if len(reader.steps)}
    why_not_alike = (
        " Their first losses still differ: full fine-tuning runs BatchNorm and dropout as in training, a frozen "
        "network runs them as in prediction."
    )
    epochs = counted(start.epochs, "epoch")
    st.caption(
        f":material/balance: A fair race: every run started with the same new layer ({plain(start.head_hash)}) and "
        f"trained on the same photos in the same order, for {epochs} ({plain(start.rows_hash)})."
        f"{why_not_alike if len(first_losses) > 1 else ''} The seconds count a run's own work only."
    )


def _name(reader: RunReader) -> str:
    return plain_name(reader.folder.description()["name"])


def _where(reader: RunReader) -> str:
    step = history.last_step(reader)
    return f"after step {step:,}" if step else "before its first step"
