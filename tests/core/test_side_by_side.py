"""Work that is shared among threads is done once each, wherever it fails, and by one thread each."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from core.data.side_by_side import each
from core.data.transforms import EvaluationTransform


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_each_index_is_worked_on_once_by_a_thread_that_computes_alone(threads: int, count: int) -> None:
    done: list[tuple[int, int]] = []
    each(lambda index: done.append((index, torch.get_num_threads())), count)
    assert Counter(index for index, _ in done) == Counter(range(count))
    assert {used for _, used in done} == ({1} if count > 1 else {threads} if count else set())
    assert torch.get_num_threads() == threads
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == threads


def test_what_fails_in_a_thread_is_heard_of(threads: int) -> None:
    def fail(index: int) -> None:
        if index == 4:
            raise ValueError("four")

    with pytest.raises(ValueError, match="four"):
        each(fail, 5)


def test_crops_are_the_same_however_many_threads_make_them() -> None:
    transform = EvaluationTransform(image_size=24, resize_size=24, kernel="bicubic", mean=(0.5,) * 3, std=(0.2,) * 3)
    photos = list(torch.from_numpy(np.random.default_rng(0).integers(0, 256, (9, 40, 50, 3)).astype(np.uint8)))
    before = torch.get_num_threads()
    made = []
    for count in (1, 2, 4):
        torch.set_num_threads(count)
        made.append(transform.random_resized_crops(photos, np.random.default_rng(1)))
    torch.set_num_threads(before)
    assert torch.equal(made[0], made[1])
    assert torch.equal(made[0], made[2])
