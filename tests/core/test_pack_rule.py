"""The rule by which photos are kept: squares, never enlarged, the same for a data set and for Predict."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.data.pack_rule import SHAPES, PackRule, Shape
from core.data.transforms import EvaluationTransform

SIDES = st.integers(1, 80)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1_000 + width).integers(0, 256, (height, width, 3)).astype(np.uint8)


@given(height=SIDES, width=SIDES, shape=st.sampled_from(SHAPES))
def test_every_photo_becomes_a_square_that_is_no_larger_than_it_was(height: int, width: int, shape: Shape) -> None:
    kept = PackRule(size=40, shape=shape)(noise(height, width))
    side = min(40, min(height, width) if shape == "middle" else max(height, width))
    assert kept.shape == (side, side, 3)
    assert kept.dtype == np.uint8
    assert kept.flags.writeable


@given(side=SIDES, shape=st.sampled_from(SHAPES))
def test_what_was_kept_once_is_kept_as_it_is(side: int, shape: Shape) -> None:
    rule = PackRule(size=40, shape=shape)
    once = rule(noise(side, side))
    assert np.array_equal(rule(once), once)


def test_middle_is_pillows_of_the_middle_square() -> None:
    photo = noise(90, 61)
    theirs = Image.fromarray(photo).crop((0, 14, 61, 75)).resize((40, 40), Image.Resampling.BILINEAR)
    assert np.array_equal(PackRule(size=40)(photo), np.asarray(theirs))


def test_squashed_photo_is_whole_and_padded_one_keeps_its_shape() -> None:
    photo = np.full((100, 50, 3), 200, np.uint8)
    assert (PackRule(size=40, shape="squash")(photo) == 200).all()
    padded = PackRule(size=40, shape="pad")(photo)
    assert (padded[:, 10:30] == 200).all()
    assert not padded[:, :10].any()
    assert not padded[:, 30:].any()


@pytest.mark.parametrize("shape", SHAPES)
def test_file_and_packed_photo_are_read_alike_to_the_bit(shape: Shape) -> None:
    rule = PackRule(size=48, shape=shape)
    values: dict = {"image_size": 32, "resize_size": 36, "kernel": "bilinear", "mean": (0.5,) * 3, "std": (0.2,) * 3}
    trained = EvaluationTransform(**values, pack=rule)
    for size in [(90, 61), (48, 48), (30, 200), (5, 7)]:
        photo = noise(*size)
        packed = torch.from_numpy(rule(photo))
        assert torch.equal(trained.of_photo(photo), trained([packed]))
    assert EvaluationTransform.from_dict(trained.to_dict()) == trained
    assert "pack" not in EvaluationTransform(**values).to_dict()


@pytest.mark.parametrize(
    "values",
    [
        *(None, {}, {"version": 2, "size": 256, "shape": "middle"}, {"version": 1, "size": 10**9, "shape": "middle"}),
        *({"version": 1, "size": size, "shape": "pad"} for size in (True, 0, -1, 256.0, "256", None, 31)),
        *({"version": 1, "size": 256, "shape": shape} for shape in (None, "", "crop")),
        {"version": 1, "size": 256, "shape": []},
    ],
)
def test_rule_of_a_file_is_checked(values: object) -> None:
    with pytest.raises(ValueError, match=r"rule|size|shape"):
        PackRule.from_dict(values)
