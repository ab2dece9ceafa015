"""How the outputs of a training are to be read, from what each was trained for."""

from collections.abc import Iterable

from dlcli.predictions import Link, OutputReading
from dlcli.spec.heads import Objective
from dlcli.spec.names import tensor_name
from dlcli.spec.run import RunSpec, resolve_network

MEANS = {"identity": "values", "margin": "values", "sigmoid": "sigmoid", "exp": "log"}
"""What the members of an ensemble agree on at an output of each link, in EnsembleModel's words."""


def reading_of(objective: Objective, activation: str | None) -> OutputReading:
    """Return how the output of an objective is read."""
    link: Link = "identity"
    if objective.task != "regression":
        if objective.is_hinge:
            link = "margin" if objective.task == "binary" else "softmax"
        elif objective.from_logits:
            link = "sigmoid" if objective.task == "binary" else "softmax"
        elif activation == "log_softmax":
            link = "exp"
    return OutputReading(
        output=objective.output,
        targets=objective.targets,
        task=objective.task,
        link=link,
        steps=objective.steps,
        members=objective.members,
    )


def means_of(spec: RunSpec, objectives: Iterable[Objective]) -> dict[str, str]:
    """Return what is averaged over the members of each output that has them, by tensor name."""
    heads = {head.output: head for head in resolve_network(spec).heads}
    means = {}
    for each in objectives:
        if each.members is not None:
            link = reading_of(each, heads[each.output].activation).link
            # The outputs of a hinge are no logits, whatever they are read as.
            is_softmax = link == "softmax" and not each.is_hinge
            means[tensor_name(each.output)] = "softmax" if is_softmax else MEANS.get(link, "values")
    return means
