"""The one place that imports Keras: once, late, and without what it would load for nothing."""

import contextlib
import gc
import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from dlcli.errors import DlcliError, UsageError

BACKENDS = ("tensorflow", "jax")

# Keras and TensorFlow import these when they find them and go without when they do not.
OPTIONAL_PACKAGES = frozenset(
    {"IPython", "flax", "grain", "matplotlib", "pandas", "pydot", "pydot_ng", "sklearn", "torch"}
)
OTHER_BACKEND = {
    # SciPy is optional to Keras and TensorFlow; JAX itself needs it.
    "tensorflow": frozenset({"jax", "jaxlib", "scipy"}),
    "jax": frozenset({"tensorflow"}),
}

# Parts of TensorFlow that `import tensorflow` loads and training never touches (0.5 s of 2 s).
# They load at the first use of one of their names instead.
LAZY_MODULES = {
    "tensorflow": frozenset(
        f"tensorflow._api.v2.{name}"
        for name in (
            "__internal__.feature_column",
            "compat.v1.compat",
            "compat.v1.feature_column",
            "compat.v1.lite",
            "compat.v1.tpu",
            "compat.v2",
            "feature_column",
            "lite",
            "tpu",
        )
    ),
    "jax": frozenset[str](),
}


ONE_THREAD_PRODUCT = 2**22  # between the two sizes that were measured

# Names that Python's machinery looks for on any module: no reason to load one.
_ASKED_BY_IMPORT = frozenset({"__all__", "__cached__", "__file__", "__path__", "__wrapped__"})


class _LeanFinder:
    """Tells Python's imports that hidden packages do not exist and that lazy modules can wait."""

    def __init__(self, *, hidden: frozenset[str], lazy: frozenset[str]) -> None:
        self.hidden = hidden
        self.lazy = lazy

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in self.hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name not in self.lazy:
            return None
        return ModuleSpec(name, _DeferredLoader(), is_package=True)


class _DeferredLoader(Loader):
    """Loads a stand-in for a module."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Deferred(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class _Deferred(ModuleType):
    """Stands in for a module until one of its names is used, then imports it.

    The standard library's LazyLoader cannot do this: some of these modules replace themselves in
    `sys.modules` while they load.
    """

    def __getattr__(self, name: str) -> Any:
        if name in _ASKED_BY_IMPORT:
            raise AttributeError(name)
        own_name = self.__name__
        if sys.modules.get(own_name) is self:
            del sys.modules[own_name]
        module = importlib.import_module(own_name)
        parent, _, last = own_name.rpartition(".")
        setattr(sys.modules[parent], last, module)
        return getattr(module, name)


def load_keras(
    backend: str = "tensorflow", *, threads: int | None = None, debug: bool = False
) -> ModuleType:
    """Import Keras on this backend, or return it if this process already has it.

    Raises UsageError where the process already runs another backend or the backend is missing.
    """
    if backend not in BACKENDS:
        raise UsageError(
            f"unknown backend {backend!r}: expected one of {', '.join(BACKENDS)}",
            hint="set `backend:` in the config or --backend",
        )
    if "keras" in sys.modules:
        return _loaded_keras(backend)
    if importlib.util.find_spec(backend) is None:
        raise UsageError(
            f"backend {backend} is not installed",
            hint=f"pip install 'dlcli[{backend}]', or choose another backend",
        )
    os.environ["KERAS_BACKEND"] = backend
    if not debug:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if backend == "jax":
        set_threads(backend, threads)
    with contextlib.nullcontext() if debug else quiet_stderr():
        keras = _import_lean(backend)
        if backend == "tensorflow":
            set_threads(backend, threads)
            _draw_numbers_by_philox()
    return keras


def _draw_numbers_by_philox() -> None:
    """Let random operations use Philox under XLA, where TensorFlow leaves the choice to XLA.

    XLA's own choice takes twenty times as long on CPUs: 17 ms for the dropout of 512 x 64 numbers.
    """
    # No public setting reaches the calls that Keras makes; a test looks whether this one still does.
    random_ops: Any = importlib.import_module("tensorflow.python.ops.random_ops_util")
    chosen, algorithms = random_ops.convert_alg_to_int, random_ops.Algorithm

    def convert(alg: Any) -> Any:
        number = chosen(alg)
        return algorithms.PHILOX.value if number == algorithms.AUTO_SELECT.value else number

    random_ops.convert_alg_to_int = convert


def sensible_threads(largest_product: int) -> int | None:
    """Return 1 where a second thread costs more than it brings, else None, the backend's choice.

    `largest_product` is the multiplications in the largest matrix product of a training step: batch
    size times the units of two neighbouring layers. On two cores TensorFlow took 20 to 40 % less
    time with one thread up to 32 x 128 x 128, and up to 1.6 times longer at 256 x 512 x 512.
    """
    return 1 if largest_product < ONE_THREAD_PRODUCT else None


def set_threads(backend: str, threads: int | None) -> None:
    """Limit the threads of the backend's operations; must come before its first operation.

    None leaves the backend's own choice, one per core; `sensible_threads` knows when one is better.
    """
    if threads is None:
        return
    if backend == "tensorflow":
        tensorflow: Any = importlib.import_module("tensorflow")
        try:
            tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
            tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError as error:
            raise DlcliError(
                f"the number of threads cannot change any more: {error}",
                hint="choose it before the first TensorFlow operation",
            ) from error
        return
    flags = [
        flag
        for flag in os.environ.get("XLA_FLAGS", "").split()
        if not flag.startswith("--xla_cpu_multi_thread_eigen")
    ]
    if threads == 1:
        flags.append("--xla_cpu_multi_thread_eigen=false")
    os.environ["XLA_FLAGS"] = " ".join(flags)
    os.environ["NPROC"] = str(threads)  # the size of XLA's own pool of CPU threads


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, by C++ too, and show it only on failure."""
    try:
        saved = os.dup(2)
    except OSError:  # there is no stderr to protect
        yield
        return
    with tempfile.TemporaryFile() as held:
        _flush_stderr()
        os.dup2(held.fileno(), 2)
        try:
            yield
        except KeyboardInterrupt:
            raise  # The user's own wish is no failure to be explained.
        except BaseException:
            _flush_stderr()
            held.seek(0)
            with contextlib.suppress(OSError):
                os.write(saved, held.read())
            raise
        finally:
            _flush_stderr()
            os.dup2(saved, 2)
            os.close(saved)


def _flush_stderr() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()


def _import_lean(backend: str) -> ModuleType:
    finder: Any = _LeanFinder(
        hidden=OPTIONAL_PACKAGES | OTHER_BACKEND[backend], lazy=LAZY_MODULES[backend]
    )
    # Imports make objects and hardly any garbage: collecting in between costs a tenth of the time.
    collecting = gc.isenabled()
    gc.disable()
    sys.meta_path.insert(0, finder)
    try:
        keras = importlib.import_module("keras")
        if backend != "tensorflow":
            # Keras would import TensorFlow for seeds and files as soon as it sees that it is there.
            module_utils: Any = importlib.import_module("keras.src.utils.module_utils")
            assert not module_utils.tensorflow.available
        return keras
    finally:
        sys.meta_path.remove(finder)
        # What was imported stays; not walking it again saves 0.6 s when the process ends.
        gc.freeze()
        if collecting:
            gc.enable()


def _loaded_keras(backend: str) -> ModuleType:
    keras: Any = sys.modules["keras"]
    running = str(keras.backend.backend())
    if running != backend:
        raise UsageError(
            f"this process already runs Keras on {running} and cannot change to {backend}:"
            " Keras chooses its backend once, when it is imported",
            hint=f"run the {backend} configs in a command of their own",
        )
    return keras  # type: ignore[no-any-return]
