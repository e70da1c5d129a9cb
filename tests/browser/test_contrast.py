"""Every text can be read by weak eyes, and what has the focus can be seen, in light and dark, from computed colours.

The ratios are those of WCAG 2.1: 4.5 for text, 3 for large text (1.4.3) and for what marks the focus (1.4.11).
"""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, FloatRect, Page

from core.runs.config import LinearFitConfig
from core.runs.events import Evaluated, Failed, Finished, Step, Stopped
from core.runs.writer import append_event
from pages.places import PLACES
from tests.browser.conftest import Server
from tests.folders import begin, class_folders, packed
from tests.samples import STARTED, make_run

pytestmark = [pytest.mark.browser, pytest.mark.long]

STEPS = [Step(step=n, loss=2 / n, learning_rate=0.01, seconds=n / 4, images=32) for n in range(1, 58)]
SCORED = Evaluated(split="validation", epoch=1, step=57, loss=0.5, accuracy=0.8, seconds=15, best=True)
FAILED = Failed(message="The disk is full.", step=57, can_resume=True)
FINISHED = Finished(best_epoch=1, best_accuracy=0.8, test_accuracy=0.8, seconds=20.0)

COLOURS = """
// The colour that is really there: every layer from the page's background up, laid over one another.
const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
const over = (under, css, opacity) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    const share = alpha / 255 * opacity;
    return [red, green, blue].map((value, index) => value * share + under[index] * (1 - share));
};
const line = element => {
    const found = [];
    for (let at = element; at; at = at.parentElement) found.unshift(at);
    return found;
};
const behind = element => line(element).reduce(
    (under, at) => over(under, getComputedStyle(at).backgroundColor, 1), [255, 255, 255]);
const opacity = element => line(element).reduce((so_far, at) => so_far * getComputedStyle(at).opacity, 1);
const luminance = colour => colour.map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
};
"""

PALE = (
    "() => {"
    + COLOURS
    + """
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect(), style = getComputedStyle(element);
    const is_shown = text && box.width > 1 && box.height > 1 && element.checkVisibility({visibilityProperty: true});
    const is_exempt = element.closest(":disabled, [aria-disabled=true], script, style");
    if (!is_shown || is_exempt || opacity(element) < 0.05) continue;
    const css = element.closest("svg") ? style.fill : style.color, size = parseFloat(style.fontSize);
    const is_large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const reached = ratio(over(behind(element), css, opacity(element)), behind(element));
    if (reached < (is_large ? 3 : 4.5)) found.push(`${text.slice(0, 40)}: ${reached.toFixed(2)}`);
}
return [...new Set(found)];
}"""
)


@pytest.fixture(scope="module")
def addresses(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every page, and runs and data sets in the states that have colours of their own."""
    home = shared_server.home
    root = class_folders(tmp_path_factory.mktemp("photos") / "pets")
    whole, (failed, packing) = packed(home, root), begin(home, root)
    append_event(packing, FAILED)
    runs = [make_run(home, STARTED, *STEPS, SCORED, *last) for last in ([FINISHED], [Stopped(step=57)], [FAILED], [])]
    line = make_run(home, config=LinearFitConfig(epochs=10))
    return [
        *(place.address for place in PLACES),
        *(f"fine_tuning?run={run.id}" for run in runs),
        "?mode=race",
        f"linear_fit?run={line.id}",
        f"data_set?set={whole.id}",
        f"data_set?set={failed.id}",
        f"runs?compare={runs[0].id}",
        f"runs?compare={runs[0].id},{runs[1].id}",
    ]


@pytest.fixture(params=["light", "dark"])
def window(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, color_scheme=request.param)
    yield context.new_page()
    context.close()


def open_all(window: Page, server: Server, addresses: list[str]) -> Iterator[str]:
    for address in addresses:
        window.goto(server.url + address)
        window.get_by_test_id("stMain").locator("h1").wait_for(timeout=30_000)
        window.wait_for_function("!document.querySelector('[data-testid=stApp][data-test-script-state=running]')")
        window.wait_for_timeout(300)
        yield address


def test_every_text_stands_out(window: Page, server: Server, addresses: list[str]) -> None:
    pale: dict[str, Any] = {address: window.evaluate(PALE) for address in open_all(window, server, addresses)}
    assert not {address: found for address, found in pale.items() if found}


def test_what_has_the_focus_can_be_seen(window: Page, server: Server) -> None:
    """Tab goes from one thing to the next, and each has something around it then that it has not without the focus."""
    window.goto(server.url)
    window.get_by_role("button", name="Start fine-tuning").wait_for(timeout=30_000)
    window.wait_for_timeout(500)
    unseen: list[str] = []
    for _ in range(20):
        window.keyboard.press("Tab")
        focused = window.evaluate_handle("document.activeElement")
        if focused.evaluate("element => element === document.body"):
            break  # that was all
        element = focused.as_element()
        assert element is not None
        box = element.bounding_box()
        assert box is not None
        window.wait_for_timeout(200)  # for the transition of colours
        clip = FloatRect(x=box["x"] - 20, y=box["y"] - 20, width=box["width"] + 40, height=box["height"] + 40)
        with_focus = colours_of(window.screenshot(clip=clip))
        focused.evaluate("element => element.blur()")
        window.wait_for_timeout(200)
        without = colours_of(window.screenshot(clip=clip))
        focused.evaluate("element => element.focus({preventScroll: true})")
        has_changed = contrast(with_focus, without) >= 1.5
        stands_out = contrast(with_focus, without[:1, :1]) >= 3  # from what lies around it
        if (has_changed & stands_out).sum() < 20:
            unseen.append(focused.evaluate("element => element.outerHTML.slice(0, 200)"))
    assert not unseen


def colours_of(png: bytes) -> NDArray[np.float64]:
    """(height, width, 3) values from 0 to 1."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) / 255


def contrast(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of every two pixels, (height, width)."""
    light, dark = (luminance(colours) + 0.05 for colours in (one, other))
    return np.maximum(light, dark) / np.minimum(light, dark)


def luminance(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative luminance of sRGB colours, as WCAG 2.1 defines it."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])
