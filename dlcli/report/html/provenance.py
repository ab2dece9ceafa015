"""Where a run comes from: its network, its config, versions and hashes."""

import re
from typing import Any

from dlcli.languages import spoken, spoken_each
from dlcli.report.html.elements import (
    Markup,
    code,
    details,
    element,
    join,
    note,
    section,
    table,
)
from dlcli.report.html.network import MOST_LAYERS, draw_network
from dlcli.report.record import RunRecord
from dlcli.report.text import LAYER_HEADER, format_shape

_OPEN_LAYERS = 24
"""Layers of a drawing that is not folded away."""


def network_section(record: RunRecord) -> Markup | None:
    """Return the network as a drawing and as a table."""
    layers = record.manifest["layers"]
    if not layers:
        return None
    drawing = draw_network(layers)
    if drawing is None:
        shown: Any = note(f"Networks of more than {MOST_LAYERS} layers are not drawn.")
    else:
        frame = element("div", drawing, class_="scroll drawing", tabindex="0")
        shown = frame if len(layers) <= _OPEN_LAYERS else details("The drawing", frame)
    rows = [
        [
            layer["name"],
            layer["layer"],
            format_shape(layer["output_shape"]),
            f"{layer['num_parameters']:,}",
            layer["activation"] or "",
            ", ".join(layer["inputs"]),
        ]
        for layer in layers
    ]
    header = spoken_each(*LAYER_HEADER)
    total = sum(layer["num_parameters"] for layer in layers)
    listed = details(
        f"{len(layers):,} layers, {total:,} parameters", table(header, rows, numeric=(3,))
    )
    return section("network", "Network", shown, listed)


def config_section(record: RunRecord) -> Markup | None:
    """Return the config as it ran, with what the command line changed in it."""
    if record.config is None:
        return None
    overrides = record.manifest.get("overrides", [])
    changed = None
    if overrides:
        items = [element("li", code(f"--set {text}")) for text in overrides]
        changed = element(
            "div", element("p", spoken("Changed on the command line:")), element("ul", *items)
        )
    lines = len(record.config.splitlines())
    whole = details(f"config.yaml, {lines} lines", element("pre", _coloured(record.config)))
    return section("config", "Config", changed, whole)


def versions_section(record: RunRecord) -> Markup:
    """Return versions, the sources of the data, and the sha256 of every file."""
    manifest = record.manifest
    versions = {"dlcli": manifest.get("dlcli", ""), **manifest.get("versions", {})}
    system = " ".join(str(value) for value in manifest.get("platform", {}).values())
    rows = [
        [spoken("created"), str(manifest["created"])],
        [spoken("seed"), str(manifest.get("seed", ""))],
        [spoken("versions"), ", ".join(f"{name} {version}" for name, version in versions.items())],
        [spoken("machine"), system],
    ]
    hashes = [
        [spoken("data"), _file_name(source["path"]), _hash(source["sha256"])]
        for source in manifest["data"].get("sources", [])
    ]
    split = manifest["data"].get("split", {}).get("sha256", {})
    hashes += [[spoken("rows"), spoken(part), _hash(text)] for part, text in split.items()]
    hashes += [
        [spoken("run"), name, _hash(text)] for name, text in manifest.get("files", {}).items()
    ]
    return section(
        "versions",
        "Versions and hashes",
        table(["", ""], rows, class_="facts"),
        details(f"{len(hashes)} sha256 sums", table(spoken_each("of", "name", "sha256"), hashes)),
    )


def _file_name(path: str) -> str:
    """Return the name alone: the folders of the one who trained are nobody else's business."""
    return re.split(r"[/\\]", path)[-1]


def _hash(text: str) -> Markup:
    return element("code", text, class_="hash")


def _coloured(config: str) -> Markup:
    """Mark the keys of YAML, line by line, as its writer lays it out."""
    return join([*map(_coloured_line, config.splitlines())], "\n")


def _coloured_line(line: str) -> Markup:
    found = re.match(r"(\s*(?:- )*)([^\s:#'\"{\[][^:#'\"{\[]*)(:(?:\s.*)?)$", line)
    if found is None:
        return join([line])
    return join([found[1], element("span", found[2], class_="key"), found[3]])
