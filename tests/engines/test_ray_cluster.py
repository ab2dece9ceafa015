"""Clusters that are not there, addresses that are none, and room that is not enough."""

import socket

import pytest

from dlcli.engines import ray_cluster
from dlcli.errors import RunError, UsageError
from dlcli.spec.engine import RaySpec


@pytest.fixture
def installed(monkeypatch):
    """Ray as if it were there: what is told comes before it is imported."""
    monkeypatch.setattr(ray_cluster, "check_installed", lambda: None)


@pytest.mark.usefixtures("installed")
def test_a_cluster_that_does_not_answer_is_told_within_seconds():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(RunError) as caught:
        ray_cluster.join_cluster(RaySpec(address=address))
    assert caught.value.message == f"no Ray cluster answers at {address}: Connection refused"
    assert "ray start --head" in str(caught.value.hint)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("address", ["head", "ray://127.0.0.1:10001", "127.0.0.1:http"])
def test_an_address_is_a_host_and_a_port(address):
    with pytest.raises(UsageError, match="expected HOST:PORT, or auto"):
        ray_cluster.join_cluster(RaySpec(address=address))


def test_a_missing_ray_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setattr(ray_cluster.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        ray_cluster.check_installed()
    assert caught.value.hint == "pip install 'dlcli[ray]'"


def test_room_is_counted_machine_by_machine():
    class Cluster:
        @staticmethod
        def nodes():
            resources = [{"CPU": 3.0, "GPU": 1.0}, {"CPU": 2.0}, {}]
            return [{"Alive": True, "Resources": each} for each in resources]

    ray_cluster.check_room(Cluster, RaySpec(num_cpus=2), 2)
    ray_cluster.check_room(Cluster, RaySpec(num_gpus=0.5), 2)
    with pytest.raises(RunError) as caught:
        ray_cluster.check_room(Cluster, RaySpec(num_cpus=2, num_gpus=1), 2)
    assert caught.value.message == (
        "the cluster has room for 1 of 2 workers, of 2 CPUs and 1 GPUs each; its machines: "
        "3 CPUs, 1 GPUs; 2 CPUs, 0 GPUs; 0 CPUs, 0 GPUs"
    )
