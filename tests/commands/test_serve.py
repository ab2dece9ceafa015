"""What keeps a run from being served, told before anything is."""

import importlib.util
import shutil

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands import serve as serve_module
from dlcli.commands.serve import ServeOptions, serve
from dlcli.errors import RunError, UsageError
from dlcli.runs import RunFolder, load_json, write_json
from dlcli.serving import server
from dlcli.serving.server import listen


@pytest.fixture
def copied(trained_run, tmp_path):
    shutil.copytree(trained_run.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


@pytest.fixture
def no_server(monkeypatch):
    """Stop where serving would begin."""
    served = []
    monkeypatch.setattr(
        server, "serve_here", lambda app, listening, on_ready: served.append(app) or on_ready()
    )
    return served


def refuse(run, options=None, **rest):
    with pytest.raises((RunError, UsageError)) as caught:
        serve(str(run.path), options or ServeOptions(port=0), say=print, warn=print, **rest)
    return caught.value


def test_what_is_not_installed_is_named_with_what_to_install(copied, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        serve_module.importlib.util,
        "find_spec",
        lambda name, *rest: None if name in serve_module.PACKAGES else find(name, *rest),
    )
    error = refuse(copied)
    assert error.message == "serve needs fastapi and uvicorn, which are not installed"
    assert error.hint == "pip install 'dlcli[serve]'"


def test_a_run_of_a_newer_dlcli_is_told(copied):
    manifest = load_json(copied.manifest)
    write_json(copied.manifest, {**manifest, "format": 99})
    error = refuse(copied)
    assert "format 99; this dlcli reads up to 1" in error.message
    assert error.hint == "update dlcli"


def test_a_port_in_use_is_told_by_the_command_line(copied):
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["serve", str(copied.path), "--port", str(port)])
    assert result.exit_code == 2
    assert f"--port {port} is in use on 127.0.0.1" in result.output


def test_a_run_that_is_not_there_or_changed_is_told(copied, tmp_path):
    result = CliRunner().invoke(app, ["serve", str(tmp_path / "none"), "--port", "0"])
    assert result.exit_code == 6
    copied.onnx.write_bytes(b"changed")
    assert "is not the file that training wrote" in refuse(copied).message


def test_the_server_says_where_it_is_and_what_it_did(copied, no_server):
    told = []
    serve(str(copied.path), ServeOptions(port=0), say=told.append, warn=told.append)
    assert len(no_server) == 1
    assert told[0].startswith(f"serving {copied.path} at http://127.0.0.1:")
    assert told[1] == "stopped after 0 requests"


def test_a_network_without_onnx_is_predicted_by_keras_and_says_so(copied, no_server):
    manifest = load_json(copied.manifest)
    manifest["onnx"] = {"written": False, "reason": "a Lambda layer has no ONNX operator"}
    write_json(copied.manifest, manifest)
    copied.onnx.unlink()
    told = []
    serve(str(copied.path), ServeOptions(port=0), say=told.append, warn=told.append)
    assert "no ONNX file (a Lambda layer has no ONNX operator): Keras predicts instead" in told[0]
    assert len(no_server) == 1


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--workers", "0"], ["--max-mb", "0"]])
def test_options_have_bounds(arguments, copied):
    result = CliRunner().invoke(app, ["serve", str(copied.path), *arguments])
    assert result.exit_code == 2


def test_the_warning_of_a_wider_address_names_who_may_ask(copied, no_server, monkeypatch):
    told = []
    serve(str(copied.path), ServeOptions(port=0, host="0.0.0.0"), say=print, warn=told.append)
    assert "everybody, since no token is asked for" in told[0]
    monkeypatch.setenv("DLCLI_SERVE_TOKEN", "correct-horse-battery")
    told.clear()
    serve(str(copied.path), ServeOptions(port=0, host="0.0.0.0"), say=print, warn=told.append)
    assert "whoever has the token may ask" in told[0]
    assert "correct-horse" not in " ".join(told)
