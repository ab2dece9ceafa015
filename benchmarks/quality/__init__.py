"""How well dlcli's default predicts beside boosted trees; `python -m benchmarks.quality` prints it."""
