"""Runs and their figures as text, Markdown and HTML; strings only, nothing is written here."""

from dlcli.report.text import (
    format_figure,
    format_layers,
    format_scores,
    format_table,
    format_thresholds,
    markdown_table,
)

__all__ = [
    "format_figure",
    "format_layers",
    "format_scores",
    "format_table",
    "format_thresholds",
    "markdown_table",
]
