"""Every network of the catalog: as described, buildable, with a head that can be replaced; and its weights."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision.models
from PIL import Image
from torch import nn

from core.data.transforms import own_evaluation
from core.errors import WeightsError, WeightsFileError
from core.models import build, heads
from core.models.catalog import ARCHITECTURES
from core.models.efficientnet_lite import SamePadding
from core.models.files import read_state_dict
from core.models.torchvision_classifiers import CLASSIFIERS
from core.runs.config import FineTuneConfig, Mode
from core.runs.events import Finished
from core.training.fine_tune import fine_tune
from core.training.state import TrainingState
from tests.conftest import PHOTOS
from tests.samples import quick_or_long

ALL = pytest.mark.parametrize("architecture", quick_or_long(ARCHITECTURES))
SMALL = "efficientnet_lite0"


def meta(architecture: str) -> nn.Module:
    return build.build_empty(architecture, ARCHITECTURES[architecture].num_classes)


def forward(model: nn.Module, size: int) -> tuple[int, ...]:
    """The shape of what the network makes of two images, computed without numbers."""
    with torch.no_grad():
        return tuple(model.to("meta").eval()(torch.empty(2, 3, size, size, device="meta")).shape)


@ALL
def test_catalog_describes_the_network(architecture: str) -> None:
    known, model = ARCHITECTURES[architecture], meta(architecture)
    head = heads.get_head(model, architecture)
    assert sum(parameter.numel() for parameter in model.parameters()) == known.parameters
    assert (type(head).__name__, head.bias is not None) == (known.head_type, known.head_bias)
    assert (head.weight.shape[1], head.weight.shape[0]) == (known.head_features, known.num_classes)
    assert sum(parameter.numel() for parameter in head.parameters()) == known.head_parameters(known.num_classes)
    linear = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    assert linear[-1] is head, "the head is the last layer with weights"


def test_every_classifier_of_torchvision_is_there() -> None:
    missing = set(torchvision.models.list_models(module=torchvision.models)) - set(ARCHITECTURES)
    assert not missing, f"add a row to torchvision_classifiers.csv for {missing}"


@ALL
def test_weights_are_torchvisions_with_their_own_evaluation(architecture: str) -> None:
    known = ARCHITECTURES[architecture]
    if architecture not in torchvision.models.list_models():
        assert known.weights_url is None
        return
    every = torchvision.models.get_model_weights(architecture)
    weights = next(weights for weights in every if weights.url == known.weights_url)
    transforms = weights.transforms()
    assert (known.mean, known.std) == (tuple(transforms.mean), tuple(transforms.std))
    assert (transforms.crop_size, transforms.resize_size) == ([known.eval_size], [known.eval_resize])
    assert transforms.interpolation.value == known.kernel
    assert transforms.antialias
    assert weights.meta["num_params"] >= known.parameters, "auxiliary heads are left out"
    assert weights.meta["categories"] == torchvision.models.ResNet18_Weights.DEFAULT.meta["categories"]
    row = next(row for row in CLASSIFIERS if row.name == architecture)
    assert row.top1 == weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    assert row.megabytes == round(weights.meta["_file_size"] * 2**20 / 1e6)
    assert ("swag" in row.weights_file) == ("SWAG" in str(weights.meta.get("license", "")))
    others = [other.transforms().crop_size[0] for other in every]
    assert known.eval_size <= 240 or min(others) == known.eval_size, "a smaller variant exists"


@ALL
def test_network_reads_the_sizes_that_the_catalog_says(architecture: str) -> None:
    known = ARCHITECTURES[architecture]
    heads.replace_head(model := meta(architecture), architecture, 10, seed=0)
    assert forward(model, known.image_size or known.min_image_size) == (2, 10)
    assert sum(parameter.numel() for parameter in model.parameters()) == known.parameters_with(10)
    too_small = known.min_image_size - 1
    if known.image_size is None and too_small >= 32:
        with pytest.raises(Exception, match=r"too small|greater than|Kernel size"):
            forward(model, too_small)


@pytest.mark.parametrize("architecture", ["squeezenet1_1", "googlenet"])
@pytest.mark.parametrize("mode", ["frozen", "full"])
def test_special_networks_learn(architecture: str, mode: Mode, tiny_data: object) -> None:
    config = FineTuneConfig(
        architecture=architecture, weights="random", mode=mode, image_size=64, epochs=1, device="cpu",
        precision="float32", batch_size=27,
    )  # fmt: skip
    state = TrainingState.new(config)
    before = {name: tensor.clone() for name, tensor in state.model.named_parameters()}
    events = list(fine_tune(state))
    moved = {name for name, tensor in state.model.named_parameters() if not torch.equal(tensor, before[name])}
    head = {f"{ARCHITECTURES[architecture].head}.{name}" for name, _ in state.head.named_parameters()}
    assert isinstance(events[-1], Finished)
    assert moved == head if mode == "frozen" else moved > head


@pytest.mark.parametrize(
    "architecture",
    [
        "mnasnet0_5",
        "mobilenet_v3_small",
        "regnet_x_400mf",
        "shufflenet_v2_x0_5",
        "squeezenet1_1",
        "swin_t",
        "swin_v2_t",
    ],
)
def test_weights_come_back_from_a_file_as_they_went(architecture: str, tmp_path: Path) -> None:
    model = build.build_random(architecture, 3, seed=0).eval()
    torch.save(dict(model.state_dict()), tmp_path / "mine.pth")  # as in a checkpoint: without torch's own notes
    loaded = build.build_from_file(architecture, tmp_path / "mine.pth").eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded(images), model(images))


def test_auxiliary_heads_of_a_file_are_left_out(tmp_path: Path) -> None:
    full = torchvision.models.googlenet(weights=None, init_weights=False, num_classes=5).state_dict()
    torch.save(full, tmp_path / "googlenet.pth")
    model = build.build_from_file("googlenet", tmp_path / "googlenet.pth")
    assert torch.equal(model.state_dict()["fc.weight"], full["fc.weight"])


def test_old_names_of_densenet_are_understood(tmp_path: Path) -> None:
    today = build.build_random("densenet121", 5, seed=0).state_dict()
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", name): value for name, value in today.items()}
    assert set(old) != set(today)
    torch.save(old, tmp_path / "densenet121.pth")
    model = build.build_from_file("densenet121", tmp_path / "densenet121.pth")
    assert all(torch.equal(tensor, today[name]) for name, tensor in model.state_dict().items())


@ALL
def test_replaced_head_has_the_new_classes_and_depends_on_the_seed_alone(architecture: str) -> None:
    model = meta(architecture)
    torch.manual_seed(1)
    first = heads.replace_head(model, architecture, 3, seed=7)
    assert heads.get_head(model, architecture) is first
    assert len(first.weight) == 3
    torch.manual_seed(2)
    again = heads.replace_head(meta(architecture), architecture, 3, seed=7)
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, heads.replace_head(model, architecture, 3, seed=8).weight)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "output"), [(224, 3, 2, 112), (7, 5, 2, 4), (8, 5, 2, 4), (9, 3, 1, 9)]
)
def test_same_padding_gives_tensorflows_size(size: int, kernel: int, stride: int, output: int) -> None:
    padded = SamePadding(kernel, stride)(torch.zeros(1, 1, size, size))
    assert (padded.shape[-1] - kernel) // stride + 1 == output


@pytest.mark.parametrize(("photo", "class_index", "least"), [("pembroke", 263, 0.927), ("german_shepherd", 235, 0.745)])
def test_packaged_weights_know_dogs(photo: str, class_index: int, least: float) -> None:
    path = PHOTOS / f"{photo}.jpg"
    if not path.exists():
        pytest.skip("needs the photos with known answers")
    transform = own_evaluation(ARCHITECTURES[SMALL])
    model = build.build_pretrained(SMALL).eval()
    with Image.open(path) as photo_of_dog:
        image = torch.from_numpy(np.array(photo_of_dog.convert("RGB")))[None]
    with torch.no_grad():
        probabilities = model(transform(image)).softmax(dim=1)[0]
    assert probabilities.argmax() == class_index
    assert probabilities.max() > least


def test_random_weights_depend_on_the_seed_alone() -> None:
    first, again = (build.build_random("my_cnn", 10, seed=5).get_parameter("conv.weight") for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_users_file_of_weights_loads(suffix: str, tmp_path: Path) -> None:
    model = build.build_random("my_cnn", 4, seed=0)
    path = tmp_path / f"mine{suffix}"
    if suffix == ".pth":
        torch.save(model.state_dict(), path)
    else:
        safetensors.torch.save_file(model.state_dict(), path)
    loaded = build.build_from_file("my_cnn", path)
    assert torch.equal(loaded.get_parameter("conv.weight"), model.get_parameter("conv.weight"))
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert build.check_file("my_cnn", str(path)) is None


def test_half_precision_weights_become_float32(tmp_path: Path) -> None:
    torch.save(build.build_random("my_cnn", 4, seed=0).half().state_dict(), tmp_path / "half.pth")
    loaded = build.build_from_file("my_cnn", tmp_path / "half.pth")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}


class Exploit:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("exploited"),))


def write_bad_file(kind: str, path: Path) -> None:
    if kind == "text":
        path.write_text("no checkpoint")
    elif kind == "empty":
        path.touch()
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("a", "b")
    elif kind == "truncated":
        torch.save(torch.zeros(10_000), path)
        path.write_bytes(path.read_bytes()[:20_000])
    elif kind == "pickle":
        torch.save({"a": Exploit()}, path)
    elif kind == "values":
        torch.save({"a": 1}, path)
    elif kind == "opcodes":
        path.write_bytes(b"t." * 100)
    elif kind == "tensor":
        torch.save(torch.zeros(3), path)


@pytest.mark.parametrize(
    "kind", ["text", "empty", "zip", "truncated", "pickle", "values", "opcodes", "tensor", "missing"]
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_file_that_is_no_checkpoint_is_named_and_refused(kind: str, suffix: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"holiday{suffix}"
    write_bad_file(kind, path)
    with pytest.raises(WeightsFileError, match="holiday") as refused:
        read_state_dict(path)
    assert "expected" in str(refused.value) or kind == "missing"
    assert "\n" not in str(refused.value)
    assert not Path("exploited").exists()


def test_file_of_another_architecture_is_named_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "holiday.pth"
    torch.save(torchvision.models.resnet18().state_dict(), path)
    problem = build.check_file(SMALL, str(path))
    assert problem is not None
    assert "holiday.pth does not fit EfficientNet-Lite0: of the 296 tensors expected, 0 are there" in problem


def test_file_with_more_than_the_network_has_is_refused_for_that(tmp_path: Path) -> None:
    path = tmp_path / "deeper.pth"
    torch.save(torchvision.models.resnet34().state_dict(), path)
    problem = build.check_file("resnet18", str(path))
    assert problem is not None
    assert "of the 122 tensors expected, 122 are there with the right shape, and 96 others have no place" in problem


def test_network_without_pretrained_weights_says_so() -> None:
    with pytest.raises(WeightsError, match="no pretrained weights for MyCNN"):
        build.build_pretrained("my_cnn")
