"""Requests that are refused: a status, and in words what is wrong where and what to do."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dlcli.data.columns.policies import CellsError
from dlcli.errors import DataError, DlcliError, UsageError

LINGER_BYTES = 1 << 22
"""Read and forgotten of a body that is too large, so that its sender gets to see the answer."""
LINGER_SECONDS = 1.0


class Refused(DlcliError):
    """A request that gets no prediction."""

    def __init__(self, status: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.column: str | None = None
        self.rows: tuple[int, ...] = ()


def refusal_of(error: DlcliError) -> Refused:
    """Return what a client is told of an error: 422 for its rows, 500 for anything else."""
    if isinstance(error, Refused):
        return error
    hint = error.hint
    if isinstance(error, CellsError):
        hint = f"mend the request; or train again with a policy: {hint}"
    status = 422 if isinstance(error, DataError | UsageError) else 500
    refused = Refused(status, error.message, hint=hint)
    if isinstance(error, CellsError):
        refused.column, refused.rows = error.column, error.rows
    return refused


class RefusedResponse(Response):
    """The answer to a refused request, in JSON."""

    media_type = "application/json"

    def __init__(self, refused: Refused, headers: dict[str, str] | None = None) -> None:
        super().__init__(_body(refused), status_code=refused.status, headers=headers)


class ClosingResponse(RefusedResponse):
    """An answer to a request whose body is not read; the connection ends with it."""

    def __init__(self, refused: Refused, headers: dict[str, str] | None = None) -> None:
        super().__init__(refused, {"connection": "close", **(headers or {})})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        # A connection that ends with bytes unread is reset, and takes the answer with it.
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await _forget(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def response_to(error: DlcliError) -> RefusedResponse:
    """Return the answer to a request that ended in an error."""
    refused = refusal_of(error)
    # What is left of the body is not read.
    is_unread = refused.status in (408, 413, 415, 503)
    headers = {"retry-after": "1"} if refused.status == 503 else None
    return (ClosingResponse if is_unread else RefusedResponse)(refused, headers)


async def _forget(receive: Receive) -> None:
    left = LINGER_BYTES
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if not message.get("more_body", False):
            return


def _body(refused: Refused) -> bytes:
    error: dict[str, Any] = {"message": refused.message, "hint": refused.hint}
    if refused.column is not None:
        error |= {"column": refused.column, "rows": list(refused.rows)}
    return json.dumps({"error": error}, ensure_ascii=False).encode("utf-8", "backslashreplace")
