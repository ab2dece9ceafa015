"""The least a script does to predict a CSV file with a model.keras: import, load, predict, write."""
# ruff: noqa: TID253 - a script of its own

import sys

import keras
import numpy as np


def main() -> None:
    """Predict the first columns of a CSV file, as they are, into another one."""
    model_path, data, columns, out = sys.argv[1:]
    rows = np.loadtxt(
        data, delimiter=",", skiprows=1, usecols=range(int(columns)), dtype=np.float32
    )
    model = keras.models.load_model(model_path, compile=False)
    np.savetxt(out, model.predict(rows, verbose=0), delimiter=",")


if __name__ == "__main__":
    main()
