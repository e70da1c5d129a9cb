"""One run on a page: live while it trains, and what came of it afterwards. Reads the run's folder, never trains."""

from collections.abc import Sequence
from typing import assert_never

import streamlit as st

from core.figures.training import lane_colors
from core.runs import history, progress, queue, store
from core.runs.config import FineTuneConfig
from core.runs.events import Failed, Finished, Preparing, Stopped
from core.runs.reader import RunReader
from core.runs.snapshot import Snapshot
from core.runs.status import Status
from pages.fine_tune import take_away
from pages.fine_tune.values import FormMode, in_other_mode, open_with
from pages.fine_tune.words import budget, in_words, scores
from pages.places import FINE_TUNE, PREDICT
from pages.ui import lookup, run_actions
from pages.ui.format import count, duration, loss, plain, plain_name, rate, whole_percent
from pages.ui.icons import STATUS_ICONS
from pages.ui.problems import problems_shown
from pages.ui.training_chart import show_run, training_of
from pages.ui.weights_download import on_their_way

POLL_S = 0.5
STARTING_POLL_S = 0.2


def live_run(reader: RunReader) -> None:
    """Show a run, and keep it up to date for as long as it lives.

    Raises:
        RunNotFoundError: the run's description cannot be read.
    """
    run, config = reader.poll(), reader.folder.config()
    _header(run, config)
    # Always a fragment, polled or not: its elements, and so the chart's zoom, outlast the end of the run.
    poll_s = {Status.STARTING: STARTING_POLL_S, Status.QUEUED: POLL_S, Status.RUNNING: POLL_S}.get(run.status)
    st.fragment(_body, run_every=poll_s)(reader, config, before=run.status)


def _header(run: Snapshot, config: FineTuneConfig) -> None:
    """What does not change while a run is in one status."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(plain_name(run.folder.description()["name"]), anchor=False, width="content")
        if st.button("New run", icon=":material/add:"):
            st.switch_page(FINE_TUNE.script)
    started = history.started(run.events)
    device = f"  \n:material/memory: {plain(started.device_label)} · {plain(started.precision)}" if started else ""
    st.caption(in_words(config.to_dict()) + device)
    if decided := history.budget(run.events):
        st.caption(f":material/timer: {budget(decided)}")
    for recovery in history.recoveries(run.events):
        st.warning(plain(recovery), icon=":material/healing:")


@problems_shown()
def _body(reader: RunReader, config: FineTuneConfig, *, before: Status) -> None:
    """Everything that changes while a run lives: few elements, since each of them is a message a poll."""
    run = reader.poll()
    if run.status is not before:
        st.rerun()  # once: the whole page, which polls as the new status needs it
    now = progress.measure(run.events, run.steps)
    tab_title(whole_percent(now.fraction) if run.status is Status.RUNNING and now else run.status.capitalize())
    # One container in every status: what follows keeps its place, so the browser keeps the chart's element.
    with st.container(horizontal=run.status.is_live, vertical_alignment="bottom"):
        _state(run, config, now)
    if run.status is Status.QUEUED:
        st.caption("Only one training runs on a device at a time. This one starts by itself. You can close this page.")
    if now is not None or run.status is Status.STARTING:  # an empty chart loads Plotly while the worker loads torch
        _chart(run, config, now)


def tab_title(shown: str) -> None:
    """Show the progress on the browser's tab. Sent only when it is news."""
    title = f"{shown} · Unfreeze"
    if st.session_state.get("tab_title") != title:
        st.set_page_config(page_title=title)
        st.session_state["tab_title"] = title


def _state(run: Snapshot, config: FineTuneConfig, now: progress.Progress | None) -> None:
    """What is going on, in words, and what can be done about it."""
    match run.status:
        case Status.STARTING:
            _progress_row(run, *starting(run, config), stop_label="Stop")
        case Status.QUEUED:
            _progress_row(run, 0.0, waiting_for(run), stop_label="Stop waiting")
        case Status.RUNNING:
            assert now is not None
            _progress_row(run, now.fraction, _doing(now, run.quiet_s), stop_label="Stop")
        case Status.FINISHED:
            _finished(run, config)
        case Status.STOPPED:
            st.info(f"{_stopped(run)}{kept(run)}", icon=STATUS_ICONS[run.status])
            _next(run, config)
        case Status.FAILED:
            failure = run.last_event
            assert isinstance(failure, Failed)
            st.error(f"{plain(failure.message)}{kept(run)}", icon=STATUS_ICONS[run.status])
            _next(run, config)
            _log(run)
        case Status.INTERRUPTED:
            st.warning(
                f"The training broke off after step {run.last_step:,}: its process was killed, or the "
                f"computer restarted.{kept(run)}",
                icon=STATUS_ICONS[run.status],
            )
            _next(run, config)
            _log(run)
        case _:
            assert_never(run.status)


def starting(run: Snapshot, config: FineTuneConfig) -> tuple[float, str]:
    """What a run does before its first step, as a fraction and in words."""
    if config.weights == "pretrained" and (arriving := on_their_way(config.architecture)):
        return arriving
    last = run.last_event
    what = plain(last.what) if isinstance(last, Preparing) else "Starting the training process"
    return 0.0, f"{what} …"


def _progress_row(run: Snapshot, fraction: float, text: str, *, stop_label: str) -> None:
    is_stopping = run.folder.control.exists()
    st.progress(fraction, text=text)
    st.button(
        "Stopping …" if is_stopping else stop_label,
        icon=":material/stop:",
        on_click=run_actions.stop,
        args=(run.folder,),
        disabled=is_stopping,
        key="stop",
    )


def _doing(now: progress.Progress, quiet_s: float) -> str:
    if now.evaluating:
        split, images, total_images = now.evaluating.split, now.evaluating.images, now.evaluating.total_images
        what = f"Scoring {plain(split)} photos: {images:,} of {total_images:,}"
    elif now.extracting:
        images, total_images = now.extracting.images, now.extracting.total_images
        what = f"Computing the frozen layers again: {images:,} of {total_images:,} photos"
    else:
        what = training_words(now)
    left = time_left(now.remaining_s, quiet_s=quiet_s, patience_s=now.patience_s)
    return f"{whole_percent(now.fraction)} · {what}{left}"


def training_words(now: progress.Progress) -> str:
    """Where a training stands. The bar counts work, of which a step of a later epoch may be far less."""
    first = ""
    if now.epoch <= now.computing_epochs < now.epochs:
        which = "epoch, which reads" if now.computing_epochs == 1 else f"{now.computing_epochs} epochs, which read"
        first = f" · most of the work is in the first {which} every photo"
    return f"Epoch {now.epoch} of {now.epochs}, step {now.step:,} of {now.total_steps:,}{first}"


def time_left(remaining_s: float | None, *, quiet_s: float, patience_s: float) -> str:
    """How long training still takes, to be added to a line; or for how long it has not gone on, if that is too long."""
    if quiet_s > patience_s:
        return f" · no news for {duration(quiet_s)}"
    return f" · about {duration(remaining_s)} left" if remaining_s is not None else ""


def waiting_for(run: Snapshot, *, beside: Sequence[str] = ()) -> str:
    """What a queued run waits for, in a sentence; `beside` names the runs that it races with."""
    device = str(run.folder.description()["queue"])
    ahead = [other for other in queue.DeviceQueue(store.home(), device).ahead_of(run.folder.id) if other not in beside]
    if not ahead:
        return "This run is next …"
    first = lookup.name_of(ahead[0])
    others = f" and {len(ahead) - 1} more" if len(ahead) > 1 else ""
    return f"Queued on the {'CPU' if device == 'cpu' else plain(device)}: “{first}”{others} must finish first"


def _finished(run: Snapshot, config: FineTuneConfig) -> None:
    finished = run.last_event
    assert isinstance(finished, Finished)
    started = history.started(run.events)  # None where a damaged line has cost it
    trained = (
        f"{count(started.trainable_parameters)} of {count(started.parameters)} parameters were"
        if started and not (finished.stopped_early and config.learning.thaw_every)  # then, not all of them were
        else "The network was"
    )
    st.success(
        f"{scores(finished, started)} {trained} trained in {duration(finished.seconds)}.",
        icon=STATUS_ICONS[Status.FINISHED],
    )
    _next(run, config)


def _next(run: Snapshot, config: FineTuneConfig) -> None:
    """What to do with a run that has ended: the likeliest first."""
    with st.container(horizontal=True):
        if run.is_resumable:
            st.button(
                "Resume",
                type="primary",
                icon=":material/play_arrow:",
                on_click=run_actions.resume,
                args=(run.folder,),
                help="Continues from the last checkpoint, or from the start if there is none.",
            )
        if run.folder.has_model and st.button(
            "Predict with it",
            type="primary" if run.status is Status.FINISHED else "secondary",
            icon=":material/image_search:",
            help="Drop photos and see what this network recognises in them.",
        ):
            st.switch_page(PREDICT.script, query_params={"run": run.folder.id})
        if run.status is Status.FINISHED:
            other: FormMode = "full" if config.mode == "frozen" else "frozen"
            if st.button(
                f"Set up {other} fine-tuning",
                icon=":material/compare_arrows:",
                help=(
                    "With the same seed and settings, but for the learning rate and the epochs where they "
                    "were those of the preset. To compare both runs, select them on the page Runs."
                ),
            ):
                open_with(in_other_mode(config, other))
        if st.button("Change settings", icon=":material/tune:"):
            open_with(config.to_dict())
        if run.folder.has_model:
            take_away.download_button(run.folder)
    if run.folder.has_model:
        take_away.python_code(run.folder)


def _chart(run: Snapshot, config: FineTuneConfig, now: progress.Progress | None) -> None:
    """The newest numbers, big enough to read from across the room, above the chart."""
    started, steps = history.started(run.events), run.steps
    training = training_of(run, config, color=lane_colors([config.mode])[0])
    smoothed, validations = training.smoothed, training.validations
    best = history.chosen(validations)
    steps_per_second = now.steps_per_second if now else None
    numbers = {
        "Training loss, smoothed": loss(smoothed[-1]) if len(smoothed) else "–",
        "Best validation accuracy": "–" if best is None else f"{best.accuracy:.1%}",
        "Steps a second": "–" if steps_per_second is None else rate(steps_per_second),
        "Trainable parameters": count(started.trainable_parameters) if started else "–",
    }
    description = "Loss of every step; no step yet"
    if started and len(steps):
        description = f"Loss over {steps['step'][-1]:,} of {started.total_steps:,} steps"
        description += f", now {loss(steps['loss'][-1])}"
    if validations:
        description += f"; validation accuracy {validations[-1].accuracy:.1%} after epoch {validations[-1].epoch}"
    show_run(run, training, numbers=numbers, description=description)


def _log(run: Snapshot) -> None:
    st.caption("The last lines of its log")
    st.code(run.folder.log_tail(12) or "The log is empty.", language=None)


def _stopped(run: Snapshot) -> str:
    stopped, step = run.last_event, run.last_step
    where = f"after step {step:,}" if step else "before the first step"
    if isinstance(stopped, Stopped) and stopped.signal:
        return (
            f"Stopped {where}: the system asked the training process to end ({plain(stopped.signal)}), as it does when "
            "the computer shuts down."
        )
    return f"Stopped {where}."


def kept(run: Snapshot) -> str:
    """A sentence, after another one, where a checkpoint stands."""
    return " The last checkpoint is kept." if history.has_checkpoint(run.events) else ""
