import json
import shutil

import numpy as np
import pytest

from dlcli.bundle.own_rows import read_own_rows
from dlcli.bundle.store import Bundle
from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.errors import RunError
from dlcli.files import hash_file
from dlcli.runs import RunFolder, write_json


def _read(run):
    return read_own_rows(run, Bundle.load(run).preprocessing)


def test_the_parts_are_those_that_trained(trained_run):
    parts = _read(trained_run)
    sizes = trained_run.load_manifest()["data"]["split"]["sizes"]
    assert {name: len(own.rows) for name, own in parts.items()} == sizes
    lines = trained_run.predictions.read_text(encoding="utf-8").splitlines()[1:]
    assert [int(line.split(",")[0]) for line in lines] == (parts["test"].rows + 1).tolist()
    together = np.concatenate([own.rows for own in parts.values()])
    assert np.sort(together).tolist() == list(range(1030))


def test_parts_with_files_of_their_own_are_read_from_them(tmp_path):
    for name, shift in (("train", 0), ("check", 100), ("judge", 200)):
        lines = ["x,y", *(f"{i + shift},{2 * i}" for i in range(10))]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines), encoding="utf-8")
    config = tmp_path / "net.yaml"
    config.write_text(
        "data: {source: train.csv, target: y, split: {test: judge.csv, validation: check.csv}}\n"
        "layers: [Dense: 1]\nepochs: 1\n",
        encoding="utf-8",
    )
    run = train(config, TrainOptions(out=tmp_path / "run"), QuietDisplay()).run
    values = {
        name: own.cells.columns["x"].take(own.rows).values[0] for name, own in _read(run).items()
    }
    assert values == {"train": 0, "validation": 100, "test": 200}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data["sources"][0].update(sha256="0"), "it has changed"),
        (
            lambda data: data["split"]["sha256"].update(test="0"),
            "no longer split into the parts that it was trained on",
        ),
    ],
)
def test_what_is_not_as_it_was_is_refused(trained_run, tmp_path, change, message):
    run = RunFolder(tmp_path / "run")
    shutil.copytree(trained_run.path, run.path)
    manifest = json.loads(run.manifest.read_text(encoding="utf-8"))
    change(manifest["data"])
    write_json(run.manifest, manifest)
    with pytest.raises(RunError, match=message):
        _read(run)


def test_data_that_are_gone_are_named(trained_run, tmp_path):
    run = RunFolder(tmp_path / "run")
    shutil.copytree(trained_run.path, run.path)
    manifest = json.loads(run.manifest.read_text(encoding="utf-8"))
    manifest["data"]["sources"][0]["path"] = str(tmp_path / "gone.csv")
    text = run.config.read_text(encoding="utf-8")
    source = next(line for line in text.splitlines() if "source:" in line)
    run.config.write_text(text.replace(source, "  source: gone.csv"), encoding="utf-8")
    manifest["files"]["config.yaml"] = hash_file(run.config)
    write_json(run.manifest, manifest)
    with pytest.raises(RunError, match=r"the data file .*gone.csv is gone"):
        _read(run)
