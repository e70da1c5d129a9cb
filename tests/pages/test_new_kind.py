"""A kind of run that the house has never heard of, with settings of its own, from its form to its page: declared here.

Nothing else is touched: what declares a kind and its settings in one place is all that a new one needs.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import driver, lane
from core.job import Job
from core.runs import control, jobs, known_devices, locks, overview, store, workers
from core.runs.events import AnyStep, Beginning, Checkpointed, Ending, Event, Failed, Stopped
from core.runs.folder import RunFolder
from core.runs.kinds import KINDS, Kind
from core.runs.known_devices import DeviceInfo
from core.runs.quantities import Positive
from core.runs.run_config import RunConfig
from core.runs.settings import Choice, Number, Range, setting
from core.runs.status import Status
from core.runs.step_format import StepFormat
from pages import places
from pages.places import RUNS, Place
from tests.conftest import follow
from tests.pages import apps
from tests.pages.apps import button, field, texts
from tests.samples import as_read


@dataclass(frozen=True, kw_only=True)
class CountingConfig(RunConfig):
    """How to count."""

    KIND = "counting"

    until: Positive = setting(
        5, Number(label="Until", help="The last number that is counted.", allowed=Range(1, 20), is_whole=True)
    )
    voice: str = setting(
        "loud", Choice(label="Voice", help="How the numbers are said.", options={"loud": "Loud", "low": "Low"})
    )
    device: str = "auto"

    @property
    def default_name(self) -> str:
        return f"Counting to {self.until}"


@dataclass(frozen=True, slots=True)
class Said(AnyStep):
    """A number that was said."""

    loss: float
    seconds: float
    loudness: float


@dataclass(frozen=True, slots=True)
class Opened(Beginning):
    """The first number is about to come."""

    voice: str


@dataclass(frozen=True, slots=True)
class Counted(Ending):
    """The last number was said."""

    total: int


class Counting(Job):
    """Counts on from the number that was last saved."""

    def __init__(self, folder: RunFolder, device: str) -> None:
        self._config = folder.config_of(CountingConfig)
        self._config.check()
        self._saved = folder.checkpoints / "number"
        self._saved.parent.mkdir(exist_ok=True)
        self.step = int(self._saved.read_text()) if self._saved.exists() else 0

    def events(self) -> Iterator[Event]:
        yield Opened(voice=self._config.voice)
        while self.step < self._config.until:
            if self.step + 1 == 13:
                raise ArithmeticError("bad luck")
            self.step += 1
            yield Said(self.step, loss=1 / self.step, seconds=float(self.step), loudness=0.5)
        yield Counted(seconds=float(self.step), total=self.step)

    def save(self, event: Event) -> Checkpointed:
        self._saved.write_text(str(self.step))
        return Checkpointed(step=self.step, epoch=0, best=False)


_PAGE = """
import streamlit as st

from core.runs import jobs, store
from pages.ui import lookup
from pages.ui.fields import setting_fields
from tests.pages.test_new_kind import CountingConfig, key_of

run_id = st.query_params.get("run")
if run_id is None:
    st.title("Counting")
    problems = setting_fields(CountingConfig, key_of=key_of)
    values = {name: st.session_state[key_of(name)] for name in ("until", "voice")}
    if st.button("Count", disabled=bool(problems)):
        folder = jobs.start(store.home(), CountingConfig(**values))
        st.query_params["run"] = folder.id
        st.rerun()
else:
    run = lookup.reader(run_id).poll()
    st.title(run.folder.description()["name"])
    st.markdown(f"{run.status}, {run.last_step} of {run.folder.config_of(CountingConfig).until}")
"""


def key_of(name: str) -> str:
    """The key of that setting's field in the session."""
    return f"counting_{name}"


@pytest.fixture(autouse=True)
def counting(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The kind and its page. Runs are done here, at once, as a worker would."""
    script = tmp_path / "counting.py"
    script.write_text(_PAGE)
    place = Place(script=str(script), address="counting", title="Counting", icon=":material/looks_one:")
    kind = Kind(
        config=CountingConfig,
        label="counting",
        network=lambda values: f"Up to {values['until']}",
        steps=StepFormat([("step", "<u4"), ("loss", "<f8"), ("seconds", "<f8"), ("loudness", "<f8")]),
        own_events=(Opened, Counted),
        job="tests.pages.test_new_kind:Counting",
        is_light=False,
        is_resumable=True,
        is_compared=False,
        page="counting",
    )
    monkeypatch.setitem(KINDS, "counting", kind)
    monkeypatch.setattr(places, "PLACES", (*places.PLACES, place))
    known_devices.remember(home, [DeviceInfo(name="cpu", label="A CPU", memory_bytes=None, precision="float32")])
    monkeypatch.setattr(workers, "prepare", lambda: None)
    monkeypatch.setattr(
        workers, "set_on", lambda folders, held, trains: driver.work([lane.Lane(one) for one in folders])
    )
    return place


def test_it_is_set_up_in_a_form_done_listed_and_shown(home: Path, counting: Place) -> None:
    page = apps.open_page(counting)
    field(page, "Until").set_value(0).run()
    assert "Until must be between 1 and 20, but it is 0." in as_read(texts(page))
    field(page, "Until").set_value(7).run()
    button(page, "Count").click().run()
    assert "Counting to 7\n" in texts(page)
    assert "finished, 7 of 7" in texts(page)

    [run] = overview.summaries(home)
    assert (run.name, run.kind, run.network, run.status) == ("Counting to 7", "counting", "Up to 7", Status.FINISHED)
    assert (run.seconds, run.problem, run.is_resumable) == (7.0, "", False)
    recorded = follow(run.folder)
    assert recorded.steps["loudness"].tolist() == [0.5] * 7
    assert recorded.events == (
        *(event for event in recorded.events if type(event).__name__ == "Preparing"),
        Opened(voice="loud"),
        Counted(seconds=7.0, total=7),
    )

    listed = apps.open_page(RUNS, compare=run.id)
    assert listed.dataframe[0].value["Name"].tolist() == ["Counting to 7"]
    assert "Counting to 7" in texts(listed)
    link = next(one.proto for one in listed.sidebar.get("page_link") if "Counting to 7" in one.proto.label)
    assert (link.page, link.query_string) == ("counting", f"run={run.id}")
    button(listed, "Open").click().run()
    assert "finished, 7 of 7" in texts(apps.arrive(listed, counting))


def test_it_is_stopped_and_goes_on_from_where_it_was(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(workers, "set_on", lambda folders, held, trains: None)
        folder = jobs.start(home, CountingConfig(until=9))
    control.write(folder.control, control.STOP)
    lock = locks.hold(folder.lock)
    job_lane = lane.Lane(folder, lock)
    job_lane.queue.leave(folder.id)
    monkeypatch.setattr(lane.Lane, "stop_if_asked", lambda _: None)
    monkeypatch.setattr(driver, "_leaving_when_asked", lambda *_: nullcontext())
    driver.work([job_lane])
    stopped = follow(folder)
    assert stopped.last_event == Stopped(step=1)
    assert stopped.is_resumable
    jobs.resume(home, folder)
    finished = follow(folder)
    assert finished.steps["step"].tolist() == list(range(1, 10))
    assert finished.last_event == Counted(seconds=9.0, total=9)


def test_its_faults_and_settings_of_another_time_are_said(home: Path) -> None:
    unlucky = jobs.start(home, CountingConfig(until=15))
    failed = follow(unlucky).last_event
    assert failed == Failed("It broke off with ArithmeticError: bad luck.", step=12, can_resume=True)
    with pytest.raises(ValueError, match="until must be between 1 and 20, got 21"):
        jobs.start(home, CountingConfig(until=21))
    folder = store.new_folder(home)
    folder.write_description(CountingConfig(), name="old", created=0.0, queue="cpu")
    text = (folder.path / "config.json").read_text()
    (folder.path / "config.json").write_text(text.replace('"until": 5', '"until": 50').replace('"loud"', '"sung"'))
    assert folder.config_of(CountingConfig).until == 50
    assert folder.config_of(CountingConfig).in_words("voice") == "sung"
