#!/usr/bin/env bash
# The tests with the lowest version of every dependency that pyproject.toml allows.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
export PATH="$work/venv/bin:$PATH"
pip install --quiet uv
VIRTUAL_ENV="$work/venv" uv pip install --quiet --compile-bytecode --resolution lowest-direct '.[dev]'
uv pip list --python "$work/venv/bin/python" | grep -iE '^(tensorflow|keras|numpy|pyarrow|jax|onnx|onnxruntime) '
python -m pytest -n auto "$@"
