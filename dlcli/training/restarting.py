"""Networks that estimators fit again and again: built once, and put back to where they started."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from dlcli.spec.data import DataSpec
from dlcli.training.batches import count_batches
from dlcli.training.devices import is_shared
from dlcli.training.job import TrainingJob
from dlcli.training.kept_networks import Slot, TakenNetwork, exchanges_data
from dlcli.training.values import seed_weights, set_state, start_afresh, state_of

MOST_NETWORKS = 32


@dataclass(frozen=True, kw_only=True)
class _Restarted:
    model: Any
    initial: list[NDArray[Any]]
    slot: Slot


_RESTARTED: OrderedDict[str, _Restarted] = OrderedDict()


def may_restart(job: TrainingJob) -> bool:
    """Tell whether the network of a job can be trained again as if it were new."""
    spec = job.spec
    has_own_state = bool(spec.callbacks or spec.imports or spec.init_from or spec.ensemble)
    is_plain = spec.backend == "tensorflow" and not has_own_state and not is_shared(job)
    return job.keeps and is_plain and exchanges_data(job)


def restart(job: TrainingJob, build: Callable[[TrainingJob], Any]) -> TakenNetwork:
    """Return the network of a job as if it were new; an estimator fits it to tables of any values.

    It is built once for each config, seed included, which takes longer than a short training: what
    it holds is what it held before its first training.
    """
    key = _restart_key(job)
    known = _RESTARTED.pop(key, None)
    if known is None:
        if _RESTARTED:
            seed_weights(job.spec.seed)
        else:
            start_afresh(job.spec.seed, backend="tensorflow")
        model = build(job)
        model.optimizer.build(model.trainable_variables)
        made = _Restarted(model=model, initial=state_of(model), slot=Slot(exchanges_data=True))
        while len(_RESTARTED) >= MOST_NETWORKS:
            _RESTARTED.popitem(last=False)
    else:
        made = known
        set_state(made.model, made.initial)
    _RESTARTED[key] = made
    return TakenNetwork(model=made.model, slot=made.slot, is_new=known is None)


def _restart_key(job: TrainingJob) -> str:
    """Return what decides the network, its losses and its optimizer, as text."""
    spec = replace(job.spec, name="-", data=DataSpec(source="-", target="-"), epochs=1)
    # Schedules that count in epochs are made for a number of steps.
    steps = count_batches(job.dataset.train.num_rows, spec.batch_size)
    return repr((spec, steps, job.dataset.preprocessing.input_specs, job.objectives))
