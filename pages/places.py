"""Where each page is: its script, its address, its title. Plain values, for the shell, the server and every link."""

from dataclasses import dataclass

from core.runs.kinds import KINDS


@dataclass(frozen=True, kw_only=True)
class Place:
    """One page."""

    script: str  # relative to this folder, as Streamlit names pages
    address: str  # the path in the browser
    title: str
    icon: str
    is_listed: bool = True  # in the navigation


LINEAR_FIT = Place(script="linear_fit/page.py", address="linear_fit", title="Linear Fit", icon=":material/timeline:")
INSPECTOR = Place(
    script="inspector/page.py",
    address="architecture_inspector",
    title="Architecture Inspector",
    icon=":material/account_tree:",
)
DATA = Place(script="data/page.py", address="data", title="Data", icon=":material/photo_library:")
DATA_SET = Place(
    script="data/one_set.py", address="data_set", title="Data set", icon=":material/photo_library:", is_listed=False
)
FINE_TUNE = Place(script="fine_tune/page.py", address="fine_tune", title="Fine-tune", icon=":material/model_training:")
FINE_TUNE_RUN = Place(
    script="fine_tune/run.py",
    address="fine_tuning",
    title="Fine-tuning",
    icon=":material/model_training:",
    is_listed=False,
)
PREDICT = Place(script="predict/page.py", address="predict", title="Predict", icon=":material/image_search:")
RUNS = Place(script="runs/page.py", address="runs", title="Runs", icon=":material/stacked_line_chart:")

PLACES = (
    LINEAR_FIT,
    INSPECTOR,
    DATA,
    DATA_SET,
    FINE_TUNE,
    FINE_TUNE_RUN,
    PREDICT,
    RUNS,
)  # as the navigation lists them
FIRST = FINE_TUNE  # what the bare address shows


def of_kind(name: str) -> Place:
    """Where a run of that kind is shown."""
    return next(place for place in PLACES if place.address == KINDS[name].page)
