"""scikit-learn's MLPRegressor: Adam, the same batches, no stopping, no weight penalty.

It cannot watch a validation part without stopping early by it, so it watches none.
"""

import pickle
import time
import warnings
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from benchmarks.peers.tables import load_parts, read_arguments, report


def main() -> None:
    """Train the problem and report."""
    problem, epochs = read_arguments()
    parts = load_parts(problem)
    *hidden, _ = problem["layers"]
    network = MLPRegressor(
        hidden_layer_sizes=[layer["units"] for layer in hidden],
        activation=hidden[0]["activation"] if hidden else "identity",
        solver="adam",
        alpha=0.0,
        batch_size=min(problem["batch_size"], len(parts.train.x)),
        learning_rate_init=problem["learning_rate"],
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=epochs + 1,
        random_state=problem["seed"],
    )
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is told when to end
        network.fit(parts.train.x, parts.train.y.ravel())
    seconds = time.perf_counter() - started
    if parts.test is not None:
        network.score(parts.test.x, parts.test.y.ravel())
    Path("peer.pickle").write_bytes(pickle.dumps(network))
    report(
        rows=len(parts.train.x),
        parameters=sum(array.size for array in [*network.coefs_, *network.intercepts_]),
        epochs=network.n_iter_,
        epoch_seconds=seconds / network.n_iter_,
        loss=2 * network.loss_,  # scikit-learn halves the squared error
    )


if __name__ == "__main__":
    main()
