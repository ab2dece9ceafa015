"""A run as a model card: a head for hubs to read, and sections for people."""

from dlcli.languages import speaking
from dlcli.report.card.head import card_head
from dlcli.report.card.sections import card_sections
from dlcli.report.record import RunRecord

__all__ = ["model_card"]


def model_card(record: RunRecord, *, license: str | None = None) -> str:
    """Return the card in Markdown; `license` is the model's own, as hubs spell it."""
    # Hubs read the head, and people of all countries the rest.
    with speaking("en"):
        return f"---\n{card_head(record, license=license)}---\n\n{card_sections(record)}\n"
