"""Classes of one's own: named in a config, run only where that was allowed, kept with the run."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dlcli.cli import app
from dlcli.commands.train import TrainOptions, train
from dlcli.commands.validate import validate
from dlcli.console import QuietDisplay
from dlcli.errors import DlcliError, ExitCode, RunError, SpecError, UsageError
from dlcli.permission import allow_code
from dlcli.spec.run import load_spec

CODE = '''
import keras
from keras import ops

@keras.saving.register_keras_serializable(package="mine")
class Doubled(keras.layers.Layer):
    """Multiplies what it takes."""

    def __init__(self, times=2.0, **kwargs):
        super().__init__(**kwargs)
        self.times = times

    def call(self, inputs):
        return inputs * self.times

    def get_config(self):
        return {**super().get_config(), "times": self.times}

@keras.saving.register_keras_serializable(package="mine")
class Quartic(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean((y_true - y_pred) ** 4, axis=-1)

class Counter(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.step = step

class NotRegistered(keras.layers.Layer):
    pass
'''
CONFIG = """
data: {source: t.csv, target: y}
imports: [mine.py]
layers:
  - Dense: 4
  - Doubled: {times: 3.0}
  - Dense: 1
loss: Quartic
epochs: 2
callbacks: [Counter: {step: 1}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "mine.py").write_text(CODE)
    rows = "".join(f"{i % 4},{i % 3},{i % 5 / 5}\n" for i in range(40))
    (folder / "t.csv").write_text("a,b,y\n" + rows)
    (folder / "c.yaml").write_text(CONFIG)
    return folder


@pytest.fixture(autouse=True)
def deny():
    allow_code(False)
    yield
    allow_code(False)


def complaint(folder: Path, old: str, new: str) -> str:
    (folder / "wrong.yaml").write_text(CONFIG.replace(old, new))
    with pytest.raises(SpecError) as caught:
        load_spec(folder / "wrong.yaml")
    return caught.value.message


def test_a_config_is_checked_without_running_its_code(folder: Path) -> None:
    (folder / "c2.yaml").write_text(CONFIG.replace("mine.py", "loud.py"))
    (folder / "loud.py").write_text(CODE + "\nraise SystemExit('it ran')\n")
    (checked,) = validate((folder / "c2.yaml",), with_data=True)
    assert checked.error is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("times: 3.0", "tims: 3.0", "Doubled has no argument 'tims'"),
        ("Doubled: {times: 3.0}", "Doubld", "unknown layer 'Doubld'"),
        ("Doubled: {times: 3.0}", "NotRegistered", "unknown layer 'NotRegistered'"),
        ("Counter: {step: 1}", "Counter", "Counter needs step"),
        ("mine.py", "yours.py", "there is no Python file"),
        ("mine.py", "c.yaml", "this is no Python"),
    ],
)
def test_mistakes_are_found_in_the_text_of_the_file(
    folder: Path, old: str, new: str, message: str
) -> None:
    assert message in complaint(folder, old, new)


def test_it_trains_only_where_running_code_was_allowed(folder: Path) -> None:
    options = TrainOptions(out=folder / "run")
    with pytest.raises(UsageError, match=r"c runs Python code of its own: mine\.py"):
        list(_train_all(folder, options))
    with pytest.raises(DlcliError, match="of its own"):
        train(folder / "c.yaml", options, QuietDisplay())
    allow_code(True)
    trained = train(folder / "c.yaml", options, QuietDisplay())
    assert trained.manifest["imports"] == ["mine.py"]
    run = trained.run
    assert (run.path / "mine.py").read_text() == CODE
    assert "mine.py" in run.load_manifest()["files"]
    assert load_spec(run.config).imports == (str((run.path / "mine.py").absolute()),)
    _check_own_classes(run)


def _train_all(folder, options):
    from dlcli.commands.train import train_all

    return train_all((folder / "c.yaml",), options, QuietDisplay)


def _check_own_classes(run) -> None:
    from dlcli.bundle.store import load_own_classes
    from dlcli.commands.summarize import run_text

    assert "code        of its own: mine.py" in run_text(run)
    load_own_classes(run, run.load_manifest())
    allow_code(False)
    with pytest.raises(UsageError, match="of its own"):
        load_own_classes(run, run.load_manifest())
    allow_code(True)
    (run.path / "mine.py").write_text(CODE + "# changed\n")
    with pytest.raises(RunError, match="its sha256 differs"):
        load_own_classes(run, run.load_manifest())


@pytest.fixture(scope="module")
def own_run(folder: Path) -> Path:
    allow_code(True)
    return train(folder / "c.yaml", TrainOptions(out=folder / "kept"), QuietDisplay()).run.path


@pytest.mark.parametrize(
    "words", [["find-lr", "c.yaml", "--steps", "20"], ["reproduce", "kept"]], ids=lambda w: w[0]
)
def test_commands_that_train_run_code_only_where_allowed(
    folder: Path, own_run: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    refused = CliRunner().invoke(app, [*words, "--quiet"])
    assert refused.exit_code == ExitCode.USAGE
    assert "runs Python code of its own: mine.py" in refused.stderr
    done = CliRunner().invoke(app, [*words, "--quiet", "--allow-code"])
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    "words", [["importance", "kept", "--repeats", "1"], ["optimize", "kept", "--minimize", "y"]],
    ids=lambda w: w[0],
)  # fmt: skip
def test_commands_that_predict_take_the_permission(
    folder: Path, own_run: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, [*words, "--quiet", "--allow-code"])
    assert done.exit_code == 0, done.stderr
