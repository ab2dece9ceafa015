"""A spec written as YAML is read again as the same spec."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcli.spec.places import Source
from dlcli.spec.run import build_spec, load_spec
from dlcli.spec.writing import to_yaml

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_shipped_config_survives_writing(config: Path, tmp_path: Path) -> None:
    spec = load_spec(config)
    folder = tmp_path / "runs" / "a" / "001"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(spec, folder=folder), encoding="utf-8")
    # What a config extends is merged into it.
    assert load_spec(folder / "config.yaml") == replace(spec, extends=None)


def test_every_default_is_spelt_out(build) -> None:
    text = to_yaml(build(), folder=Path.cwd())
    for line in ("batch_size: 32", "seed: 0", "optimizer: Adam", "test: 0.2", "shuffle: true"):
        assert line in text


@pytest.mark.parametrize(
    "word", ["on", "1e-3", "null", "12", "1:30", "~", "true", "- a", "a: b", "ä"]
)
def test_text_stays_text_under_yaml_1_2(build, word: str, tmp_path: Path) -> None:
    spec = build(
        data={"source": "a.csv", "target": word, "columns": {word: {"categories": [word, 1]}}},
    )
    (tmp_path / "config.yaml").write_text(to_yaml(spec, folder=tmp_path), encoding="utf-8")
    written = load_spec(tmp_path / "config.yaml")
    assert written.data.target == word
    assert written.data.columns == spec.data.columns


names = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n"),
    min_size=1,
    max_size=6,
)
missing = st.sampled_from(["error", "drop", "median"]) | st.builds(
    lambda value: {"constant": value}, st.integers(-9, 9) | st.floats(0, 1) | names
)
columns = st.fixed_dictionaries(
    {},
    optional={
        "missing": missing,
        "missing_values": st.lists(names | st.integers(-9, 9), max_size=2),
        "type": st.just("category"),
        "encode": st.sampled_from(["onehot", "ordinal"]),
        "categories": st.lists(names, min_size=1, max_size=3, unique=True),
        "unseen": st.sampled_from(["error", "ignore"]),
    },
)
data = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["/tables/a.csv", "dataset:iris-original"])
        | st.just(["/tables/a.csv", "/tables/b.csv"]),
        "target": names,
    },
    optional={
        "missing": missing,
        "separator": st.sampled_from([";", "\t", "|"]),
        "sheet": names | st.integers(1, 9),
        "header": st.lists(names, min_size=1, max_size=3),
        "scale": st.sampled_from(["none", "standard"]),
        "columns": st.dictionaries(names.map("c{}".format), columns, max_size=2),
        "split": st.fixed_dictionaries(
            {},
            optional={
                "test": st.floats(0, 0.4) | st.integers(0, 99) | st.just("/tables/test.csv"),
                "validation": st.floats(0, 0.4) | st.integers(0, 99) | st.just("/tables/v.csv"),
                "seed": st.integers(0, 99),
                "stratify": st.booleans() | names,
            },
        ),
    },
)
layers = st.lists(
    st.sampled_from(
        [
            {"Dense": {"units": 8, "activation": "relu", "kernel_regularizer": {"L2": 0.01}}},
            {"Dense": {"units": 8, "activation": None}},
            {"Dropout": 0.2},
            {"BatchNormalization": {"momentum": 0.9, "name": None}},
            "Flatten",
        ]
    ),
    max_size=3,
)
configs = st.fixed_dictionaries(
    {"data": data, "layers": layers.map(lambda some: [*some, {"Dense": 1}]), "epochs": st.integers(1, 9)},
    optional={
        "name": st.from_regex(r"[a-zä0-9]{1,5}", fullmatch=True),
        "seed": st.integers(0, 2**32 - 1),
        "loss": st.sampled_from(["mse", {"Huber": {"delta": 1e-5}}, {"height": "mae"}, "LogCosh"]),
        "metrics": st.lists(st.sampled_from(["mae", "R2Score"]), unique=True),
        "optimizer": st.sampled_from(
            ["adam", {"SGD": {"learning_rate": 1, "nesterov": True}},
             {"Adam": {"learning_rate": {"CosineDecay": {"initial_learning_rate": 1e-9,
                                                         "decay_steps": 100}}}}]
        ),
        "batch_size": st.integers(1, 999),
        "shuffle": st.booleans(),
        "callbacks": st.lists(
            st.sampled_from(["TerminateOnNaN", {"CSVLogger": {"append": True}},
                             {"EarlyStopping": {"monitor": "loss", "min_delta": 1e-8}}]),
            max_size=2,
        ),
    },
)  # fmt: skip


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=configs)
def test_any_spec_survives_writing(values: dict[str, Any], tmp_path: Path) -> None:
    if isinstance(values.get("loss"), dict) and "height" in values["loss"]:
        values["loss"] = {values["data"]["target"]: "mae"}
    values["data"]["target"] = f"t{values['data']['target']}"
    if isinstance(values.get("loss"), dict) and "Huber" not in values["loss"]:
        values["loss"] = {values["data"]["target"]: "mae"}
    path = tmp_path / "config.yaml"
    spec = build_spec(Source(values=values, places={}, file=path))
    path.write_text(to_yaml(spec, folder=tmp_path), encoding="utf-8", newline="")
    assert load_spec(path) == spec
