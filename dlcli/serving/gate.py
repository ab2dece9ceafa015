"""What stands before every request: the token, the count of what was asked, and how large it may be."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dlcli.serving.counters import Counters
from dlcli.serving.refusal import ClosingResponse, Refused

OPEN_PATHS = frozenset({"/", "/health"})
"""Asked for without a token: a page that holds nothing of the run, and whether the server is there."""
BODY_SECONDS = 60.0
"""How long a client may take to send its rows."""


class Gate:
    """ASGI middleware that lets nobody in without the token, and counts everybody."""

    def __init__(self, app: ASGIApp, counters: Counters, token: str | None) -> None:
        self._app = app
        self._counters = counters
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Before its client can ask what was counted.
                seconds = time.perf_counter() - began
                self._counters.count_request(scope["path"], message["status"], seconds)
            await send(message)

        if self._is_allowed(scope):
            await self._app(scope, receive, note)
        else:
            await _unauthorized(scope)(scope, receive, note)

    def _is_allowed(self, scope: Scope) -> bool:
        if self._expected is None or scope["path"] in OPEN_PATHS:
            return True
        return hmac.compare_digest(_authorization(scope), self._expected)


class Bodies:
    """Reads bodies within bounds: of one request, and of all that are held at the same time."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._most_held = 4 * most_bytes
        self._held = 0

    @asynccontextmanager
    async def held(self, request: Request) -> AsyncIterator[bytes]:
        """Give the body for as long as it is worked on; raises Refused as `_read` does."""
        pieces: list[bytes] = []
        try:
            await self._read(request, pieces)
            yield b"".join(pieces)
        finally:
            self._held -= sum(map(len, pieces))

    async def _read(self, request: Request, pieces: list[bytes]) -> None:
        """Read the body piece by piece; raises Refused before more than the bound is read."""
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._most_bytes:
            raise self._too_large(
                f"{int(announced):,} bytes; this server takes up to {self._most_bytes:,}"
            )
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for piece in request.stream():
                    size += len(piece)
                    self._held += len(piece)
                    pieces.append(piece)
                    if size > self._most_bytes:
                        raise self._too_large(f"more than the {self._most_bytes:,} bytes allowed")
                    if self._held > self._most_held:
                        raise Refused(
                            503,
                            "too many large requests at the same time",
                            hint="ask again in a second",
                        )
        except TimeoutError:
            raise late_body() from None

    def _too_large(self, found: str) -> Refused:
        return Refused(
            413,
            f"the request has {found}",
            hint="send the rows in several requests, or start it with a larger --max-mb",
        )


def late_body() -> Refused:
    """Build the refusal of a request that does not come to its end."""
    return Refused(408, f"the request was not whole after {BODY_SECONDS:.0f} s")


def _authorization(scope: Scope) -> bytes:
    headers: Any = scope["headers"]
    return next((value for name, value in headers if name == b"authorization"), b"")


def _unauthorized(scope: Scope) -> ClosingResponse:
    told = "is not the one that this server expects" if _authorization(scope) else "is missing"
    refused = Refused(
        401, f"the token {told}", hint="send it as the header `Authorization: Bearer TOKEN`"
    )
    return ClosingResponse(refused, {"www-authenticate": "Bearer"})
