"""Runs beside each other: what they are, what they reached, and in what they differ."""
