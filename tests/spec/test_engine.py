"""The `engine` key, and what it cannot do for a config."""

import pytest

from dlcli.errors import SpecError
from dlcli.spec.engine import (
    as_trained_here,
    engine_name,
    local_settings,
    num_processes,
    ray_settings,
)
from dlcli.spec.merging import merge_values
from dlcli.spec.run import build_spec

CONFIG = {
    "name": "n",
    "data": {"source": "t.csv", "target": "y"},
    "layers": [{"Dense": 1}],
    "batch_size": 32,
    "epochs": 1,
}


def _spec(**keys):
    return build_spec(merge_values({**CONFIG, **keys}))


def test_an_engine_is_a_name_or_has_settings():
    assert engine_name(_spec().engine) == "local"
    assert engine_name(_spec(engine="ray").engine) == "ray"
    assert ray_settings(_spec(engine="ray").engine).address == "auto"
    found = ray_settings(_spec(engine={"ray": {"address": "h:1", "num_gpus": 0.5}}).engine)
    assert (found.address, found.num_cpus, found.num_gpus, found.workers) == ("h:1", 1, 0.5, 1)
    assert local_settings(_spec(engine={"local": {"devices": "all"}}).engine).devices == "all"
    assert as_trained_here(_spec(engine="ray")).engine == "local"


def test_workers_train_one_network_unless_there_are_several_to_train():
    ray = {"ray": {"workers": 4}}
    assert num_processes(_spec(engine=ray, backend="jax")) == 4
    assert num_processes(_spec(engine=ray, folds=3)) == 1
    assert num_processes(_spec(engine=ray, ensemble=3)) == 1
    assert num_processes(_spec(engine={"local": {"devices": 2}})) == 1


MISTAKES = [
    ({"engine": "spark"}, "engine: expected local, ray or a mapping"),
    ({"engine": {"ray": {}, "local": {}}}, "expected one engine, local or ray"),
    ({"engine": {"ray": {"workers": 0}}}, "workers: expected a whole number of at least 1, got 0"),
    (
        {"engine": {"ray": {"workers": 4}}},
        "4 processes cannot train one network on tensorflow: Keras 3 does not support",
    ),
    (
        {"engine": {"ray": {"workers": 5}}, "backend": "jax"},
        "5 processes cannot share batches of 32 rows evenly",
    ),
    ({"engine": {"local": {"devices": 3}}}, "3 devices cannot share batches of 32 rows evenly"),
]


@pytest.mark.parametrize(("keys", "message"), MISTAKES, ids=lambda value: str(value)[:30])
def test_what_an_engine_cannot_do_is_told_before_anything_runs(keys, message):
    with pytest.raises(SpecError) as caught:
        _spec(**keys)
    assert message in caught.value.message


def test_an_engine_is_no_axis():
    with pytest.raises(SpecError, match="'engine' cannot be an axis: it says where trials run"):
        _spec(
            data={**CONFIG["data"], "split": {"validation": 0.2}},
            sweep={"axes": {"engine": ["local", "ray"]}},
        )
