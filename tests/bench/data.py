"""What photos cost: packing them, an epoch of them, and memory however many there are. Needs no browser."""

import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.data import library, stored
from core.data.sources.looking import look
from core.data.stored import StoredSet
from core.runs import jobs, packings, store, workers
from core.runs.config import FineTuneConfig
from core.runs.pack_config import PackConfig
from core.runs.reader import RunReader
from core.runs.status import Status
from tests.bench.figures import Figure, temporary_home
from tests.bench.runs import has_ended, warm_worker
from tests.conftest import wait_until

_ROUNDS = 3
_PHOTOS, _SIZE = 2_000, (500, 375)
_MANY, _FEW = 50_000, 2_000


def packing(device: str) -> Iterator[Figure]:
    """Packing photos as cameras make them, against one thread that decodes and resizes them with Pillow alone."""
    ratios: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        _write_jpegs(Path(folder), _PHOTOS)
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            _pillow_loop(Path(folder))
            plain = time.perf_counter() - began
            with temporary_home() as home:
                ours = _seconds_to_pack(home, Path(folder))
            print(f"  {_PHOTOS:,} photos: {_PHOTOS / ours:.0f} a second, Pillow {_PHOTOS / plain:.0f}", file=sys.stderr)
            ratios.append(plain / ours)
    yield Figure(
        name="packing photos of 500 x 375, to one thread of Pillow",
        value=statistics.median(ratios),
        unit="x",
        target=1.5,
        more_is_better=True,
    )


def packed_epoch(device: str) -> Iterator[Figure]:
    """A shuffled epoch of random crops and flips at 224 pixels from a pack, and from files by `ImageFolder`."""
    import torch
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    from core.data.batches import Batches
    from core.data.crops import crop_stream
    from core.data.gather import Gatherer
    from core.data.side_by_side import each
    from core.data.transforms import EvaluationTransform

    channels = (0.5, 0.5, 0.5)
    transform = EvaluationTransform(image_size=224, resize_size=224, kernel="bilinear", mean=channels, std=channels)
    from_files = v2.Compose(
        [
            v2.RandomResizedCrop(224, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(channels, channels),
        ]
    )
    ratios: list[float] = []
    with tempfile.TemporaryDirectory() as folder, temporary_home() as home:
        _write_jpegs(Path(folder), _PHOTOS)
        kept = _pack(home, Path(folder))
        data_set = library.load(stored.key_of(kept.id, 1))
        gather = Gatherer(data_set.pixels, torch.device("cpu"))
        batches = Batches(num_photos=_PHOTOS, batch_size=32, seed=0)
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            for step in range(1, batches.steps_per_epoch + 1):
                stream = crop_stream(seed=0, step=step)
                crops = transform.random_resized_crops(gather(batches.rows(step)), stream)
                each(partial(_mirror, crops, stream.random(len(crops)) < 0.5), len(crops))
            ours = time.perf_counter() - began
            began = time.perf_counter()
            loader = DataLoader(ImageFolder(folder, from_files), batch_size=32, shuffle=True, num_workers=2)
            assert sum(len(labels) for _, labels in loader) == _PHOTOS
            theirs = time.perf_counter() - began
            print(f"  an epoch of {_PHOTOS:,}: {ours:.1f} s from the pack, {theirs:.1f} s from files", file=sys.stderr)
            ratios.append(ours / theirs)
    yield Figure(
        name="an epoch of random crops from a pack, to ImageFolder",
        value=100 * statistics.median(ratios),
        unit="%",
        target=25,
    )


def _mirror(crops: Any, is_mirrored: NDArray[np.bool_], index: int) -> None:
    if is_mirrored[index]:
        crops[index] = crops[index].flip(2)


def packed_memory(device: str) -> Iterator[Figure]:
    """Anonymous memory of whoever packs 50,000 photos, beyond that of whoever packs 2,000; children included."""
    peaks = {}
    for count in (_FEW, _MANY):
        with tempfile.TemporaryDirectory() as folder, temporary_home() as home:
            _write_jpegs(Path(folder), count, distinct=500)
            peaks[count] = _peak_memory(home, Path(folder))
            print(f"  packing {count:,} photos: {peaks[count]:.0f} MB", file=sys.stderr)
    yield Figure(
        name="memory to pack 50,000 photos, beyond that for 2,000",
        value=peaks[_MANY] - peaks[_FEW],
        unit="MB",
        target=100,
    )


def cifar10(device: str) -> Iterator[Figure]:
    """60,000 photos in CIFAR-10's binary files, from the click to the first step of a frozen run."""
    seconds: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        _write_cifar(Path(folder))
        for _ in range(_ROUNDS):
            with temporary_home() as home:
                warm_worker()
                began = time.perf_counter()
                kept = _pack(home, Path(folder))
                packed = time.perf_counter() - began
                workers.prepare()
                config = FineTuneConfig(data=stored.key_of(kept.id, 1), device=device)
                reader = RunReader(jobs.start(home, config))
                wait_until(lambda reader=reader: reader.poll().last_step > 0, timeout_s=120)  # type: ignore[misc]
                seconds.append(time.perf_counter() - began)
                jobs.stop(reader.folder)
                wait_until(partial(has_ended, reader))
                workers.release_spare()
                print(f"  packed after {packed:.1f} s, first step after {seconds[-1]:.1f} s", file=sys.stderr)
    yield Figure(
        name="CIFAR-10 from binary files to the first frozen step",
        value=statistics.median(seconds),
        unit="s",
        target=15,
    )


def _pack(home: Path, folder: Path) -> StoredSet:
    """A data set of a folder, once it is there."""
    way = look(str(folder)).ways[0]
    made = packings.make(home, PackConfig(source=str(folder), reading=way.key), name="bench")
    reader = RunReader(store.find(home, made.description().packing))
    wait_until(partial(has_ended, reader), timeout_s=1_200)
    run = reader.poll()
    assert run.status is Status.FINISHED, run.folder.log_tail(20)
    return made


def _seconds_to_pack(home: Path, folder: Path) -> float:
    """From the first file's reading to the end."""
    made = _pack(home, folder)
    run = packings.packing_of(home, made)
    assert run is not None
    return float(run.events[-1].seconds)  # type: ignore[attr-defined]


def _peak_memory(home: Path, folder: Path) -> float:
    """The most memory, in MB, that the worker and its processes have for themselves while they pack."""
    way = look(str(folder)).ways[0]
    made = packings.make(home, PackConfig(source=str(folder), reading=way.key), name="bench")
    reader = RunReader(store.find(home, made.description().packing))
    (worker,) = workers.children()
    peak = 0.0
    while not has_ended(reader):
        peak = max(peak, sum(map(_anonymous_mb, [worker.pid, *_children(worker.pid)])))
        time.sleep(0.1)
    assert reader.poll().status is Status.FINISHED, reader.folder.log_tail(20)
    return peak


def _children(pid: int) -> list[int]:
    try:
        own = [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*own, *(child for parent in own for child in _children(parent))]


def _anonymous_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1e3


def _pillow_loop(folder: Path) -> None:
    for path in sorted(folder.rglob("*.jpg")):
        with Image.open(path) as image:
            width, height = image.size
            left, top = (width - min(width, height)) // 2, (height - min(width, height)) // 2
            box = (left, top, left + min(width, height), top + min(width, height))
            np.asarray(image.convert("RGB").resize((256, 256), Image.Resampling.BILINEAR, box=box))


def _write_jpegs(folder: Path, count: int, *, distinct: int | None = None) -> None:
    """Photos with as much detail as a camera's, in four classes. Beyond `distinct` ones they differ by a byte."""
    random = np.random.default_rng(0)
    files: list[bytes] = []
    for _ in range(min(count, distinct or count)):
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).resize(_SIZE, Image.Resampling.BICUBIC)
        grain = random.normal(0, 6, (*_SIZE[::-1], 3))
        pixels = np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8)
        path = folder / "photo.jpg"
        Image.fromarray(pixels).save(path, quality=85)
        files.append(path.read_bytes())
        path.unlink()
    for number in range(count):
        path = folder / f"class {number % 4}" / f"{number:06d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(files[number % len(files)] + struct.pack("<I", number // len(files)) * bool(distinct))


def _write_cifar(folder: Path) -> None:
    """Files in CIFAR-10's layout, of photos as smooth as its own."""
    random = np.random.default_rng(0)
    (folder / "batches.meta.txt").write_text("".join(f"class {number}\n" for number in range(10)))
    for name in (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"):
        coarse = random.integers(0, 256, (10_000, 3, 8, 8), np.uint8)
        planes = coarse.repeat(4, axis=2).repeat(4, axis=3).reshape(10_000, 3072)
        labels = random.integers(0, 10, (10_000, 1), np.uint8)
        (folder / name).write_bytes(np.concatenate([labels, planes], axis=1).tobytes())
