"""What a person does on the Fine-tune page, in a real Chromium, with real training on the bundled photos."""

import http.client
import os
import re
import signal
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from core.runs import store
from core.runs.config import FineTuneConfig
from core.runs.queue import all_alive
from core.words import shown
from tests.browser.conftest import Server, dismissed, now, pause
from tests.conftest import follow, wait_until

pytestmark = pytest.mark.browser

CHART = "document.querySelector('.live-chart-plot')"


def start(page: Page, *, mode: str = "Full", epochs: int = 100, image_size: int = 64) -> str:
    """Choose settings, start, and wait for the run's first points. Returns the run's id."""
    page.get_by_role("radio", name=mode).or_(page.get_by_role("button", name=mode, exact=True)).first.click()
    # What the preset fills in must have come, or it would replace what is typed.
    expect(page.get_by_text({"Full": "171 steps", "Frozen": "1,140 steps"}[mode])).to_be_visible(timeout=20_000)
    page.get_by_text("Settings", exact=True).click()
    set_number(page, "Epochs", epochs)
    set_number(page, "Image size", image_size)
    expect(page.get_by_text(f"{epochs * 57:,} steps")).to_be_visible()
    page.get_by_role("button", name="Start fine-tuning").click()
    page.wait_for_url("**/fine_tuning?run=*")
    wait_for_points(page, 2)
    return page.url.partition("run=")[2]


def set_number(page: Page, label: str, value: float) -> None:
    entry = page.get_by_label(label, exact=True)
    entry.fill(str(value))
    entry.press("Enter")


def points(page: Page) -> list[int]:
    """The steps that the chart draws."""
    return page.evaluate(f"Array.from({CHART}?._fullData?.[0]?.x ?? [])")


def wait_for_points(page: Page, count: int) -> None:
    page.wait_for_function(f"({CHART}?._fullData?.[0]?.x?.length ?? 0) >= {count}", timeout=60_000)


def x_range(page: Page) -> list[float]:
    return page.evaluate(f"{CHART}._fullLayout.xaxis.range.map(Number)")


def status(page: Page, text: str | re.Pattern[str]) -> Locator:
    return page.get_by_test_id("stAlert").filter(has_text=text)


def test_chart_grows_without_losing_zoom_or_element_and_a_reload_finds_every_step(page: Page, server: Server) -> None:
    run_id = start(page)
    page.evaluate(f"{CHART}.dataset.mark = 'the same'")
    box = page.locator(".live-chart .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5, steps=5)
    page.mouse.up()
    zoomed = x_range(page)
    assert zoomed[0] > 0, "the drag has zoomed"
    page.locator(".live-chart .legendtoggle").nth(1).click()  # hide the smoothed line
    page.wait_for_function(f"{CHART}._fullData[1].visible === 'legendonly'")

    counts = [len(points(page))]
    while len(counts) < 7:
        page.wait_for_function(f"{CHART}._fullData[0].x.length > {counts[-1]}")
        counts.append(len(points(page)))
        assert page.evaluate(f"{CHART}.dataset.mark") == "the same"
        assert x_range(page) == zoomed
        assert page.evaluate(f"{CHART}._fullData[1].visible") == "legendonly"

    page.reload()
    wait_for_points(page, counts[-1])
    drawn = points(page)
    assert drawn == list(range(1, len(drawn) + 1))
    expect(page).to_have_title(re.compile(r"\d+% · Unfreeze"))
    assert all_alive(server.home) == [run_id]

    asked = now()
    page.get_by_role("button", name="Stop").click()
    expect(status(page, "Stopped after step")).to_be_visible(timeout=3_000)
    assert now() - asked < 3
    run = follow(store.find(server.home, run_id))
    assert run.steps["step"].tolist() == list(range(1, len(run.steps) + 1))
    expect(page).to_have_title("Stopped · Unfreeze")


@pytest.mark.long
def test_finished_run_opens_in_another_browser_and_downloads_its_model(page: Page, browser: Browser) -> None:
    start(page, mode="Frozen", epochs=2, image_size=32)
    page.evaluate(f"{CHART}.dataset.mark = 'the same'")
    expect(status(page, "test photos are recognised")).to_be_visible(timeout=60_000)
    assert page.evaluate(f"{CHART}.dataset.mark") == "the same"
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download the model").click()
    assert downloading.value.path().stat().st_size > 10_000_000

    other = browser.new_context().new_page()
    other.goto(page.url)
    expect(status(other, "test photos are recognised")).to_be_visible(timeout=20_000)
    wait_for_points(other, 114)
    other.get_by_role("button", name="Set up full fine-tuning").click()
    expect(other.get_by_text("3,383,818 of 3,383,818 parameters")).to_be_visible()
    other.context.close()


@pytest.mark.long
def test_two_tabs_start_at_once_and_both_runs_are_kept(page: Page, browser: Browser, server: Server) -> None:
    first = start(page)
    other = browser.new_context().new_page()
    other.goto(server.url)
    other.get_by_role("button", name="Start fine-tuning").click()
    expect(other.get_by_text("Queued on the CPU: “EfficientNet-Lite0, full” must finish first")).to_be_visible()
    assert all_alive(server.home)[0] == first
    assert len(all_alive(server.home)) == 2
    expect(page.get_by_test_id("stSidebarUserContent").get_by_role("link")).to_have_count(
        2 + len(list(store.newest(server.home))) - 2, timeout=10_000
    )
    other.get_by_role("button", name="Stop waiting").click()
    expect(status(other, "Stopped before the first step")).to_be_visible()
    other.context.close()


@pytest.mark.long
def test_closing_the_browser_changes_nothing(page: Page, server: Server) -> None:
    folder = store.find(server.home, start(page))
    page.close()
    before = len(follow(folder).steps)
    wait_until(lambda: len(follow(folder).steps) > before + 10)
    assert all_alive(server.home) == [folder.id]


def test_killed_worker_is_seen_within_five_seconds_and_resumed(page: Page, server: Server) -> None:
    run_id = start(page)
    folder = store.find(server.home, run_id)
    os.kill(int(folder.log.read_text().split("worker ")[1].split()[0]), signal.SIGKILL)
    expect(status(page, "broke off after step")).to_be_visible(timeout=5_000)
    expect(page.get_by_text("training on")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=10_000)
    resumed = len(follow(folder).steps)
    wait_until(lambda: 2 in folder.attempts() and len(follow(folder).steps) > resumed)
    wait_for_points(page, resumed + 1)


@pytest.mark.long
def test_killed_server_costs_nothing(page: Page, server: Server) -> None:
    run_id = start(page)
    server.kill()
    folder = store.find(server.home, run_id)
    before = len(follow(folder).steps)
    wait_until(lambda: len(follow(folder).steps) > before + 10)
    server.start()
    page.goto(f"{server.url}?run={run_id}")
    wait_for_points(page, before + 10)
    drawn = points(page)
    assert drawn == list(range(1, len(drawn) + 1))
    page.wait_for_function(f"{CHART}._fullData[0].x.length > {len(drawn)}")


@pytest.mark.long
def test_weights_that_cannot_be_fetched_are_said_in_one_sentence(page: Page, server: Server) -> None:
    page.get_by_role("combobox", name="Network").click()
    page.get_by_role("option", name="ResNet-18").click()
    expect(page.get_by_text("The last layer, fc,")).to_be_visible()
    page.get_by_role("button", name="Start fine-tuning").click()
    failure = status(page, "The weights of ResNet-18 could not be downloaded")
    expect(failure).to_be_visible(timeout=60_000)
    expect(failure).to_contain_text("https://download.pytorch.org/models/resnet18-f37072fd.pth by yourself")


def test_setting_out_of_range_is_refused_where_it_is_typed(page: Page) -> None:
    page.get_by_text("Settings", exact=True).click()
    set_number(page, "Learning rate", 0)
    expect(page.get_by_text("must be greater than 0 and at most 10, but it is 0").first).to_be_visible()
    expect(page.get_by_role("button", name="Start fine-tuning")).to_be_disabled()
    set_number(page, "Learning rate", 0.001)
    expect(page.get_by_role("button", name="Start fine-tuning")).to_be_enabled()


@pytest.mark.long
def test_chart_obeys_the_keyboard(page: Page) -> None:
    start(page, mode="Frozen", epochs=2, image_size=32)
    expect(status(page, "test photos are recognised")).to_be_visible(timeout=60_000)
    page.wait_for_function(f"{CHART}._fullData[3].x.length === 2")  # all is drawn
    whole = x_range(page)
    page.locator(".live-chart").focus()
    page.keyboard.press("+")
    page.wait_for_function(f"Math.abs({CHART}._fullLayout.xaxis.range[1] - {CHART}._fullLayout.xaxis.range[0]) < 70")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("2")
    page.wait_for_function(f"{CHART}._fullData[1].visible === 'legendonly'")
    page.keyboard.press("0")
    page.wait_for_function(f"Math.abs({CHART}._fullLayout.xaxis.range[1] - {whole[1]}) < 0.01")
    assert "Loss over 114 of 114 steps" in (page.locator(".live-chart").get_attribute("aria-label") or "")


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_phone_shows_everything_without_scrolling_sideways(browser: Browser, server: Server, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 800}, color_scheme=scheme, has_touch=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(server.url)
    start(page, mode="Frozen", epochs=2, image_size=32)
    expect(status(page, "test photos are recognised")).to_be_visible(timeout=60_000)
    wait_for_points(page, 114)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400
    color = page.evaluate(f"{CHART}._fullData[1].line.color")
    assert color.lower() == {"light": "#0072b2", "dark": "#56b4e9"}[scheme]
    context.close()


def test_names_are_data(page: Page, server: Server) -> None:
    folder = store.new_folder(server.home)
    name = "<img src=x onerror=alert(1)> [click](javascript:alert(1)) **bold** :red[red]"
    folder.write_description(FineTuneConfig(), name=name, created=0.0, queue="cpu")
    dialogs: list[str] = []
    page.on("dialog", partial(dismissed, dialogs))
    page.goto(f"{server.url}fine_tuning?run={folder.id}")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_test_id("stSidebar").get_by_text(shown(name, most=28)).first).to_be_visible()
    pause(page, 0.5)
    assert not dialogs


@pytest.mark.parametrize(
    "path", ["/", "/_stcore/health", "/assets/plotly.min.js", "/_stcore/upload_file/x", "/static/x"]
)
def test_foreign_hosts_are_refused_on_every_route(server: Server, path: str) -> None:
    def answer(host: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        assert response.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
        return response.status

    assert answer("evil.example") == 400
    assert answer(f"evil.example:{server.port}") == 400
    assert answer(f"127.0.0.1:{server.port}") != 400


@pytest.mark.parametrize(
    ("host", "origin"),
    [("evil.example", "http://evil.example"), (None, "http://evil.example"), (None, "http://localhost:1")],
)
def test_foreign_websockets_are_refused(server: Server, host: str | None, origin: str) -> None:
    headers = {"Host": host} if host else {}
    with (
        pytest.raises(InvalidStatus),
        connect(
            f"ws://127.0.0.1:{server.port}/_stcore/stream",
            origin=Origin(origin),
            additional_headers=headers,
            open_timeout=5,
        ) as socket,
    ):
        socket.recv(timeout=5)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's list of sockets")
def test_server_listens_on_this_machine_only(server: Server) -> None:
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()][1:]
    addresses = [
        row[1].split(":")[0] for row in listening if row[3] == "0A" and int(row[1].split(":")[1], 16) == server.port
    ]
    assert addresses == ["0100007F"]


@pytest.mark.long
def test_own_learning_rate_of_a_run_of_a_race_can_be_taken_back(page: Page, server: Server) -> None:
    page.goto(f"{server.url}?mode=race")
    rate = page.get_by_label("Learning rate of run 1", exact=True)
    rate.fill("0.5")
    rate.press("Enter")
    expect(page).to_have_url(re.compile("%400.5"), timeout=20_000)
    rate.fill("")
    rate.press("Enter")
    expect(page).not_to_have_url(re.compile("%400.5"))
    expect(rate).to_have_value("")
