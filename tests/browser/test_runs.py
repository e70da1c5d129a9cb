"""What only a browser shows of the Runs page: rows are clicked, and the selection outlives what happens around it."""

import os
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from core.runs import locks, store
from core.runs.config import FineTuneConfig
from core.runs.events import Evaluated, Finished, Step
from core.runs.folder import RunFolder
from core.runs.queue import DeviceQueue
from core.runs.writer import RunWriter
from core.words import shown
from tests.browser.conftest import Server
from tests.names import NAMES
from tests.samples import STARTED

pytestmark = pytest.mark.browser

_HEADER = _ROW = 35  # pixels
# What could be made of a name. A link within the app, which a name may stand in, is none of these.
MADE_OF_NAMES = (
    "a[href^=http], a[href^=mailto], a[href^=javascript], img, del, em, code, .katex, ol, ul, blockquote, h2"
)
# Compared with each other in a table and a chart: the worst of each kind.
COMPARED = ("www.x.example", ":streamlit:", "a -> b", "%{y}", "| a | b |", "\u202egpj.exe", "", "x" * 10_000)
LEGEND = "[...document.querySelectorAll('.live-chart .legendtext')].map(entry => entry.textContent)"
HOVER = """() => {
    const plot = document.querySelector('.live-chart-plot');
    const lines = plot._fullData.map((trace, index) => index).filter(index => plot._fullData[index].showlegend);
    Plotly.Fx.hover(plot, lines.map(curveNumber => ({ curveNumber, pointNumber: 20 })));
    return [...plot.querySelectorAll('.hoverlayer .name')].map(name => name.textContent);
}"""


def make_run(server: Server, name: str, *, ends: bool = True) -> RunFolder:
    folder = store.new_folder(server.home)
    folder.write_description(FineTuneConfig(epochs=2), name=name, created=0.0, queue="cpu")
    with RunWriter(folder) as writer:
        writer.append(STARTED)
        for number in range(1, 58):
            writer.append(Step(step=number, loss=2 / number, learning_rate=0.01, seconds=number / 4, images=32))
        writer.append(Evaluated(split="validation", epoch=1, step=57, loss=0.5, accuracy=0.8, seconds=15.0, best=True))
        if ends:
            writer.append(Finished(best_epoch=1, best_accuracy=0.8, test_accuracy=0.8, seconds=20.0))
    return folder


def click_row(page: Page, row: int) -> None:
    table = page.get_by_test_id("stDataFrame")
    expect(table.locator("canvas").first).to_be_visible()
    table.click(position={"x": 15, "y": _HEADER + _ROW * row + _ROW / 2})


def test_rows_are_selected_compared_deleted_and_taken_back(page: Page, server: Server) -> None:
    runs = [make_run(server, name) for name in ("one", "two", "three")]
    newest_first = sorted(runs, key=lambda folder: folder.id, reverse=True)
    page.goto(f"{server.url}runs")
    click_row(page, 1)
    page.wait_for_url(f"**/runs?compare={newest_first[1].id}")
    expect(page.get_by_role("button", name="Open")).to_be_visible()
    click_row(page, 0)
    page.wait_for_url(re.compile(rf"compare={newest_first[1].id}(,|%2C){newest_first[0].id}$"))
    expect(page.get_by_text("2 runs selected")).to_be_visible()
    page.wait_for_function("document.querySelector('.live-chart-plot')?._fullData?.length === 8")

    page.reload()
    expect(page.get_by_text("2 runs selected")).to_be_visible()
    page.get_by_role("button", name="Delete 2 runs").click()
    expect(page.get_by_text("Deleted 2 runs")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Deleted 2 runs")).to_be_hidden()
    assert len(list(store.newest(server.home))) == 3


def test_selection_stays_with_its_run_when_another_one_comes(page: Page, server: Server) -> None:
    folder = make_run(server, "the selected one", ends=False)
    lock = locks.hold(folder.lock)  # alive, so the list is polled
    page.goto(f"{server.url}runs?compare={folder.id}")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    table = page.get_by_test_id("data-grid-canvas")
    height = table.get_attribute("height") or ""  # grows with the first ten rows
    newer = RunFolder(server.home / "runs" / "20990101-000000-00009999")
    newer.path.mkdir()
    newer.write_description(FineTuneConfig(), name="newer", created=0.0, queue="cpu")
    expect(table).not_to_have_attribute("height", height)
    expect(page.get_by_role("heading", name="the selected one")).to_be_visible()
    click_row(page, 0)
    page.wait_for_url(re.compile(rf"compare={folder.id}(,|%2C){newer.id}$"))
    os.close(lock)
    expect(page.get_by_role("cell", name="Interrupted").first).to_be_visible()


def test_purge_asks_first(page: Page, server: Server) -> None:
    folder = make_run(server, "to be removed")
    page.goto(f"{server.url}runs?compare={folder.id}")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_test_id("stExpander").get_by_text("Recently deleted").click()
    page.get_by_role("button", name=re.compile(r"Delete for good \(")).click()
    expect(page.get_by_text("This cannot be undone.")).to_be_visible()
    make_run(server, "another one begins and ends meanwhile")
    expect(page.get_by_text("Runs take")).to_be_visible(timeout=20_000)  # the list has noticed
    page.get_by_role("button", name="Delete for good", exact=True).click()
    expect(page.get_by_test_id("stExpander").get_by_text("Recently deleted")).to_be_hidden()
    assert not (server.home / "trash" / folder.id).exists()


def lines(found: Locator) -> list[str]:
    """The last line of each element's text: what comes before it is an icon."""
    return [text.strip().splitlines()[-1] for text in found.all_inner_texts()]


def is_but_text(place: Locator) -> None:
    assert place.locator(MADE_OF_NAMES).evaluate_all("found => found.map(element => element.outerHTML)") == []


@pytest.mark.long
def test_runs_are_named_as_themselves_everywhere(page: Page, server: Server) -> None:
    compared = [make_run(server, name) for name in COMPARED]
    held: list[int] = []
    for name in NAMES:
        running, deleted = make_run(server, name, ends=False), make_run(server, name)
        held.append(locks.hold(running.lock))
        DeviceQueue(server.home, "cpu").join(running.id)
        (server.home / "trash").mkdir(exist_ok=True)
        deleted.path.rename(server.home / "trash" / deleted.id)
    page.goto(f"{server.url}runs?compare={','.join(folder.id for folder in compared)}")
    names = [shown(name, most=48) for name in COMPARED]
    headings = page.get_by_role("columnheader")
    expect(headings.filter(has_text=names[-1])).to_have_count(1, timeout=30_000)
    assert headings.all_inner_texts()[-len(names) :] == names
    page.wait_for_function(f"{LEGEND}.length === {len(names)}")
    assert page.evaluate(LEGEND) == names
    assert set(page.evaluate(HOVER)) == set(names)

    links = page.get_by_test_id("stSidebarUserContent").get_by_role("link").filter(has_text="play_circle")
    expect(links).to_have_count(len(NAMES), timeout=30_000)
    assert [text.rpartition(" · ")[0] for text in lines(links)] == [shown(name, most=28) for name in NAMES]
    page.get_by_text("Recently deleted").click()
    deleted_names = page.locator(".st-key-runs_trash").get_by_text(" kB", exact=False)
    expect(deleted_names.last).to_be_visible(timeout=30_000)
    assert {text.rpartition(" · ")[0] for text in lines(deleted_names)} >= {shown(name) for name in NAMES}
    is_but_text(page.get_by_test_id("stMarkdownContainer"))
    for lock in held:
        os.close(lock)

    page.goto(f"{server.url}fine_tuning?run={compared[0].id}")
    expect(page.get_by_role("heading", level=1)).to_have_text(shown(COMPARED[0]), timeout=30_000)
    is_but_text(page.get_by_test_id("stHeading"))


def click_name(page: Page, row: int) -> None:
    table = page.get_by_test_id("stDataFrame")
    expect(table.locator("canvas").first).to_be_visible()
    table.click(position={"x": 80, "y": _HEADER + _ROW * row + _ROW / 2})


def test_click_on_a_name_opens_its_run_and_back_leads_to_the_list(page: Page, server: Server) -> None:
    run = make_run(server, "the one to open")
    make_run(server, "another one")
    page.goto(f"{server.url}runs?filter=one")
    click_name(page, 1)
    expect(page).to_have_url(re.compile(rf"/fine_tuning\?run={run.id}$"))
    expect(page.get_by_role("heading", name="the one to open", level=1)).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/runs\?filter=one$"))
    expect(page.get_by_placeholder("Filter by name")).to_have_value("one")


def test_run_is_renamed_by_the_enter_key_and_the_form_closes(page: Page, server: Server) -> None:
    run = make_run(server, "before")
    page.goto(f"{server.url}runs?compare={run.id}")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("New name").fill("after")
    page.get_by_label("New name").press("Enter")
    expect(page.get_by_role("heading", name="after", level=3)).to_be_visible()
    expect(page.get_by_label("New name")).not_to_be_visible()
    assert run.description()["name"] == "after"


@pytest.mark.parametrize("axis", ["xaxis", "yaxis", "yaxis2"])
def test_chart_that_was_zoomed_into_says_so_and_shows_everything_again(page: Page, server: Server, axis: str) -> None:
    run = make_run(server, "zoomed")
    page.goto(f"{server.url}fine_tuning?run={run.id}")
    page.wait_for_function("document.querySelector('.live-chart-plot')?._fullData?.length === 4", timeout=30_000)
    everything = page.get_by_role("button", name="Zoomed in · show everything")
    expect(everything).to_be_hidden()
    before = page.evaluate(f"document.querySelector('.live-chart-plot').layout.{axis}.range")
    page.evaluate(f"Plotly.relayout(document.querySelector('.live-chart-plot'), {{'{axis}.range': [0.1, 0.2]}})")
    everything.click()
    expect(everything).to_be_hidden()
    assert page.evaluate(f"document.querySelector('.live-chart-plot').layout.{axis}.range") == pytest.approx(
        before, rel=1e-3
    )
