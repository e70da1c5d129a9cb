"""What reading files costs: hostile ones, and one that is large while somebody else waits for an answer."""

import io
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from core import ask
from core.models import build
from core.predict.answers import NetworkRef
from tests.bench.figures import Figure
from tests.bench.hostile_files import check_each

_LARGE = "vgg19"  # 575 MB of weights


def hostile_files(device: str) -> Iterator[Figure]:
    """Refusing files that their headers give away: the slowest of four, and the one that takes the most memory."""
    with tempfile.TemporaryDirectory() as folder:
        checked = list(check_each(Path(folder)))
    for what, seconds, megabytes, refusal in checked:
        print(f"  {what}: {seconds:.2f} s, {megabytes:.0f} MB, {refusal}", file=sys.stderr)
        assert refusal.startswith("hostile.pth ")
    yield Figure(
        name="a hostile file, refused by its headers (slowest of four)",
        value=max(seconds for _, seconds, _, _ in checked),
        unit="s",
        target=1.0,
    )
    yield Figure(
        name="a hostile file, memory beyond twice its size (most of four)",
        value=max(megabytes for _, _, megabytes, _ in checked),
        unit="MB",
        target=200,
    )


def other_viewer(device: str) -> Iterator[Figure]:
    """A photo's answer while another viewer's weights file of 575 MB is checked and loaded: the slowest of all."""
    photo = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (375, 500, 3), np.uint8)).save(photo, "JPEG")
    small = NetworkRef(source="pretrained", architecture="efficientnet_lite0")
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "large.pth")
        torch.save(build.build_random(_LARGE, 1000, seed=0).state_dict(), path)
        large = NetworkRef(source="file", architecture=_LARGE, path=str(path))
        ask.prepare_reading()
        ask.predict(small, [("warm.jpg", photo.getvalue())])
        time.sleep(6)  # until a second helper is there, as it is when a page was open for a moment
        num_bytes = path.stat().st_size

        def read() -> None:
            began = time.perf_counter()
            assert ask.network_problem(ask.File("large.pth", num_bytes), large) is None
            ask.warm_network(large)
            print(f"  the large file was there after {time.perf_counter() - began:.2f} s", file=sys.stderr)

        reading = threading.Thread(target=read)
        reading.start()
        while reading.is_alive():
            began = time.perf_counter()
            (answer,) = ask.predict(small, [("photo.jpg", photo.getvalue())])
            assert answer.guesses
            seconds.append(time.perf_counter() - began)
        reading.join()
        ask.stop()
    print(f"  {len(seconds)} photos meanwhile, median {statistics.median(seconds):.2f} s", file=sys.stderr)
    yield Figure(
        name="a photo while another viewer's 575 MB are read (slowest)", value=max(seconds), unit="s", target=1.0
    )
