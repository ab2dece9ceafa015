"""The HTTP interface of a run, as a FastAPI application."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp

from dlcli import __version__
from dlcli.data.table import Table
from dlcli.errors import DlcliError
from dlcli.serving.answers import beside, csv_of, json_of, records_of
from dlcli.serving.batching import SMALL_ROWS, Batcher
from dlcli.serving.bodies import (
    IMAGES,
    JSON,
    TEXT,
    parse_rows,
    table_of_image,
    table_of_mixed_rows,
    table_of_rows,
    table_of_text,
)
from dlcli.serving.counters import MEDIA_TYPE, Counters
from dlcli.serving.gate import Bodies, Gate
from dlcli.serving.inputs import predictions_schema, row_schema
from dlcli.serving.page import build_page
from dlcli.serving.refusal import ClosingResponse, Refused, RefusedResponse, response_to
from dlcli.serving.served import Served
from dlcli.serving.shortcut import SMALL_BYTES, Shortcut

PREDICT = "/predict"
THREADS = 2
"""That work on large requests."""

STATUSES = {
    400: "The body is not what its content type says, or holds no rows",
    401: "The token is missing or another one",
    408: "The body did not arrive in time",
    413: "The body is too large",
    415: "The body has another content type",
    422: "A row that the run refuses: which one, which column, and why",
    503: "Too many large requests at the same time",
}
"""What requests for predictions are refused with."""

_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "hint": {"type": ["string", "null"]},
                "column": {"type": "string"},
                "rows": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["message"],
        }
    },
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a server takes."""

    most_bytes: int
    token: str | None = None


class Service(FastAPI):
    """The application; its document describes the rows of one run."""

    def __init__(self, served: Served, *, has_token: bool) -> None:
        # The pages that FastAPI brings along load their scripts from elsewhere.
        super().__init__(
            title=f"dlcli: {served.about['name']}",
            version=__version__,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
        )
        self._served = served
        self._has_token = has_token

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made once."""
        if self.openapi_schema is None:
            document = get_openapi(
                title=self.title,
                version=self.version,
                description=f"Predictions of the run {self._served.about['run']}",
                routes=self.routes,
            )
            components = document.setdefault("components", {})
            components["schemas"] = {
                "Row": row_schema(self._served),
                "Predictions": predictions_schema(self._served),
                "Error": _ERROR,
            }
            if self._has_token:
                components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
                document["security"] = [{"token": []}]
            document["x-level"] = self._served.level
            document["x-reads"] = self._served.reads
            document["x-about"] = self._served.about
            self.openapi_schema = document
        return self.openapi_schema


def build_app(served: Served, *, counters: Counters, limits: Limits) -> ASGIApp:
    """Return the ASGI application of an opened run."""
    app = Service(served, has_token=limits.token is not None)
    predictions = _Predictions(served, counters, Bodies(limits.most_bytes))
    app.add_api_route(
        PREDICT,
        predictions.answer,
        methods=["POST"],
        summary="Predict rows",
        description="JSON rows come back as JSON, a table as the same table with predictions.",
        response_class=Response,
        responses=_responses(served),
        openapi_extra={"requestBody": _request_body(served), "parameters": _parameters(served)},
    )
    _add_pages(app, served, counters)
    app.add_exception_handler(DlcliError, _refuse)
    app.add_exception_handler(HTTPException, _refuse_path)
    app.add_exception_handler(ClientDisconnect, _forget)
    app.add_exception_handler(500, _fail)
    ready: ASGIApp = app
    if served.reads == "rows":
        ready = ServerErrorMiddleware(
            Shortcut(app, predictions.batcher, PREDICT, limits.most_bytes), handler=_fail
        )
    return Gate(ready, counters, limits.token)


def _add_pages(app: FastAPI, served: Served, counters: Counters) -> None:
    page = build_page(served.about["name"])

    async def show_page() -> Response:
        return HTMLResponse(page.text, headers=page.headers)

    async def tell_health() -> dict[str, Any]:
        return {"status": "ok", **served.about}

    async def tell_metrics() -> Response:
        labels = {key: served.about[key] for key in ("run", "name", "dlcli")}
        return PlainTextResponse(counters.text(labels), media_type=MEDIA_TYPE)

    shown: list[tuple[str, Callable[..., Any], str]] = [
        ("/", show_page, "A page to try predictions on"),
        ("/health", tell_health, "Which run is served"),
        ("/metrics", tell_metrics, "Counts for Prometheus"),
    ]
    for path, endpoint, summary in shown:
        for method in ("GET", "HEAD"):
            app.add_api_route(
                path,
                endpoint,
                methods=[method],
                summary=summary,
                response_model=None,
                include_in_schema=method == "GET" and path != "/",
            )


class _Predictions:
    """Answers requests for predictions."""

    def __init__(self, served: Served, counters: Counters, bodies: Bodies) -> None:
        self._served = served
        self._counters = counters
        self._bodies = bodies
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="large")
        self.batcher = Batcher(served, counters, self._executor)
        self._options = served.bundle.preprocessing.read_options

    async def answer(self, request: Request) -> Response:
        """Predict the body of a request; raises DlcliError."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._check_kind(kind)
        self._check_encoding(request.headers.get("content-encoding", "identity"))
        level = self._level(request.query_params.get("interval"))
        async with self._bodies.held(request) as body:
            return await self._answer(request, kind, level, body)

    async def _answer(
        self, request: Request, kind: str, level: float | None, body: bytes
    ) -> Response:
        if kind == JSON and self._served.reads == "rows" and len(body) <= SMALL_BYTES:
            rows = parse_rows(body)
            if len(rows) <= SMALL_ROWS:
                return _json(json_of(await self.batcher.predict(rows, level)))
        latest = request.query_params.get("latest", "") in ("1", "true")
        as_json = kind not in TEXT or _prefers_json(request.headers.get("accept", ""))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._executor, self._answer_whole, body, kind, latest, level, as_json
        )

    def _check_kind(self, kind: str) -> None:
        known, why = _kinds(self._served)
        if kind in known:
            return
        raise Refused(
            415,
            f"the content type is {kind!r}{why}" if kind else f"the content type is missing{why}",
            hint=f"send one of {', '.join(known)}",
        )

    def _check_encoding(self, encoding: str) -> None:
        if encoding.strip().lower() != "identity":
            raise Refused(
                415, f"the body is encoded as {encoding!r}", hint="send it as it is, not compressed"
            )

    def _level(self, text: str | None) -> float | None:
        """Return the level that a request asks intervals of."""
        if text is None:
            return None
        try:
            level = float(text)
            self._served.intervals(level)
        except ValueError:
            raise Refused(
                422, f"interval={text}: expected a share such as 0.9", hint="or leave it out"
            ) from None
        except DlcliError as error:
            raise Refused(422, error.message, hint=error.hint) from None
        return level

    def _answer_whole(
        self, body: bytes, kind: str, latest: bool, level: float | None, as_json: bool
    ) -> Response:
        """Predict a body by itself, as JSON records or as the body's own table with predictions."""
        if kind in IMAGES:
            with table_of_image(body, kind, self._options) as table:
                return _json(json_of(records_of(self._predict(table, level))))
        if self._served.reads == "mixed":
            images = self._served.bundle.preprocessing.image_columns
            with table_of_mixed_rows(parse_rows(body), images, self._options) as table:
                return _json(json_of(records_of(self._predict(table, level))))
        if kind == JSON:
            table = table_of_rows(parse_rows(body), self._options)
        else:
            table = table_of_text(body, kind, self._options)
        if self._served.reads == "sequences":
            predicted = self._served.forecast(table, latest=latest, level=level)
            self._counters.count_batch(table.num_rows)
        else:
            predicted = self._predict(table, level)
            if not as_json:
                predicted = beside(table, predicted)
        if as_json:
            return _json(json_of(records_of(predicted)))
        return Response(csv_of(predicted, suffix=TEXT[kind]), media_type=kind)

    def _predict(self, table: Table, level: float | None) -> pa.Table:
        predicted = self._served.predict(table, level)
        self._counters.count_batch(table.num_rows)
        return predicted


def _kinds(served: Served) -> tuple[list[str], str]:
    """Return the content types that a run takes, and why not others."""
    if served.reads == "images":
        return [*IMAGES], " (this run reads images)"
    if served.reads == "mixed":
        why = " (this run reads images beside other columns, which only JSON rows hold)"
        return [JSON], why
    return [JSON, *TEXT], ""


def _json(body: bytes) -> Response:
    return Response(body, media_type=JSON)


def _prefers_json(accept: str) -> bool:
    return JSON in accept and not any(kind in accept for kind in TEXT)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, DlcliError)
    return response_to(error)


async def _refuse_path(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    message = {
        404: f"there is nothing at {path}",
        405: f"{path} does not take {request.method}",
    }.get(error.status_code, str(error.detail))
    hint = {
        404: "paths are /, /predict, /health, /metrics and /openapi.json",
        405: "send rows with POST to /predict; everything else is read with GET",
    }.get(error.status_code)
    refused = Refused(error.status_code, message, hint=hint)
    return ClosingResponse(refused, dict(error.headers or {}))


async def _forget(request: Request, error: Exception) -> Response:
    """Answer a client that has left: nobody reads it."""
    return Response(status_code=400)


async def _fail(request: Request, error: Exception) -> Response:
    refused = Refused(
        500,
        f"a bug in dlcli: {type(error).__name__}",
        hint="the server's own output tells where",
    )
    return RefusedResponse(refused)


def _request_body(served: Served) -> dict[str, Any]:
    if served.reads == "images":
        return {
            "required": True,
            "content": {kind: {"schema": {"type": "string"}} for kind in IMAGES},
        }
    row = {"$ref": "#/components/schemas/Row"}
    rows = {"oneOf": [{"type": "array", "items": row, "minItems": 1}, row]}
    text = {"schema": {"type": "string", "description": "a header row and a line for each row"}}
    tables = {kind: text for kind in _kinds(served)[0] if kind in TEXT}
    return {"required": True, "content": {JSON: {"schema": rows}, **tables}}


def _parameters(served: Served) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if served.reads == "sequences":
        about = "only what comes after the last row of each series"
        parameters.append(_parameter("latest", about, {"type": "boolean"}))
    if served.level is not None:
        about = "the share of new values that lies between the ends of the intervals"
        bounds = {"exclusiveMinimum": 0, "exclusiveMaximum": 1, "example": served.level}
        parameters.append(_parameter("interval", about, {"type": "number", **bounds}))
    return parameters


def _parameter(name: str, about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": about, "schema": schema}


def _responses(served: Served) -> dict[int | str, dict[str, Any]]:
    predicted: dict[str, Any] = {JSON: {"schema": {"$ref": "#/components/schemas/Predictions"}}}
    tables = [kind for kind in _kinds(served)[0] if kind in TEXT]
    predicted |= {kind: {"schema": {"type": "string"}} for kind in tables}
    error = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    refused: dict[int | str, dict[str, Any]] = {
        status: {"description": about, "content": error} for status, about in STATUSES.items()
    }
    return {200: {"description": "The predictions", "content": predicted}, **refused}
