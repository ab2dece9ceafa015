"""What the command line says of the engine, over the config's own."""

import pytest

from dlcli.commands.placing import AskedEngine, with_engine
from dlcli.errors import SpecError, UsageError
from dlcli.spec.engine import EngineSpec, LocalSpec, RaySpec
from dlcli.spec.merging import merge_values
from dlcli.spec.run import build_spec


def _placed(asked: AskedEngine, **keys):
    values = {
        "name": "n",
        "data": {"source": "t.csv", "target": "y"},
        "layers": [{"Dense": 1}],
        "epochs": 1,
        "backend": "jax",
        **keys,
    }
    return with_engine(build_spec(merge_values(values)), asked).engine


def test_options_lie_over_the_settings_of_the_same_engine():
    config = {"ray": {"address": "a:1", "num_cpus": 2}}
    assert _placed(AskedEngine()) == "local"
    assert _placed(AskedEngine(name="ray")) == "ray"
    assert _placed(AskedEngine(name="local"), engine=config) == "local"
    asked = AskedEngine(address="b:2", workers=2)
    expected = EngineSpec(ray=RaySpec(address="b:2", num_cpus=2, workers=2))
    assert _placed(asked, engine=config) == expected
    assert _placed(AskedEngine(devices="2")) == EngineSpec(local=LocalSpec(devices=2))
    assert _placed(AskedEngine(devices="all")) == EngineSpec(local=LocalSpec(devices="all"))


def test_options_of_another_engine_are_refused():
    with pytest.raises(UsageError, match="--workers is for a Ray cluster, and the engine is local"):
        _placed(AskedEngine(workers=2))
    with pytest.raises(UsageError, match="--devices is for this machine, and the engine is ray"):
        _placed(AskedEngine(name="ray", devices="2"))
    with pytest.raises(UsageError, match="--devices two: expected a number of devices, or all"):
        _placed(AskedEngine(devices="two"))


def test_what_they_ask_for_is_checked_like_the_config():
    with pytest.raises(SpecError, match="n: 3 processes cannot share batches of 32 rows evenly"):
        _placed(AskedEngine(name="ray", workers=3))
