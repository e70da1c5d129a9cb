"""The rules of the house: what may import what, what stands at the top level, and what is said only once."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house import MAY_IMPORT

ROOT = Path(__file__).parents[1]
SOURCES = sorted([ROOT / "dashboard.py", *(ROOT / "core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")])

# Packages from outside that a part of the house must not know, directly or by what it imports.
NEVER = {
    "core": {"streamlit"},
    "core.models.blocks": {"torch", "torchvision", "streamlit"},
    "core.models.catalog": {"torch", "torchvision", "streamlit"},
    "core.models.description": {"torch", "torchvision", "streamlit"},
    "core.models.saved": {"torch", "torchvision", "streamlit"},
    **{
        f"core.data.{name}": {"torch", "torchvision", "streamlit"}
        for name in (  # noqa: SIM905
            "arrays arrival batches bundled crops dataset decoding draws findings library near overlay pack pack_rule "
            "photo_route pixels points published sides sources splits stored streams"
        ).split()
    },
    "core.packing": {"torch", "torchvision", "streamlit"},
    "core.home": {"torch", "torchvision", "streamlit"},
    "core.drop_index": {"torch", "torchvision", "streamlit"},
    "core.incoming": {"torch", "torchvision", "streamlit", "starlette"},
    "core.incoming_route": {"torch", "torchvision", "streamlit"},
    "core.cells": {"torch", "torchvision", "streamlit"},
    "core.data.decoding.limits": {"torch", "torchvision", "streamlit", "PIL", "pi_heif", "tifffile", "imagecodecs"},
    "core.data.sheets": {"torch", "torchvision", "streamlit", "starlette"},
    "core.models.imagenet": {"torch", "torchvision", "streamlit"},
    "core.predict.answers": {"torch", "torchvision", "streamlit"},
    "core.predict.examples": {"torch", "torchvision", "streamlit"},
    "core.predict.kept": {"torch", "torchvision", "streamlit"},
    "core.predict.photos": {"torch", "torchvision", "streamlit"},
    "core.runs": {"torch", "torchvision", "streamlit"},
    "core.job": {"torch", "torchvision", "streamlit"},
    "core.driver": {"torch", "torchvision", "streamlit"},
    "core.figures": {"torch", "torchvision", "streamlit"},
    "core.ask": {"torch", "torchvision", "streamlit"},
    "core.published_file": {"torch", "torchvision", "streamlit"},
    "core.fetching": {"torch", "torchvision", "streamlit"},
    "core.hub": {"torch", "torchvision", "streamlit"},
    "core.downloads": {"torch", "torchvision", "streamlit"},
    "core.helper": {"torch", "torchvision", "streamlit"},
    "core.helper_process": {"torch", "torchvision", "streamlit"},
    "core.sandbox": {"torch", "torchvision", "streamlit"},
    "core.models.gate": {"torch", "torchvision", "streamlit"},
    "core.durable": {"torch", "torchvision", "streamlit"},
    "core.words": {"torch", "torchvision", "streamlit"},
    "pages": {"torch", "torchvision", "subprocess", "multiprocessing"},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports anywhere in it, as far as the names tell."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            files = {module_name(source) for source in SOURCES}
            modules |= {name if name in files else node.module for name in names}
    return modules


def within(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(f"{prefix}.")


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_point_downwards(path: Path) -> None:
    module = module_name(path)
    own = {name for name in imports_of(path) if name.split(".")[0] in ("core", "pages", "dashboard")}
    rules = [prefix for prefix in MAY_IMPORT if within(module, prefix)]
    if not rules:
        assert not own, f"{module} has no rule, so it may import nothing of the project"
        return
    allowed = MAY_IMPORT[max(rules, key=len)]
    forbidden = {name for name in own if not any(within(name, prefix) for prefix in allowed)}
    assert not forbidden, f"{module} must not import {forbidden}"


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_each_part_knows_only_its_own_packages(path: Path) -> None:
    module = module_name(path)
    for prefix, packages in NEVER.items():
        if within(module, prefix):
            known = {name.split(".")[0] for name in imports_of(path)} & packages
            assert not known, f"{module} must not import {known}"


def test_nothing_in_the_product_imports_the_worker() -> None:
    assert not [path for path in SOURCES if "core.worker" in imports_of(path)]


def test_what_pages_import_brings_no_torch_with_it() -> None:
    modules = sorted({name for path in SOURCES if within(module_name(path), "pages") for name in imports_of(path)})
    own = [name for name in modules if name.startswith("core")]
    code = (
        f"import sys, importlib\nfor name in {own!r}: importlib.import_module(name)\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_torch_load_is_called_in_one_place_and_safely() -> None:
    calls = [
        (module_name(path), {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords})
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]
    assert [module for module, _ in calls] == ["core.models.files"]
    assert calls[0][1]["weights_only"] == "True"


def test_dashboard_is_hardened_from_the_start() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["enableCORS"]
    assert settings["server"]["enableXsrfProtection"]
    assert set(settings["server"]["allowedHosts"]) == {"localhost", "127.0.0.1", "[::1]"}
    assert settings["client"]["showErrorDetails"] == "none"
    assert not settings["browser"]["gatherUsageStats"]


def test_top_level_is_as_agreed() -> None:
    allowed = {
        *("dashboard.py", "pages", "core", "tests", "requirements.txt", ".streamlit", "docs", ".ci", ".gitignore"),
        *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"),
        *("pyproject.toml", "requirements-dev.txt"),
    }
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    assert {line.split("/")[0] for line in listed.stdout.splitlines()} <= allowed


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "CONTRIBUTING.md").read_text()
    for file in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / file).read_text().splitlines():
            if line and not line.startswith("#"):
                assert f"`{line.split('>')[0]}`" in reasons, line


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_everything_public_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text())
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    silent = [node.name for node in defined if not node.name.startswith("_") and not ast.get_docstring(node)]
    assert not silent
    assert ast.get_docstring(tree) or not tree.body


def test_no_file_is_longer_than_one_can_read_at_a_time() -> None:
    most = {"core": 300, "pages": 300, "tests": 400}
    lengths = {path: len(path.read_text().splitlines()) for folder in most for path in (ROOT / folder).rglob("*.py")}
    assert not {path: length for path, length in lengths.items() if length > most[path.relative_to(ROOT).parts[0]]}
