"""The chart of a fine-tuning under a person's hands: drawn across something else, and taken away."""

import os
import re

import pytest
from playwright.sync_api import Page, expect

from core.runs import locks
from core.runs.events import Step
from core.runs.writer import RunWriter
from tests.browser.conftest import Server
from tests.browser.test_runs import make_run

pytestmark = pytest.mark.browser

CHART = "document.querySelector('.live-chart-plot')"


def wait_for_last_x(page: Page, value: float) -> None:
    page.wait_for_function(f"Math.abs(Array.from({CHART}?._fullData?.[0]?.x ?? []).at(-1) - {value}) < 1e-4")


def test_chart_of_a_live_run_is_drawn_across_something_else_and_taken_away(page: Page, server: Server) -> None:
    run = make_run(server, "../<b>my</b> run", ends=False)
    lock = locks.hold(run.lock)
    page.goto(f"{server.url}fine_tuning?run={run.id}")
    wait_for_last_x(page, 57)
    page.evaluate(f"{CHART}.dataset.mark = 'the same'")
    page.get_by_label("Across").press("End")  # the last one
    wait_for_last_x(page, 57 / 4)
    page.wait_for_url(re.compile("x=seconds"))
    page.get_by_label("Scale").press("ArrowDown")
    page.wait_for_function(f"{CHART}._fullLayout.yaxis.type === 'log'")
    page.wait_for_url(re.compile("scale=log_loss"))
    page.evaluate(f"Plotly.relayout({CHART}, {{'xaxis.range': [2, 5]}})")
    with RunWriter(run) as writer:
        writer.append(Step(step=58, loss=0.02, learning_rate=0.01, seconds=30.0, images=32))
    wait_for_last_x(page, 30)
    assert page.evaluate(f"{CHART}.layout.xaxis.range") == [2, 5], "new steps leave the zoom as it is"
    assert page.evaluate(f"{CHART}.dataset.mark") == "the same"
    expect(page.get_by_label("Across")).to_have_value("seconds")

    for format, beginning in {"CSV": b"step,epoch,images,", "PNG": b"\x89PNG", "SVG": b"<svg"}.items():
        with page.expect_download() as downloading:
            page.get_by_text(format, exact=True).click()
        assert downloading.value.suggested_filename == f"b-my-b-run-{run.id}.{format.lower()}"
        assert downloading.value.path().read_bytes().startswith(beginning)
    os.close(lock)
