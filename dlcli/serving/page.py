"""The page at `/`: a form for one row and a place for files, in one self-contained document."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from dlcli.report.html.document import page_style
from dlcli.report.html.elements import escape

_ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True, kw_only=True)
class ServedPage:
    """A document, and the headers that keep everything else out of it."""

    text: str
    headers: dict[str, str]


def build_page(name: str) -> ServedPage:
    """Return the page of a run; it asks the server for everything but the name."""
    style = "\n".join([page_style(), _read("page.css")])
    script = _read("page.js")
    text = _read("page.html").replace("{{title}}", escape(name))
    text = text.replace("{{style}}", style).replace("{{script}}", script)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
    return ServedPage(text=text, headers=headers)


def _read(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
