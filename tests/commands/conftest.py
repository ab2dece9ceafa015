"""Runs with known answers, for the commands that look into a network."""

from pathlib import Path

import numpy as np
import pytest

from dlcli.commands.train import TrainOptions, train
from dlcli.console import QuietDisplay
from dlcli.runs import RunFolder

LINEAR = """
data:
  source: linear.csv
  target: [y, z]
  split: {test: 60}
  columns: {day: {type: date, parts: [month]}}
layers: [Dense: 2]
loss: mse
optimizer: {Adam: 0.1}
batch_size: 200
epochs: 1500
"""


@pytest.fixture(scope="session")
def linear_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A network that has learned y = 3a - 2b + 5 [colour is red] + [flag], z = b - a exactly.

    a lies between 0 and 10, b between -5 and 5, c is any whole number up to 9 and counts for
    nothing, as does the day.
    """
    folder: Path = tmp_path_factory.mktemp("linear")
    random = np.random.default_rng(1)
    a, b = random.uniform(0, 10, 260), random.uniform(-5, 5, 260)
    # The corners, so that the training ranges are known.
    a[:2], b[:2] = (0, 10), (5, -5)
    c = random.integers(0, 10, 260)
    colour, flag = random.choice(["red", "green", "blue"], 260), random.choice(["no", "yes"], 260)
    month = random.integers(1, 13, 260)
    y = 3 * a - 2 * b + 5 * (colour == "red") + (flag == "yes")
    lines = ["a,b,c,colour,flag,day,y,z"]
    lines += [
        f"{a[i]!r},{b[i]!r},{c[i]},{colour[i]},{flag[i]},2024-{month[i]:02d}-11,"
        f"{y[i]!r},{b[i] - a[i]!r}"
        for i in range(260)
    ]
    text = "\n".join(lines).replace("np.float64(", "").replace(")", "")
    (folder / "linear.csv").write_text(text, encoding="utf-8")
    (folder / "linear.yaml").write_text(LINEAR, encoding="utf-8")
    options = TrainOptions(out=folder / "run")
    return train(folder / "linear.yaml", options, QuietDisplay()).run


CLASSES = """
data:
  source: classes.csv
  target: kind
  split: {test: 100}
  scale: standard
layers: [Dense: {units: 3, activation: softmax}]
loss: sparse_categorical_crossentropy
optimizer: {Adam: 0.1}
batch_size: 200
epochs: 200
"""


@pytest.fixture(scope="session")
def classes_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Three classes along `size`; `twin` is nearly `size`, and `noise` means nothing."""
    folder: Path = tmp_path_factory.mktemp("classes")
    random = np.random.default_rng(2)
    lines = ["size,twin,noise,kind"]
    for _ in range(300):
        size = random.uniform(0, 3)
        kind = ("small", "middle", "large")[int(size)]
        twin, noise = size + random.normal(0, 0.05), random.uniform()
        lines.append(f"{size:.4f},{twin:.4f},{noise:.4f},{kind}")
    (folder / "classes.csv").write_text("\n".join(lines), encoding="utf-8")
    (folder / "classes.yaml").write_text(CLASSES, encoding="utf-8")
    options = TrainOptions(out=folder / "run")
    return train(folder / "classes.yaml", options, QuietDisplay()).run


PEOPLE = """
data:
  source: people.csv
  target: [income, buys]
  split: {test: 60, validation: 40}
  scale: standard
  missing: drop
  columns:
    age: {missing: mean, missing_indicator: true}
    worth: {scale: quantile}
    score: {scale: robust, missing_values: ["-1"], missing: median}
    job: {unseen: ignore, missing: {constant: none}}
    zone: {type: category}
    kind: {encode: ordinal, unseen: ignore}
    income: {scale: quantile}
layers:
  - Embedding: {input_dim: 4, output_dim: 2, inputs: kind, name: kinds}
  - Concatenate: {inputs: [features, kinds]}
  - Dense: {units: 8, activation: gelu}
  - LayerNormalization: {name: trunk}
  - Dense: {units: 1, name: income}
  - Dense: {units: 1, activation: sigmoid, name: buys, inputs: trunk}
threshold: {buys: 0.4}
calibrate: temperature
epochs: 3
"""


@pytest.fixture(scope="session")
def people_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Columns of every plain kind with gaps, and two targets: a number and a class."""
    folder: Path = tmp_path_factory.mktemp("people")
    random = np.random.default_rng(3)
    lines = ["age,net worth,score,job,zone,kind,smokes,income,buys"]
    for row in range(260):
        job = random.choice(["cook", "pilot", "n\u00e9e, x", ""])
        cells = [
            "" if row % 20 == 3 else f"{random.normal(40, 9):.1f}",
            f"{np.exp(random.normal(0, 2)):.4f}",
            -1 if row % 9 == 0 else int(random.integers(0, 50)),
            f'"{job}"' if job else "",
            random.integers(1, 4),
            random.choice(["a", "b", "c"]),
            "" if row % 30 == 7 else random.choice(["Yes", "no"]),
            f"{np.exp(random.normal(3, 1)):.2f}",
            random.choice(["never", "often"]),
        ]
        lines.append(",".join(map(str, cells)))
    (folder / "people.csv").write_text("\n".join(lines), encoding="utf-8")
    text = PEOPLE.replace("worth:", "net worth:")
    (folder / "people.yaml").write_text(text, encoding="utf-8")
    options = TrainOptions(out=folder / "run")
    return train(folder / "people.yaml", options, QuietDisplay()).run


TEXTS = """
data:
  source: texts.csv
  target: good
  split: {test: 20}
  columns: {review: {type: text, length: 6, padding: pre, missing: {constant: nothing said}}}
layers:
  - Embedding: {input_dim: 40, output_dim: 3}
  - Flatten
  - Dense: {units: 1, activation: sigmoid}
epochs: 1
"""


@pytest.fixture(scope="session")
def texts_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Reviews with apostrophes, umlauts and gaps."""
    folder: Path = tmp_path_factory.mktemp("texts")
    random = np.random.default_rng(4)
    words = [
        "Don't",
        "'quoted'",
        "L\u2019EAU",
        "sch\u00f6n",
        "a''b",
        "x-ray",
        "42",
        "snake_case",
        "\u4e2d\u6587",
    ]
    lines = ["review,good"]
    for row in range(80):
        text = " ".join(random.choice(words, random.integers(1, 9)))
        lines.append(f"{'' if row % 11 == 0 else text},{random.choice(['yes', 'no'])}")
    (folder / "texts.csv").write_text("\n".join(lines), encoding="utf-8")
    (folder / "texts.yaml").write_text(TEXTS, encoding="utf-8")
    return train(folder / "texts.yaml", TrainOptions(out=folder / "run"), QuietDisplay()).run
