"""The service that one writes by hand: FastAPI, a model of the row, ONNX Runtime; one row a request."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import create_model


def build(run: Path) -> FastAPI:
    """Return the application for a run of standardized numbers."""
    columns = json.loads((run / "preprocessing.json").read_text(encoding="utf-8"))["table"][
        "columns"
    ]
    names = [column["settings"]["name"] for column in columns]
    offset = np.array([column["scaler"]["offset"] for column in columns])
    scale = np.array([column["scaler"]["scale"] for column in columns])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(run / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    (given,) = session.get_inputs()
    row_model: Any = create_model("Row", **{name: (float, ...) for name in names})
    app = FastAPI()

    @app.post("/predict")
    async def predict(row: row_model) -> dict[str, float]:
        values = np.array([[getattr(row, name) for name in names]])
        scaled = ((values - offset) / scale).astype(np.float32)
        (output,) = session.run(None, {given.name: scaled})
        return {"prediction": float(output[0, 0])}

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


def main() -> None:
    """Serve a run on a port of this machine."""
    run, port = sys.argv[1:]
    uvicorn.run(build(Path(run)), port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
