"""Runs and their figures as text, Markdown and HTML; strings only, nothing is written here."""

from dlcli.report.text import (
    format_coverage,
    format_figure,
    format_layers,
    format_scores,
    format_table,
    format_temperatures,
    format_thresholds,
    from_disk_text,
    markdown_table,
    refit_text,
)

__all__ = [
    "format_coverage",
    "format_figure",
    "format_layers",
    "format_scores",
    "format_table",
    "format_temperatures",
    "format_thresholds",
    "from_disk_text",
    "markdown_table",
    "refit_text",
]
