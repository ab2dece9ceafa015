"""What is shipped beside the code: extras, the lean install, the images, who is cited."""

import json
import re
import runpy
import tomllib
from pathlib import Path

import pytest

from dlcli import __version__
from dlcli.spec.source import read_source

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
GATE = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
LEAN = runpy.run_path(str(REPOSITORY / "scripts" / "lean_requirements.py"))["lean_requirements"]


def test_the_lean_install_has_no_framework():
    names = {re.split(r"[<>=]", each)[0] for each in LEAN("serve")}
    assert {"fastapi", "uvicorn", "onnxruntime", "pyarrow"} <= names
    assert names.isdisjoint({"tensorflow", "keras", "jax", "tf2onnx", "matplotlib"})


def test_the_images_install_what_the_gate_tries():
    serve = DOCKERFILE.partition("AS serve")[2].partition("FROM")[0]
    commands = re.findall(r"^RUN (.+)$", serve, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        # In a fresh environment, since no image can be built in every place that tests run.
        told = command.replace("pip install", "pip install --quiet").replace(
            "lean.txt", '"$work/lean.txt"'
        )
        assert told in GATE, command


def test_the_images_are_given_what_they_copy():
    copied = [
        name
        for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    let_in = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert copied
    for name in copied:
        assert (REPOSITORY / name).exists()
        assert f"!{name}" in let_in
    # What the package is built from, and what it says of itself.
    assert {"pyproject.toml", "README.md", "LICENSE", "dlcli"} <= set(copied)


def test_the_development_container_installs_what_tests_need():
    container = json.loads(
        (REPOSITORY / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    )
    assert f"AS {container['build']['target']}\n" in DOCKERFILE
    extra = re.search(r"\[(\w+)\]", container["postCreateCommand"])[1]
    assert any(each.startswith("pytest>") for each in EXTRAS[extra])


def test_who_is_cited_is_what_is_installed():
    cited = read_source(REPOSITORY / "CITATION.cff").values
    assert cited["cff-version"] == "1.2.0"
    assert cited["version"] == __version__
    assert cited["license"] == PROJECT["license"] == "Apache-2.0"
    assert cited["authors"]
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(__version__)}\b", changes, re.MULTILINE)


@pytest.mark.parametrize("extra", sorted(EXTRAS.keys() - {"dev"}))
def test_every_extra_is_named_where_it_is_missed(extra):
    told = f"dlcli[{extra}]"
    backend = "'dlcli[{backend}]'"
    sources = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "dlcli").rglob("*.py")]
    assert any(told in source or (extra == "jax" and backend in source) for source in sources)


def test_the_steps_of_contributing_name_what_is_there():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:dlcli|scripts|tests|docs)/[\w/.]+)`", text):
        if "NAME" not in path:
            assert (REPOSITORY / path).exists(), path
    for section in text.split("\n## ")[1:]:
        steps = re.findall(r"^\d\. ", section, re.MULTILINE)
        assert 2 <= len(steps) < 10, section.splitlines()[0]
    for table, module in re.findall(r"`([A-Z]+)` of `(dlcli/[\w/.]+)`", text):
        assert re.search(
            rf"^{table}\b", (REPOSITORY / module).read_text(encoding="utf-8"), re.MULTILINE
        ), table


def test_the_page_is_in_the_package():
    data = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = data["tool"]["setuptools"]["package-data"]["dlcli"]
    files = {
        path.relative_to(REPOSITORY / "dlcli").as_posix()
        for path in (REPOSITORY / "dlcli").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    packed = {
        path.relative_to(REPOSITORY / "dlcli").as_posix()
        for pattern in patterns
        for path in (REPOSITORY / "dlcli").glob(pattern)
    }
    assert files == packed
