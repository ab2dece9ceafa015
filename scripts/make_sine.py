"""Write datasets/sine.csv: 1,000 points of y = x sin(10 pi x) + 2 for x from -1 to 2."""

import csv
import math
from pathlib import Path

TABLE = Path(__file__).parents[1] / "datasets" / "sine.csv"
POINTS = 1000


def sine_rows() -> list[list[str]]:
    """Return the points, evenly spaced, ends included."""
    places = [-1 + 3 * index / (POINTS - 1) for index in range(POINTS)]
    return [[f"{x:.6f}", f"{x * math.sin(10 * math.pi * x) + 2:.6f}"] for x in places]


if __name__ == "__main__":
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["x", "y"])
        writer.writerows(sine_rows())
