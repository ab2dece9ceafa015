"""Runs as files of other runtimes, with their preprocessing inside: raw columns in, units out."""
