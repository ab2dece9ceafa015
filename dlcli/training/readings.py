"""How the outputs of a training are to be read, from what each was trained for."""

from dlcli.predictions import Link, OutputReading
from dlcli.spec.heads import Objective


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
    )
