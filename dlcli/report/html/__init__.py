"""Runs as one self-contained HTML page, which loads nothing and runs nothing but its own script."""
