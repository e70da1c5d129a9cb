"""Where clicks lead: the navigation does something on every page, and shows which run is open."""

import re
from collections import Counter
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from pages.places import FIRST, PLACES
from tests.browser.conftest import Server, pause
from tests.browser.test_fine_tune import start
from tests.browser.test_runs import make_run

pytestmark = pytest.mark.browser

_CLEAR = "rgba(0, 0, 0, 0)"


def link(page: Page, text: str) -> Locator:
    """The link of the sidebar to a run."""
    return page.get_by_test_id("stSidebar").get_by_role("link", name=re.compile(f"^{text} "))


def test_open_run_alone_is_marked_and_the_navigation_leads_away_from_it_and_back(page: Page, server: Server) -> None:
    runs = {name: make_run(server, name) for name in ("one", "two", "three")}
    page.goto(f"{server.url}fine_tuning?run={runs['two'].id}")
    for opened in ("two", "three"):
        link(page, opened).click()
        expect(page.get_by_role("heading", name=opened, level=1)).to_be_visible(timeout=20_000)
        expect(page).to_have_url(re.compile(rf"/fine_tuning\?run={runs[opened].id}$"))
        page.mouse.move(800, 5)
        for name in runs:
            weight = "600" if name == opened else "400"
            expect(link(page, name).locator("p")).to_have_css("font-weight", weight)
            marked = expect(link(page, name))
            if name == opened:
                marked.not_to_have_css("background-color", _CLEAR)
            else:
                marked.to_have_css("background-color", _CLEAR)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Fine-tune").click()
    expect(page.get_by_role("heading", name="Fine-tune", level=1)).to_be_visible()
    expect(page).not_to_have_url(re.compile("run="))
    page.go_back()
    expect(page.get_by_role("heading", name="three", level=1)).to_be_visible()


def test_one_click_is_one_step_back_from_every_page(page: Page, server: Server) -> None:
    """The last one is come back to, with the choices that it was left with."""
    page.goto(f"{server.url}?epochs=3")
    expect(page.get_by_role("heading", name="What will happen")).to_be_visible(timeout=20_000)
    titles = [place.title for place in PLACES if place.is_listed and place is not FIRST]
    for left, title in pairwise([FIRST.title, *titles, FIRST.title]):
        before, place = page.evaluate("history.length"), page.url
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
        page.wait_for_timeout(500)  # for what Streamlit says afterwards
        assert page.evaluate("history.length") <= before + 1
        page.go_back()
        expect(page).to_have_url(place)
        expect(page.get_by_role("heading", name=left, level=1)).to_be_visible()
        page.go_forward()
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
    expect(page).to_have_url(f"{server.url}?epochs=3")


def test_back_leads_from_a_started_run_to_the_form(page: Page, server: Server) -> None:
    page.goto(f"{server.url}?epochs=3")
    page.get_by_role("button", name="Start fine-tuning").click()
    page.get_by_role("button", name="Stop").click(timeout=20_000)
    expect(page).to_have_url(re.compile(r"/fine_tuning\?run="))
    page.go_back()
    expect(page.get_by_role("heading", name="Fine-tune", level=1)).to_be_visible()
    expect(page).to_have_url(f"{server.url}?epochs=3")


@pytest.mark.parametrize("address", ["?run=", "fine_tune?run="])
def test_addresses_of_earlier_versions_lead_to_their_runs(page: Page, server: Server, address: str) -> None:
    run = make_run(server, "old address")
    page.goto(f"{server.url}{address}{run.id}")
    expect(page.get_by_role("heading", name="old address", level=1)).to_be_visible(timeout=20_000)
    expect(page).to_have_url(re.compile(rf"/fine_tuning\?run={run.id}$"))


@pytest.mark.long
def test_back_shows_what_stood_in_the_form_before(page: Page, server: Server) -> None:
    page.goto(f"{server.url}architecture_inspector?classes=7")
    classes = page.get_by_label("Classes", exact=True)
    for typed in ("8", "9"):
        classes.fill(typed)
        classes.press("Enter")
        expect(page).to_have_url(re.compile(f"classes={typed}$"), timeout=20_000)
        pause(page, 5)  # until the sidebar has looked again, and so has seen the browser at its new address
    for before in ("8", "7"):
        page.go_back()
        expect(page).to_have_url(re.compile(f"classes={before}$"))
        expect(classes).to_have_value(before)
    page.go_forward()
    expect(classes).to_have_value("8")
    expect(page).to_have_url(re.compile("classes=8$"))


@pytest.mark.parametrize(
    "is_live", [pytest.param(False, id="sidebar", marks=pytest.mark.long), pytest.param(True, id="live run")]
)
def test_page_is_drawn_though_a_part_of_the_last_one_is_asked_for_after_the_click(
    browser: Browser, server: Server, is_live: bool
) -> None:
    """As when it polls while the click is worked on: Streamlit then clears the page that the click has led to."""
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    polls: list[tuple[str, bytes]] = []  # which part, and what was sent
    clicked: list[bytes] = []  # what is asked for by a click, and then what is asked for too late

    def connect(from_page: WebSocketRoute) -> None:
        to_server = from_page.connect_to_server()

        def ask(frame: str | bytes) -> None:
            assert isinstance(frame, bytes)
            if (asked := BackMsg.FromString(frame).rerun_script).is_auto_rerun:
                polls.append((asked.fragment_id, frame))
            elif polls:
                clicked.append(frame)
            to_server.send(frame)

        def answer(frame: str | bytes) -> None:
            assert isinstance(frame, bytes)
            begun = ForwardMsg.FromString(frame).new_session.page_script_hash
            if len(clicked) == 1 and begun and begun != BackMsg.FromString(clicked[0]).rerun_script.page_script_hash:
                often = Counter(part for part, _ in polls).most_common(1)[0][0]
                clicked.append(dict(polls)[often])
                to_server.send(clicked[1])
            from_page.send(frame)

        from_page.on_message(ask)
        to_server.on_message(answer)

    page.route_web_socket("**/_stcore/stream", connect)
    if is_live:
        page.goto(server.url)
        start(page)
        polls.clear()
        clicked.clear()
    else:
        page.goto(f"{server.url}fine_tuning?run={make_run(server, 'one').id}")
        expect(page.get_by_role("heading", name="one", level=1)).to_be_visible(timeout=20_000)
    pause(page, 3)  # the sidebar's part polls every 2 s, a live run's more often
    page.get_by_role("button", name="New run").click()
    expect(page.get_by_role("heading", name="Fine-tune", level=1)).to_be_visible()
    pause(page, 3)
    assert len(clicked) == 2
    assert len(dict(polls)) == 1 + is_live
    expect(page.get_by_role("heading", name="What will happen")).to_be_visible()
    page.context.close()
