"""The frame of a page: styles and script inside it, and a policy that lets nothing else in."""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

from dlcli.languages import language
from dlcli.report.html.charts import Charts, script_words
from dlcli.report.html.elements import Markup, element, escape, join

_ASSETS = Path(__file__).parents[1] / "assets"


def document(title: str, *content: Markup | None, charts: Charts) -> str:
    """Return a whole HTML document; its Content-Security-Policy names its own script by hash."""
    style, script = f"{_read('uplot.css')}\n{page_style()}", _script()
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = join(
        [
            Markup('<meta charset="utf-8">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup('<meta name="color-scheme" content="light dark">'),
            Markup('<meta name="generator" content="dlcli">'),
            Markup('<link rel="icon" href="data:,">'),
            element("title", title),
            Markup(f"<style>{style}</style>"),
        ],
        "\n",
    )
    body = join(
        [
            *content,
            Markup(f'<script type="application/json" id="chart-data">{charts.to_json()}</script>'),
            script_words(),
            Markup(f"<script>{script}</script>"),
        ],
        "\n",
    )
    parts = [
        "<!doctype html>",
        f'<html lang="{language()}">',
        "<head>",
        head,
        "</head>",
        "<body>",
        body,
    ]
    return "\n".join([*parts, "</body>", "</html>", ""])


@cache
def page_style() -> str:
    """Return the style of every page: colours for light, dark and paper, text, tables, buttons."""
    dark = _read("dark.css")
    # Paper stays light, whatever the screen is.
    themes = (
        f"@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme]) {{ {dark} }} }}"
        f'@media screen {{ :root[data-theme="dark"] {{ {dark} }} }}'
    )
    return "\n".join([_read("report.css"), themes])


@cache
def _script() -> str:
    version = json.loads(_read("uplot.json"))["version"]
    licence = f"/*!\nuPlot {version}\n\n{_read('uplot.LICENSE').strip()}\n*/"
    # A screen of few pixels shows the charts smoother, and paper shows them sharp.
    sharp = (
        "if (devicePixelRatio < 2)"
        ' Object.defineProperty(window, "devicePixelRatio", {get: () => 2, configurable: true});'
    )
    return "\n".join([licence, sharp, _read("uplot.js"), _read("report.js")])


def _read(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


@cache
def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
