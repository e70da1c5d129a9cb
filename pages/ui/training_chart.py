"""The chart of a fine-tuning, or of several in one: what is drawn, said below it, chosen there and taken away."""

from collections.abc import Sequence

from core.figures.style import Figure
from core.figures.training import Training, compare_training, live_training, smooth
from core.runs import history, steps_route
from core.runs.config import FineTuneConfig
from core.runs.milestones import milestones
from core.runs.snapshot import Snapshot
from core.words import file_stem
from pages.ui import chart_view
from pages.ui.live_chart import Downloads, live_chart

_HEIGHT, _RATES_HEIGHT = 460, 100


def training_of(run: Snapshot, config: FineTuneConfig, *, color: str, label: str = "") -> Training:
    """A run as its chart needs it. Pure."""
    started, steps = history.started(run.events), run.steps
    return Training(
        label=label,
        color=color,
        steps=steps,
        smoothed=smooth(steps["loss"], started.total_steps if started else 1),
        validations=history.validations(run.events),
        steps_per_epoch=started.steps_per_epoch if started else 1,
        has_schedule=config.optimizer.schedule != "constant" or config.optimizer.warm_up > 0,
        milestones=milestones(config, run.events),
    )


def show_run(run: Snapshot, training: Training, *, numbers: dict[str, str], description: str) -> None:
    """Draw the chart of one run below its numbers, or bring it up to date."""
    figure = live_training(training, chart_id=run.folder.id, view=chart_view.view())
    name = str(run.folder.description()["name"])
    _show([run], [training], figure, key=f"chart-{run.folder.id}", name=name, numbers=numbers, description=description)


def show_runs(
    runs: Sequence[Snapshot], trainings: Sequence[Training], *, numbers: dict[str, str], description: str
) -> None:
    """Draw the chart of several runs below their numbers, or bring it up to date."""
    chart_id = " ".join(run.folder.id for run in runs)
    figure = compare_training(trainings, chart_id=chart_id, view=chart_view.view())
    name = " against ".join(training.label for training in trainings)
    _show(runs, trainings, figure, key=f"compare {chart_id}", name=name, numbers=numbers, description=description)


def _show(
    runs: Sequence[Snapshot],
    trainings: Sequence[Training],
    figure: Figure,
    *,
    key: str,
    name: str,
    numbers: dict[str, str],
    description: str,
) -> None:
    ids = [run.folder.id for run in runs]
    notes = list(filter(None, map(turn_in_words, trainings)))
    live_chart(
        figure,
        key=key,
        numbers=numbers,
        height=_HEIGHT + (_RATES_HEIGHT if any(training.has_schedule for training in trainings) else 0),
        description=". ".join([description, *(note.rstrip(".") for note in notes)]),
        notes=notes,
        choices=chart_view.choices(),
        on_choice=chart_view.choose,
        downloads=Downloads(name="-".join(filter(None, [file_stem(name), ids[0]])), csv=steps_route.address_of(ids)),
    )


def turn_in_words(training: Training) -> str:
    """A sentence where the validation loss has turned; empty where it has not. Not Markdown. Pure."""
    turn = history.turn(training.validations, training.steps, training.steps_per_epoch)
    if turn is None:
        return ""
    whose = f"{training.label}: validation" if training.label else "Validation"
    risen = f"{whose} loss was lowest after epoch {turn.epoch:,} and has risen since"
    if not turn.is_overfitting:
        return f"{risen}."
    said = f"{risen}, while training loss still falls: the network overfits."
    best = history.chosen(training.validations)  # none only where somebody has written into the run's file
    return f"{said} What is kept are the weights of epoch {best.epoch:,}, the best on validation." if best else said
