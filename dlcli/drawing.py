"""What every chart shares: matplotlib when it is needed, the same picture each time, colours."""

import importlib
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from dlcli.files import check_output, writing, written_whole
from dlcli.languages import language, speaking

Suffix = Literal["svg", "png"]

INK, BAND, BAR, FAINT = "#1f4e79", "#c6dbef", "#4a86b8", "#b8c4ce"
LINES = ("#0b62b0", "#d55e00", "#009e73", "#b0569b", "#6b5200", "#3aa3d9", "#7a4fd0", "#5d6875")
"""Colours that people who see few colours tell apart, after M. Okabe and K. Ito."""
_DPI = 144

PLAIN_FONT = "DejaVu Sans"
"""Comes with matplotlib."""
WIDE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "SimHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Noto Sans CJK JP",
    "Noto Serif CJK SC",
    "Noto Serif CJK JP",
    "Droid Sans Fallback",
    "Arial Unicode MS",
)
"""Fonts with Chinese letters, the best first; of a collection matplotlib knows its first one alone."""


_WIDE_FILES = (
    "notosanscjk",
    "notosanssc",
    "sourcehansans",
    "msyh",
    "simhei",
    "wqy",
    "notoserifcjk",
)


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A chart that is yet to be drawn: what its file is called, and what draws into a figure."""

    stem: str
    size: tuple[float, float]
    """Width and height in inches."""
    draw: Callable[[Any], None]


def draw_pictures(
    pictures: Sequence[Picture], folder: Path, *, suffix: Suffix, force: bool
) -> tuple[Path, ...]:
    """Draw into a folder, which is made; raises UsageError before the first where one exists."""
    make_folder(folder)
    for picture in pictures:
        check_output(chart_path(folder, picture.stem, suffix), force=force)
    drawn = []
    with with_labels():
        for picture in pictures:
            figure = new_figure(*picture.size)
            picture.draw(figure)
            drawn.append(save_figure(figure, folder, picture.stem, suffix))
    return tuple(drawn)


@contextmanager
def with_labels() -> Iterator[None]:
    """Label charts in the language that is spoken; in English where no font has its letters."""
    if language() == "en" or _wide_font():
        yield
    else:
        with speaking("en"):
            yield


def make_folder(folder: Path) -> None:
    """Make a folder for pictures; raises UsageError."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def chart_path(folder: Path, stem: str, suffix: Suffix) -> Path:
    """Return where a chart goes, under a name that every file system takes."""
    name = re.sub(r"[^\w.-]+", "_", stem)
    return folder / f"{name}.{suffix}"


def new_figure(width: float, height: float) -> Any:
    """Return an empty figure of so many inches."""
    # Without pyplot no window system is asked for and no figure stays in memory.
    figure = importlib.import_module("matplotlib.figure")
    return figure.Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, folder: Path, stem: str, suffix: Suffix) -> Path:
    """Write a figure and return its path; raises UsageError."""
    path = chart_path(folder, stem, suffix)
    matplotlib = importlib.import_module("matplotlib")
    # No date and no random ids, so that two drawings of one thing can be compared.
    settings = {"svg.hashsalt": "dlcli", "svg.fonttype": "none"}
    _choose_fonts(figure)
    metadata = {"Date": None} if suffix == "svg" else None
    with (
        writing(path),
        written_whole(path) as whole,
        matplotlib.rc_context(settings),
        warnings.catch_warnings(),
    ):
        # A column name in a script that the font lacks: a viewer of the SVG has it, a PNG shows boxes.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        figure.savefig(whole, format=suffix, dpi=_DPI, metadata=metadata)
    return path


def font_families() -> list[str]:
    """Return the fonts to draw with: for letters that the first one lacks, one that has them."""
    return [PLAIN_FONT, *_wide_font()]


@cache
def _wide_font() -> list[str]:
    fonts = importlib.import_module("matplotlib.font_manager")
    if not _known_wide_fonts(fonts):
        # Matplotlib keeps a list of fonts, which may be older than the one that is wanted.
        for path in fonts.findSystemFonts():
            if Path(path).name.lower().startswith(_WIDE_FILES):
                with suppress(RuntimeError, OSError):
                    fonts.fontManager.addfont(path)
    return _known_wide_fonts(fonts)[:1]


def _known_wide_fonts(fonts: Any) -> list[str]:
    known = {font.name for font in fonts.fontManager.ttflist}
    return [name for name in WIDE_FONTS if name in known]


def _choose_fonts(figure: Any) -> None:
    """Give texts a font that has their letters, where there are Chinese ones among them."""
    texts = figure.findobj(importlib.import_module("matplotlib.text").Text)
    if not any(map(has_wide_letters, (text.get_text() for text in texts))):
        return
    families = font_families()
    for text in texts:
        text.set_fontfamily(families)
    for axes in figure.axes:
        axes.tick_params(labelfontfamily=families)


def has_wide_letters(text: str) -> bool:
    """Tell whether there are East Asian letters in a text."""
    return not text.isascii() and any(unicodedata.east_asian_width(c) in "WF" for c in text)


def plain(text: str, most: int = 60) -> str:
    """Return text that matplotlib takes as it is, cut to `most` letters."""
    shown = text if len(text) <= most else text[: most - 1] + "…"
    # A dollar sign would begin a formula.
    return shown.replace("$", r"\$")
