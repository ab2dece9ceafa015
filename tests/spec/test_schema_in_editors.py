"""The schema in the language server behind the YAML extensions of editors, spoken to over stdio."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dlcli.commands.schema import write_vscode
from dlcli.errors import SpecError
from dlcli.spec.run import load_spec
from dlcli.spec.schema import build_schema
from dlcli.spec.source import read_source

REPOSITORY = Path(__file__).parents[2]
GOLDEN = REPOSITORY / "tests" / "golden" / "errors" / "configs"
SERVER = "yaml-language-server@1.18.0"
MOST_SECONDS = 120


@pytest.fixture(scope="session")
def server_script() -> Path:
    """The language server, installed once into the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "dlcli-tests" / SERVER
    script = folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    if script.is_file():
        return script
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("npm is not there, and the tests of editors need it: install Node.js")
    # Beside its place and then renamed, so that what is there is whole.
    building = folder.with_name(f"{folder.name}.{os.getpid()}")
    building.mkdir(parents=True)
    options = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    done = subprocess.run(
        [npm, "install", "--prefix", str(building), *options, SERVER],
        check=False, capture_output=True, text=True, timeout=MOST_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, f"npm could not install {SERVER}: {done.stderr}"
    try:
        building.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(building)
    return script


class Editor:
    """What an editor with the workspace's settings sees of its files."""

    def __init__(self, script: Path, workspace: Path) -> None:
        self.workspace = workspace
        self.settings = json.loads((workspace / ".vscode" / "settings.json").read_text())
        self.shown: dict[str, list[dict[str, Any]]] = {}
        self._sent = 0
        node = shutil.which("node")
        assert node is not None, "node is not there, and the tests of editors need it"
        self._process = subprocess.Popen(
            [node, str(script), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        asks = {"completionItem": {"documentationFormat": ["markdown"]}}
        self._ask(
            "initialize",
            processId=os.getpid(),
            rootUri=workspace.as_uri(),
            capabilities={
                "workspace": {"configuration": True},
                "textDocument": {"completion": asks},
            },
        )
        self._send(method="initialized", params={})

    def open(self, name: str, text: str) -> str:
        """Open a file that need not be saved; return its address."""
        uri = (self.workspace / name).as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._send(method="textDocument/didOpen", params={"textDocument": document})
        return uri

    def marks(self, uri: str) -> list[dict[str, Any]]:
        """Return what is marked in a file that was opened."""
        while uri not in self.shown:
            self._handle(self._receive())
        return self.shown[uri]

    def hover(self, uri: str, line: int, column: int) -> str:
        """Return the text that the pointer brings up; places count from 0."""
        found = self._ask("textDocument/hover", **_place(uri, line, column))
        return "" if found is None else found["contents"]["value"]

    def complete(self, uri: str, line: int, column: int) -> set[str]:
        """Return what can be typed there."""
        found = self._ask("textDocument/completion", **_place(uri, line, column))
        return {item["label"] for item in found["items"]}

    def close(self) -> None:
        """End the server."""
        self._ask("shutdown")
        self._send(method="exit")
        self._process.communicate(timeout=MOST_SECONDS)

    def _ask(self, method: str, **params: Any) -> Any:
        self._sent += 1
        number = self._sent
        self._send(id=number, method=method, params=params)
        while True:
            message = self._receive()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]
            self._handle(message)

    def _handle(self, message: dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params")
        if method == "textDocument/publishDiagnostics":
            self.shown[params["uri"]] = params["diagnostics"]
        elif method == "workspace/configuration":
            sections = [self._section(item["section"]) for item in params["items"]]
            self._send(id=message["id"], result=sections)
        elif "id" in message and method is not None:
            self._send(id=message["id"], result=None)

    def _section(self, name: str) -> dict[str, Any] | None:
        """Return a section of the settings as VS Code does: dots in keys are levels."""
        found = {
            key.removeprefix(f"{name}."): value
            for key, value in self.settings.items()
            if key.startswith(f"{name}.")
        }
        if name == "yaml":
            # Its catalogue of schemas stands on the net.
            found |= {"schemaStore": {"enable": False}, "validate": True}
            found |= {"hover": True, "completion": True}
        return found or None

    def _send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while (header := self._process.stdout.readline()) != b"\r\n":
            assert header, "the language server ended"
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message


def _place(uri: str, line: int, column: int) -> dict[str, Any]:
    return {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}


@pytest.fixture(scope="module")
def editor(server_script: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    workspace = tmp_path_factory.mktemp("work space")
    write_vscode(workspace / ".vscode", ("configs/*.yaml",))
    found = Editor(server_script, workspace)
    yield found
    found.close()


CONFIG = """\
data: {source: plants.csv, target: height}
layers:
  - Dense: {units: 8, activation: relu}
  - Drop
  - LSTM:
      units: 4
      
loss: mse
epochs: 3
"""


def test_layers_and_their_arguments_are_completed_and_explained(editor: Editor) -> None:
    uri = editor.open("configs/plants.yaml", CONFIG)
    editor.marks(uri)
    assert {"Dropout", "Dense", "LSTM", "share"} <= editor.complete(uri, 3, 8)
    assert {"recurrent_dropout", "return_sequences"} <= editor.complete(uri, 6, 6)
    assert "Fully connected layer" in editor.hover(uri, 2, 6)
    assert "Number of outputs" in editor.hover(uri, 2, 14)
    assert "Passes over the training part" in editor.hover(uri, 8, 2)
    assert {"optimizer", "callbacks", "batch_size"} <= editor.complete(uri, 9, 0)


def test_only_files_of_the_setting_are_judged(editor: Editor) -> None:
    assert editor.marks(editor.open("configs/wrong.yaml", "epoch: 3\n"))
    assert editor.marks(editor.open("compose.yaml", "epoch: 3\n")) == []


def _golden_of_yaml() -> dict[Path, Any]:
    """Return the values of the golden mistakes that are YAML."""
    found = {}
    for path in sorted(GOLDEN.glob("*.yaml")):
        with suppress(SpecError):
            found[path] = read_source(path).values
    return found


SHIPPED = sorted((REPOSITORY / "configs").glob("*.yaml"))
MISTAKEN = _golden_of_yaml()


@pytest.fixture(scope="module")
def opened(editor: Editor) -> dict[Path, str]:
    """Every file at once, since the server lets a moment pass before it judges one."""
    return {
        path: editor.open(f"configs/{number}/configs/{path.name}", path.read_text())
        for number, path in enumerate((*SHIPPED, *MISTAKEN))
    }


@pytest.mark.parametrize("config", SHIPPED, ids=lambda path: path.stem)
def test_nothing_is_marked_in_a_shipped_config(
    editor: Editor, opened: dict[Path, str], config: Path
) -> None:
    assert editor.marks(opened[config]) == []


ALSO_MARKED = {
    # Where a required key is misspelt, the editor misses it on the first line too.
    "key_lookalike": {1},
    "key_misspelt_required": {1},
    # The second of two keys is an unknown layer as well.
    "layer_indentation": {4},
    # The rest of a file for a newer dlcli is judged all the same.
    "version_too_new": {2},
}
UNMARKED = {
    # JSON knows no difference between 1e3 and 1000.
    "ten_mistakes": {15},
    "value_float_for_whole": {4},
    # Where nothing stands yet, an editor has nothing to mark.
    "yaml_empty": {1},
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(build_schema())


@pytest.mark.parametrize("config", MISTAKEN, ids=lambda path: path.stem)
def test_a_mistake_is_marked_where_validate_marks_it(
    editor: Editor, opened: dict[Path, str], validator: Draft202012Validator, config: Path
) -> None:
    marked = editor.marks(opened[config])
    lines = {each["range"]["start"]["line"] + 1 for each in marked}
    if validator.is_valid(MISTAKEN[config]):
        assert lines == set()
        return
    with pytest.raises(SpecError) as caught:
        load_spec(config)
    told = [each.line or 1 for each in caught.value.problems if Path(each.file or "") == config]
    # Values that are no config at all have no line of their own.
    expected = set(told or [1])
    assert lines == (expected | ALSO_MARKED.get(config.stem, set())) - UNMARKED.get(
        config.stem, set()
    )
