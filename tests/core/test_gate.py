"""The gate for files of tensors: what is sound is read exactly, whatever its form; the rest is refused by name.

A tensor that passed is a plain one, so that training and predicting with it give the bits that they give with the same
numbers saved plainly.
"""

import itertools
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from core.errors import WeightsFileError
from core.models import build, files, fitting
from core.models.catalog import ARCHITECTURES
from core.models.gate.headers import read_headers
from core.runs.optimizer_settings import OptimizerSettings
from core.training.optimizers import Learning, make_optimizer
from tests.hostile import FORMATS, REFUSED, REFUSED_STATISTICS, State, described_by, oddly, save

NETWORKS = (
    *("resnet18", "squeezenet1_0", "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x0_5"),
    *("mnasnet0_5", "efficientnet_lite0", "densenet121", "googlenet", "regnet_y_400mf", "my_cnn"),
)
SMALL = "shufflenet_v2_x0_5"
_QUICK = (SMALL, "squeezenet1_1", "mnasnet0_5")
QUICK_OR_LONG = [pytest.param(name, marks=() if name in _QUICK else pytest.mark.long) for name in NETWORKS]
ALL_REFUSED = REFUSED | REFUSED_STATISTICS
LIBRARY_WORDS = re.compile(r"Error|Exception|Traceback|size mismatch|Unsupported|weights_only|0x[0-9a-f]{6}|\n")


def state_of(architecture: str) -> State:
    return dict(build.build_random(architecture, 3, seed=0).state_dict())


@pytest.fixture(scope="module")
def small() -> State:
    return state_of(SMALL)


def trained_and_asked(model: nn.Module, size: int) -> tuple[dict[str, Tensor], Tensor]:
    """The weights after one fused step on a small batch, and the logits before it."""
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = model.eval()(images)
    torch.manual_seed(0)  # of dropout
    optimizer = make_optimizer(
        [Learning(parameter, 1.0) for parameter in model.parameters()], OptimizerSettings(learning_rate=0.1)
    )
    nn.functional.cross_entropy(model.train()(images), torch.tensor([0, 2])).backward()
    optimizer.step()
    return model.state_dict(), logits


@pytest.mark.parametrize("architecture", QUICK_OR_LONG)
def test_odd_file_trains_and_predicts_as_the_same_numbers_saved_plainly(architecture: str, tmp_path: Path) -> None:
    state = state_of(architecture)
    save(tmp_path / "plain.pth", state)
    save(tmp_path / "odd.pth", oddly(state))
    models = [build.build_from_file(architecture, tmp_path / name) for name in ("plain.pth", "odd.pth")]
    for name, tensor in models[1].state_dict().items():
        assert tensor.is_contiguous(), name
        assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size(), "a storage of its own"
        assert torch.equal(tensor, state[name]), name
    size = ARCHITECTURES[architecture].image_size or 64
    (plain, logits), (odd, odd_logits) = (trained_and_asked(model, size) for model in models)
    assert torch.equal(logits, odd_logits)
    assert all(torch.equal(plain[name], odd[name]) for name in plain)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("form", FORMATS)
def test_content_decides_and_every_precision_becomes_float32(
    form: str, suffix: str, small: State, tmp_path: Path
) -> None:
    dtypes = itertools.cycle([torch.float64, torch.float32, torch.float16, torch.bfloat16])
    saved = {name: tensor.to(next(dtypes)) if tensor.is_floating_point() else tensor for name, tensor in small.items()}
    FORMATS[form](tmp_path / f"mine{suffix}", saved)
    loaded = build.build_from_file(SMALL, tmp_path / f"mine{suffix}").state_dict()
    for name, tensor in saved.items():
        assert torch.equal(loaded[name], tensor.to(loaded[name].dtype))
        assert loaded[name].dtype == (torch.float32 if tensor.is_floating_point() else torch.int64)


# What the numbers alone tell, or what the shapes tell only beside a network's.
_TOLD_BY_NUMBERS = {"whole numbers", "NaN", "infinite", "beyond float32", *REFUSED_STATISTICS}


@pytest.mark.parametrize("kind", ALL_REFUSED)
def test_hostile_file_is_refused_in_one_true_sentence_before_a_tensor_is_made(
    kind: str, small: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, fragment = ALL_REFUSED[kind]
    path = tmp_path / "holiday.pth"
    write(path, small)
    if kind not in _TOLD_BY_NUMBERS:
        monkeypatch.setattr(fitting, "read_tensor", None)
        monkeypatch.setattr(files, "read_tensor", None)
        monkeypatch.setattr(torch, "load", None)
    problem = build.check_file(SMALL, str(path))
    assert problem is not None
    assert problem.startswith("holiday.pth ")
    assert fragment in problem
    assert problem.endswith(".")
    assert not LIBRARY_WORDS.search(problem), problem


@pytest.mark.parametrize("architecture", QUICK_OR_LONG)
def test_damaged_tensor_of_any_network_is_named(architecture: str, tmp_path: Path) -> None:
    state = state_of(architecture)
    name = list(state)[len(state) // 2]
    damaged = state[name].to(torch.complex64)
    save(tmp_path / "mine.pth", {**state, name: damaged})
    with pytest.raises(
        WeightsFileError, match=rf"mine\.pth cannot be used: {re.escape(name)} is a tensor of complex64"
    ):
        build.build_from_file(architecture, tmp_path / "mine.pth")


def test_longest_description_that_is_followed_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "holiday.pth"
    described_by(b"}" * 300_000 + b"](" + b"K\x01" * 190_000 + b"e" + b"0" * 20_000 + b".")(path, {})
    tracemalloc.start()
    try:
        with pytest.raises(WeightsFileError):
            read_headers(path)
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    finally:
        tracemalloc.stop()


def test_positions_of_a_transformer_cannot_point_beyond_their_table() -> None:
    expected = build.build_empty("swin_t", 3).state_dict()
    name = next(name for name in expected if name.endswith("relative_position_index"))
    rows = len(expected[name.replace("index", "bias_table")])
    for index in (-1, rows):
        wrong = torch.full(expected[name].shape, index)
        with pytest.raises(WeightsFileError, match="holds numbers that are not possible there"):
            fitting.as_weight(wrong, name=name, expected=expected, source="mine.pth")
    fitting.as_weight(torch.full(expected[name].shape, rows - 1), name=name, expected=expected, source="mine.pth")


def test_folder_and_missing_file_say_what_they_are(tmp_path: Path) -> None:
    assert "is a folder. Name the file" in str(build.check_file(SMALL, str(tmp_path)))
    assert "There is no file" in str(build.check_file(SMALL, str(tmp_path / "none.pth")))
    assert "There is no file" in str(build.check_file(SMALL, "a\0b"))


def test_file_that_is_replaced_while_it_is_read_stays_the_one_that_was_opened(small: State, tmp_path: Path) -> None:
    save(tmp_path / "mine.pth", small)
    described = files.describe_state_dict(tmp_path / "mine.pth")
    save(tmp_path / "other.pth", {name: tensor + 1 for name, tensor in small.items()})
    (tmp_path / "other.pth").replace(tmp_path / "mine.pth")
    loaded = files.load(described, "mine.pth")
    assert all(torch.equal(loaded[name], tensor) for name, tensor in small.items())


def test_network_shares_nothing_with_the_tensors_that_it_was_built_from(small: State) -> None:
    model = build.build_for_weights(SMALL, small, "mine.pth")
    places = {tensor.data_ptr() for tensor in small.values()}
    assert not places & {tensor.data_ptr() for tensor in model.state_dict().values()}


def test_tensors_of_the_oldest_files_are_read(tmp_path: Path) -> None:
    """Made empty by their class and then filled, as PyTorch did it before there were functions for that."""
    file = tmp_path / "old.pth"
    FORMATS["legacy"](file, {"a": torch.arange(4.0)})
    data = file.read_bytes()
    rebuild = data[data.index(b"ctorch._utils") : data.index(b"((X\x07\x00\x00\x00storage")]
    tail = b"\x89ccollections\nOrderedDict"
    start, end = data.index(rebuild), data.index(tail)
    arguments = data[start + len(rebuild) + 1 : end]  # without their mark
    after = data[data.index(b"s.", end) :]
    file.write_bytes(data[:start] + b"ctorch\nFloatTensor\n)\x81(" + arguments + b"tb" + after)
    assert torch.equal(files.read_file(file)["a"], torch.arange(4.0))


def contents() -> dict[str, Any]:
    return {
        "a": torch.arange(6.0).view(2, 3),
        "b": {"c": [torch.ones(2, dtype=torch.int64), (1, 2.5, None, "x", True)]},
    }


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_plain_values_come_back_as_they_went(form: str, tmp_path: Path) -> None:
    FORMATS[form](tmp_path / "mine.pt", contents())
    back = files.read_file(tmp_path / "mine.pt")
    assert torch.equal(back["a"], contents()["a"])
    assert torch.equal(back["b"]["c"][0], contents()["b"]["c"][0])
    assert back["b"]["c"][1] == contents()["b"]["c"][1]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    for form, write in FORMATS.items():
        write(folder / form, {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.ones(2)})
    return {form: (folder / form).read_bytes() for form in FORMATS}


def refusal_of(path: Path) -> str:
    """What is said of a file; nothing if it is read."""
    try:
        files.load(read_headers(path), path.name)
    except WeightsFileError as refused:
        return str(refused)
    return ""


@given(form=st.sampled_from(list(FORMATS)), place=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
def test_damaged_file_is_read_or_refused_in_a_sentence(
    form: str, place: float, byte: int, cut: bool, originals: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(originals[form])
    at = int(place * (len(data) - 1))
    data[at] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.pth"
    path.write_bytes(data[:at] if cut else data)
    refusal = refusal_of(path)
    assert not refusal or refusal.startswith("damaged.pth ")
    assert not LIBRARY_WORDS.search(refusal)
