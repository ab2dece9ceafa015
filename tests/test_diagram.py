"""Drawings of networks: what stands in them, and that nothing lies over anything else."""

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dlcli.diagram import _TextMeasure, draw_network
from dlcli.errors import UsageError
from dlcli.network_layout import lay_out


def layer(
    name: str, kind: str, size: int, *inputs: str, activation: str | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "layer": kind,
        "output_shape": [None, size],
        "num_parameters": 0 if kind == "InputLayer" else size * 10,
        "activation": activation,
        "inputs": list(inputs),
    }


CHAIN = [
    layer("features", "InputLayer", 8),
    layer("dense", "Dense", 64, "features", activation="relu"),
    layer("dropout", "Dropout", 64, "dense"),
    layer("dense_1", "Dense", 1, "dropout", activation="linear"),
]
TWO_OUTPUTS = [
    layer("features", "InputLayer", 3),
    layer("trunk", "Dense", 10, "features", activation="relu"),
    layer("PE", "Dense", 1, "trunk"),
    layer("dense_1", "Dense", 10, "trunk", activation="relu"),
    layer("V", "Dense", 1, "dense_1"),
]
MERGED = [
    layer("features", "InputLayer", 12),
    layer("shop", "InputLayer", 1),
    layer("review", "InputLayer", 200),
    layer("dense", "Dense", 32, "features"),
    layer("embedding", "Embedding", 16, "shop"),
    layer("embedding_1", "Embedding", 32, "review"),
    layer("pooled", "GlobalAveragePooling1D", 32, "embedding_1"),
    layer("concatenate", "Concatenate", 80, "dense", "embedding", "pooled"),
    layer("add", "Add", 80, "concatenate", "dense", "features"),
    layer("price $ 1_a^2", "Dense", 1, "add"),
]
DEEP = [layer("features", "InputLayer", 8)] + [
    layer(f"dense_{i}", "Dense", 8, "features" if i == 0 else f"dense_{i - 1}") for i in range(40)
]
NETWORKS = {"chain": CHAIN, "two outputs": TWO_OUTPUTS, "merged": MERGED, "deep": DEEP}


@pytest.mark.parametrize("name", NETWORKS)
def test_boxes_stand_apart_and_arrows_pass_beside_them(name: str) -> None:
    rows, edges = lay_out(NETWORKS[name], _TextMeasure().width)
    for row in rows:
        for one, other in pairwise(row):
            assert other.x - other.width / 2 >= one.x + one.width / 2
    for edge in edges:
        assert [node.row for node in edge] == list(range(edge[0].row, edge[-1].row + 1))
        assert all(bend.layer is None for bend in edge[1:-1])


def test_a_chain_is_straight() -> None:
    rows, _ = lay_out(DEEP, _TextMeasure().width)
    assert len({round(row[0].x, 3) for row in rows}) == 1


def test_branches_do_not_cross_where_they_need_not() -> None:
    _, edges = lay_out(MERGED, _TextMeasure().width)
    links = [pair for edge in edges for pair in pairwise(edge)]
    for upper, lower in links:
        for above, below in links:
            if above.row == upper.row:
                assert (upper.x - above.x) * (lower.x - below.x) >= 0


def test_drawing_tells_layer_name_shape_parameters_activation(tmp_path: Path) -> None:
    file = tmp_path / "net.svg"
    draw_network(TWO_OUTPUTS, file, title="two outputs")
    text = file.read_text(encoding="utf-8")
    for expected in (
        "two outputs",
        "features",
        "Dense · relu · “trunk”",
        "Dense · “PE”",
        "rows \N{MULTIPLICATION SIGN} 10 · 100 parameters",
    ):
        assert f"<!-- {expected} -->" in text
    assert "dense_1" not in text


def test_svg_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        draw_network(MERGED, tmp_path / name, title="merged")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_png_grows_with_the_network(tmp_path: Path) -> None:
    sizes = []
    for name, network in (("small", CHAIN), ("large", DEEP)):
        file = tmp_path / f"{name}.PNG"
        draw_network(network, file, title=name)
        header = file.read_bytes()[:24]
        assert header.startswith(b"\x89PNG")
        sizes.append(int.from_bytes(header[20:24], "big"))
    assert sizes[1] > 8 * sizes[0]


def test_names_in_any_script_are_drawn_without_a_warning(tmp_path: Path) -> None:
    network = [layer("価格\n$x$ 🏠", "InputLayer", 1), layer("dense", "Dense", 1, "価格\n$x$ 🏠")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_network(network, tmp_path / "net.png", title="価格")


@pytest.mark.parametrize("name", ["net.pdf", "net", "net.svg.txt"])
def test_other_suffixes_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ending in \.svg or \.png"):
        draw_network(CHAIN, tmp_path / name, title="chain")


def test_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        draw_network(CHAIN, tmp_path / "none" / "net.svg", title="chain")
