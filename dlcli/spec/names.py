"""Names inside the network: what TensorFlow takes for inputs and outputs called like columns."""

import hashlib
import re

_TENSOR_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.-]*")


def tensor_name(name: str) -> str:
    """Return the name of an input or output inside the network.

    TensorFlow allows few characters in names, columns any: others are replaced, and a short hash
    keeps such names apart.
    """
    if _TENSOR_NAME.fullmatch(name):
        return name
    readable = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "column"
    return f"{readable}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"
