"""The matrix products of the training loop and nothing else: what no tool can do without.

Forward, and backward to the weights and to the layer before; no activations, losses, optimizer or
metrics. TensorFlow's own product, compiled, which is as fast here as PyTorch's.
"""

from typing import Any

import tensorflow as tf  # noqa: TID253 - a script of its own

from benchmarks.peers.tables import EpochClock, load_parts, read_arguments, report


def layer_widths(problem: dict[str, Any], features: int) -> list[tuple[int, int, bool]]:
    """Return inputs and units of every layer, and whether a layer lies before it."""
    names = [layer["name"] for layer in problem["layers"]]
    widths = []
    for index, layer in enumerate(problem["layers"]):
        source = names.index(layer["inputs"]) if layer["inputs"] else index - 1
        inputs = features if source < 0 else problem["layers"][source]["units"]
        widths.append((inputs, layer["units"], source >= 0))
    return widths


def build_epoch(
    widths: list[tuple[int, int, bool]], *, rows: int, validation_rows: int, batch_size: int
) -> Any:
    """Return a compiled function without arguments that runs the products of one epoch."""
    weights = [tf.random.normal([inputs, units]) for inputs, units, _ in widths]
    widest = max(max(inputs, units) for inputs, units, _ in widths)
    values = tf.random.normal([max(rows, validation_rows), widest])

    def over_batch(start: Any, size: int, *, backward: bool) -> Any:
        # Sliced anew, so that no product is the same in two batches and computed once.
        batch = tf.slice(values, [start, 0], [size, widest])
        total = tf.constant(0.0)
        for (inputs, units, has_source), weight in zip(widths, weights, strict=True):
            products = [tf.matmul(batch[:, :inputs], weight)]
            if backward:
                gradient = batch[:, :units]
                products.append(tf.matmul(batch[:, :inputs], gradient, transpose_a=True))
                if has_source:
                    products.append(tf.matmul(gradient, weight, transpose_b=True))
            total += tf.add_n([product[0, 0] for product in products])
        return total

    def over_part(part_rows: int, *, backward: bool) -> Any:
        full, rest = divmod(part_rows, batch_size)
        _, total = tf.while_loop(
            lambda done, _: done < full,
            lambda done, total: (
                done + 1,
                total + over_batch(done * batch_size, batch_size, backward=backward),
            ),
            [tf.constant(0), tf.constant(0.0)],
            parallel_iterations=1,
        )
        return total + over_batch(full * batch_size, rest, backward=backward) if rest else total

    @tf.function(autograph=False)
    def epoch() -> Any:
        return over_part(rows, backward=True) + over_part(validation_rows, backward=False)

    return epoch


def main() -> None:
    """Multiply for the problem's epochs and report."""
    problem, epochs = read_arguments()
    parts = load_parts(problem)
    rows, features = parts.train.x.shape
    widths = layer_widths(problem, features)
    watched = 0 if parts.validation is None else len(parts.validation.x)
    epoch = build_epoch(
        widths, rows=rows, validation_rows=watched, batch_size=problem["batch_size"]
    )
    clock = EpochClock()
    for _ in range(epochs):
        epoch().numpy()
        clock.tick()
    report(
        rows=rows,
        parameters=sum((inputs + 1) * units for inputs, units, _ in widths),
        epochs=clock.epochs,
        epoch_seconds=clock.epoch_seconds,
        loss=0.0,
    )


if __name__ == "__main__":
    main()
