"""What a person waits for in the browser, and what a page costs the server."""

import http.client
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from core import incoming
from core.models.catalog import ARCHITECTURES
from core.runs import locks, store
from core.runs.config import FineTuneConfig
from core.runs.events import Finished, Step
from core.runs.writer import RunWriter
from pages.fine_tune.live_run import POLL_S
from tests.bench.figures import Figure, temporary_home
from tests.browser.conftest import FLAGS, Server, drop, find_chromium
from tests.conftest import follow
from tests.samples import STARTED

_ZIP_BYTES = 10**9


@contextmanager
def dashboard() -> Iterator[tuple[Server, Page]]:
    """A fresh server with an empty home, and a browser that has just opened it."""
    path = find_chromium()
    if path is None:
        sys.exit("The benchmarks of the page need Chromium or Chrome: install one.")
    with temporary_home() as home, sync_playwright() as playwright:
        server = Server(home)
        chromium = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        server.start()
        try:
            page = chromium.new_page(viewport={"width": 1400, "height": 1000})
            page.goto(server.url)
            yield server, page
        finally:
            server.stop_runs()
            server.kill()
            chromium.close()


def default_run(device: str) -> Iterator[Figure]:
    """From the click on Start to the test accuracy on screen, with three seeds."""
    seconds: list[float] = []
    accuracies: list[float] = []
    with dashboard() as (server, page):
        for seed in range(3):
            page.goto(server.url)
            page.get_by_text("Settings", exact=True).click()
            page.get_by_label("Seed", exact=True).fill(str(seed))
            page.get_by_label("Seed", exact=True).press("Enter")
            page.wait_for_timeout(1_000)
            clicked = time.perf_counter()
            page.get_by_role("button", name="Start fine-tuning").click()
            expect(page.get_by_text("test photos are recognised")).to_be_visible(timeout=300_000)
            seconds.append(time.perf_counter() - clicked)
            finished = follow(next(store.newest(server.home))).last_event
            assert isinstance(finished, Finished)
            assert finished.test_accuracy is not None
            accuracies.append(100 * finished.test_accuracy)
    yield Figure(
        name="default run, click to finished (mean of 3 seeds)", value=statistics.mean(seconds), unit="s", target=12
    )
    yield Figure(
        name="default run, test accuracy (mean of 3 seeds)",
        value=statistics.mean(accuracies),
        unit="%",
        target=84,
        more_is_better=True,
    )


def cold_start(device: str) -> Iterator[Figure]:
    """From a click as soon as a fresh server's first page can be clicked: the medians of three servers."""
    signs: list[float] = []
    losses: list[float] = []
    for _ in range(3):
        with dashboard() as (_, page):
            button = page.get_by_role("button", name="Start fine-tuning")
            expect(button).to_be_enabled(timeout=30_000)
            clicked = time.perf_counter()
            button.click()
            page.get_by_role("button", name="Stop").wait_for()
            signs.append(time.perf_counter() - clicked)
            page.wait_for_function("document.querySelector('.live-chart-plot')?._fullData?.[0]?.x?.length > 0")
            losses.append(time.perf_counter() - clicked)
    yield Figure(
        name="cold start, click to sign of life (median of 3)", value=statistics.median(signs), unit="s", target=1
    )
    yield Figure(
        name="cold start, click to first loss (median of 3)", value=statistics.median(losses), unit="s", target=4
    )


def polling_tick(device: str) -> Iterator[Figure]:
    """The server's CPU time for one poll of a live run of 5,000 steps and growing, its sidebar included."""
    started = replace(STARTED, total_steps=200 * STARTED.steps_per_epoch)
    with dashboard() as (server, page):
        folder = store.new_folder(server.home)
        lock = locks.hold(folder.lock)
        folder.write_description(FineTuneConfig(epochs=200), name="polled", created=0.0, queue="cpu")
        with RunWriter(folder) as writer:
            writer.append(started)
            step = 0

            def record(count: int) -> None:
                nonlocal step
                for _ in range(count):
                    step += 1
                    loss = 2 / (1 + step / 100)
                    writer.append(Step(step=step, loss=loss, learning_rate=0.01, seconds=step / 100, images=32))
                writer.flush()

            record(5_000)
            page.goto(f"{server.url}?run={folder.id}")
            page.wait_for_function("document.querySelector('.live-chart-plot')?._fullData?.[0]?.x?.length > 0")
            page.wait_for_timeout(5_000)
            before, began = cpu_seconds(server), time.perf_counter()
            for _ in range(40):
                record(5)
                page.wait_for_timeout(500)
            ticks = (time.perf_counter() - began) / POLL_S
            each = (cpu_seconds(server) - before) / ticks
        os.close(lock)
    yield Figure(name="polling tick, CPU time of the server", value=1000 * each, unit="ms", target=15)


def cpu_seconds(server: Server) -> float:
    """User and system time of the server so far, as Linux counts it."""
    assert server.process is not None
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def dropped_photo(device: str) -> Iterator[Figure]:
    """From the drop of a 500 x 375 photo on Predict to its answer on screen, warm: the median of five drops."""
    noise = np.random.default_rng(0).integers(0, 256, (375, 500, 3), np.uint8)
    seconds: list[float] = []
    with dashboard() as (server, page):
        for index in range(6):
            photo = io.BytesIO()
            Image.fromarray(np.roll(noise, index, axis=0)).save(photo, "JPEG", quality=90)
            page.goto(f"{server.url}predict")
            expect(page.get_by_role("button", name="Try the bundled photos")).to_be_visible(timeout=60_000)
            page.wait_for_timeout(6_000 if index == 0 else 1_500)  # the first page warms the helper
            dropped = time.perf_counter()
            drop(page, {"photo.jpg": photo.getvalue()})
            page.get_by_text("photo.jpg · 500 x 375").wait_for(timeout=60_000)
            seconds.append(time.perf_counter() - dropped)
    yield Figure(
        name="a dropped 500 x 375 photo, warm, to its answer (median of 5)",
        value=statistics.median(seconds[1:]),
        unit="s",
        target=0.6,
    )


def dropped_zip(device: str) -> Iterator[Figure]:
    """A zip file of 1 GB on its way to the disk: what it adds to the server's memory at most."""
    with dashboard() as (server, page), tempfile.TemporaryFile() as file:
        page.get_by_role("button", name="Start fine-tuning").wait_for(timeout=30_000)
        page.wait_for_timeout(3_000)
        file.truncate(_ZIP_BYTES)
        before = memory_bytes(server, "VmRSS")
        assert server.process is not None
        Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # the peak begins anew
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, blocksize=2**20)
        headers = {"Origin": server.url.rstrip("/"), "Content-Length": str(_ZIP_BYTES)}
        connection.request("POST", f"/incoming/{incoming.new_drop(server.home)}/x?name=x.zip", file, headers)
        answer = json.load(connection.getresponse())
        seconds = time.perf_counter() - began
        assert answer["bytes"] == _ZIP_BYTES, answer
        print(f"  {_ZIP_BYTES / 1e6 / seconds:.0f} MB/s, as fast as the disk is", file=sys.stderr)
        added = memory_bytes(server, "VmHWM") - before
    yield Figure(name="a dropped zip of 1 GB, memory of the server", value=added / 1e6, unit="MB", target=100)


def memory_bytes(server: Server, name: str) -> int:
    """What Linux says of the server's memory: `VmRSS` now, `VmHWM` at most."""
    assert server.process is not None
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def linear_fit(device: str) -> Iterator[Figure]:
    """From the click to 1,000 epochs recorded and on screen, warm: the median of five clicks."""
    drawn = """[...document.querySelectorAll('.live-chart-plot')].flatMap(plot => plot._fullData ?? [])
        .some(trace => trace.name === 'Loss' && trace.x[trace.x.length - 1] === 1000)"""
    seconds: list[float] = []
    with dashboard() as (server, page):
        for _ in range(6):
            page.goto(f"{server.url}linear_fit")
            button = page.get_by_role("button", name="Fit the line")
            expect(button).to_be_enabled(timeout=60_000)
            page.wait_for_timeout(6_000 if not seconds else 1_500)
            assert not page.evaluate(drawn)
            clicked = time.perf_counter()
            button.click()
            page.wait_for_function(drawn, polling=10, timeout=60_000)
            seconds.append(time.perf_counter() - clicked)
            assert len(follow(next(store.newest(server.home))).steps) == 1_000
    yield Figure(
        name="1,000 linear epochs, warm, click to recorded and drawn (median of 5)",
        value=statistics.median(seconds[1:]),
        unit="s",
        target=1.0,
    )


def inspector(device: str) -> Iterator[Figure]:
    """From an address to the layers on screen with a warm helper, for networks not shown before: the slowest of six."""
    networks = ("resnet50", "efficientnet_v2_l", "vit_h_14", "regnet_y_128gf", "densenet201", "swin_v2_b")
    seconds: list[float] = []
    with dashboard() as (server, page):
        page.goto(f"{server.url}architecture_inspector")
        page.get_by_text("In all:").wait_for(timeout=60_000)
        for network in networks:
            began = time.perf_counter()
            page.goto(f"{server.url}architecture_inspector?network={network}")
            page.get_by_text(f"{ARCHITECTURES[network].parameters:,}").first.wait_for(timeout=60_000)
            page.get_by_text("In all:").wait_for(timeout=60_000)
            seconds.append(time.perf_counter() - began)
            print(f"  {network}: {seconds[-1]:.2f} s", file=sys.stderr)
    yield Figure(name="Inspector, address to layers, slowest of six networks", value=max(seconds), unit="s", target=2.0)


def runs_page(device: str) -> Iterator[Figure]:
    """Opening Runs with 1,000 generated runs: the median of three openings, the first of which reads them all."""
    seconds: list[float] = []
    with dashboard() as (server, page):
        page.get_by_role("button", name="Start fine-tuning").wait_for(timeout=30_000)  # the server itself is warm
        for index in range(1_000):
            folder = store.new_folder(server.home)
            folder.write_description(FineTuneConfig(seed=index), name=f"run {index}", created=index, queue="cpu")
            with RunWriter(folder) as writer:
                writer.append(STARTED)
                for step in range(1, 115):
                    writer.append(Step(step=step, loss=1 / step, learning_rate=0.01, seconds=step / 10, images=32))
                writer.append(Finished(best_epoch=2, best_accuracy=0.8, test_accuracy=0.8 + index / 1e4, seconds=11.4))
        for _ in range(3):
            began = time.perf_counter()
            page.goto(f"{server.url}runs")
            page.get_by_test_id("stDataFrame").locator("canvas").first.wait_for(timeout=60_000)
            seconds.append(time.perf_counter() - began)
            print(f"  opened in {seconds[-1]:.2f} s", file=sys.stderr)
    yield Figure(
        name="Runs with 1,000 runs, opened (median of 3)", value=statistics.median(seconds), unit="s", target=1.0
    )
