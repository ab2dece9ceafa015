"""A PyTorch loop as fast as its author can easily make it: no DataLoader, tensors in memory.

Its own permutation picks the rows of each batch; Adam is the fused one. It leaves out the metrics
that Keras and dlcli compute beside the loss, and validates in one batch.
"""

from typing import Any

import torch
from torch import nn

from benchmarks.peers.tables import EpochClock, Part, load_parts, read_arguments, report

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "linear": nn.Identity}
LOSSES = {"mse": nn.functional.mse_loss, "mae": nn.functional.l1_loss}


class Graph(nn.Module):
    """Dense layers of which some take a named one; gives one tensor per output."""

    def __init__(self, problem: dict[str, Any], features: int) -> None:
        super().__init__()
        self.outputs = problem["outputs"]
        self.sources: list[int] = []
        self.dense = nn.ModuleList()
        names = [layer["name"] for layer in problem["layers"]]
        units = [layer["units"] for layer in problem["layers"]]
        for index, layer in enumerate(problem["layers"]):
            source = names.index(layer["inputs"]) if layer["inputs"] else index - 1
            self.sources.append(source)
            self.dense.append(_dense(features if source < 0 else units[source], layer))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: list[torch.Tensor] = []
        for dense, source in zip(self.dense, self.sources, strict=True):
            made.append(dense(x if source < 0 else made[source]))
        return torch.cat([made[index] for index in self.outputs], dim=1)


def build_network(problem: dict[str, Any], features: int) -> nn.Module:
    """Build a Sequential network, or a graph where a layer names its input."""
    layers = problem["layers"]
    if any(layer["inputs"] for layer in layers):
        return Graph(problem, features)
    widths = [features, *(layer["units"] for layer in layers)]
    return nn.Sequential(
        *(
            module
            for width, layer in zip(widths, layers, strict=False)
            for module in _dense(width, layer)
            if not isinstance(module, nn.Identity)
        )
    )


class BestWeights:
    """Stops after `patience` epochs without progress, and keeps the weights of the best."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._best, self._waited = float("inf"), 0
        self._weights: list[torch.Tensor] = []

    def stops(self, network: nn.Module, loss: float, val_loss: float) -> bool:
        watched = val_loss if self._settings["monitor"] == "val_loss" else loss
        self._waited += 1
        if watched < self._best - self._settings["min_delta"]:
            self._best, self._waited = watched, 0
            self._weights = [weight.detach().clone() for weight in network.parameters()]
        return bool(self._waited >= self._settings["patience"])

    @torch.no_grad()
    def restore(self, network: nn.Module) -> None:
        for weight, best in zip(network.parameters(), self._weights, strict=True):
            weight.copy_(best)


def main() -> None:
    """Train the problem and report."""
    problem, epochs = read_arguments()
    torch.manual_seed(problem["seed"])
    parts = load_parts(problem)
    x, y = _tensors(parts.train)
    watched = None if parts.validation is None else _tensors(parts.validation)
    network = build_network(problem, x.shape[1])
    optimizer = torch.optim.Adam(network.parameters(), lr=problem["learning_rate"], fused=True)
    # One loss over all outputs side by side; Keras adds them up, which is as much work.
    compute_loss = LOSSES[problem["loss"]]
    best = BestWeights(problem["early_stopping"]) if problem["early_stopping"] else None
    clock, rows, batch_size, loss = EpochClock(), len(x), problem["batch_size"], 0.0
    for _ in range(epochs):
        total = torch.zeros(())
        order = torch.randperm(rows)
        for start in range(0, rows, batch_size):
            batch = order[start : start + batch_size]
            optimizer.zero_grad(set_to_none=True)
            batch_loss = compute_loss(network(x[batch]), y[batch])
            batch_loss.backward()
            optimizer.step()
            total += batch_loss.detach() * len(batch)
        loss, val_loss = total.item() / rows, float("nan")
        if watched is not None:
            val_loss = _judge(network, compute_loss, watched)
        stops = best is not None and best.stops(network, loss, val_loss)
        clock.tick()
        if stops:
            break
    if best is not None:
        best.restore(network)
    if parts.test is not None:
        _judge(network, compute_loss, _tensors(parts.test))
    torch.save(network.state_dict(), "peer.pt")
    report(
        rows=rows,
        parameters=sum(weight.numel() for weight in network.parameters()),
        epochs=clock.epochs,
        epoch_seconds=clock.epoch_seconds,
        loss=loss,
    )


def _dense(features: int, layer: dict[str, Any]) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, layer["units"]), ACTIVATIONS[layer["activation"]]())


def _tensors(part: Part) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(part.x), torch.from_numpy(part.y)


@torch.no_grad()
def _judge(network: nn.Module, compute_loss: Any, part: tuple[torch.Tensor, torch.Tensor]) -> float:
    return float(compute_loss(network(part[0]), part[1]).item())


if __name__ == "__main__":
    main()
