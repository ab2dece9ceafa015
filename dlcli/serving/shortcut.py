"""The way of small JSON requests: past the layers of a framework, which cost more than a prediction."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dlcli.errors import DlcliError
from dlcli.serving.answers import json_of
from dlcli.serving.batching import SMALL_ROWS, Batcher
from dlcli.serving.bodies import parse_rows
from dlcli.serving.gate import BODY_SECONDS, late_body
from dlcli.serving.refusal import response_to

SMALL_BYTES = 1 << 16
"""Larger bodies are parsed in another thread."""

_JSON = (b"content-type", b"application/json")


class Shortcut:
    """ASGI middleware that answers plain small requests itself, and passes everything else on."""

    def __init__(self, app: ASGIApp, batcher: Batcher, path: str, most_bytes: int) -> None:
        self._app = app
        self._batcher = batcher
        self._path = path
        self._most_bytes = min(most_bytes, SMALL_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_plain(scope):
            await self._app(scope, receive, send)
            return
        try:
            body = await _whole(receive)
            if body is None:
                return  # its client has gone
            rows = parse_rows(body)
            if len(rows) > SMALL_ROWS:
                await self._app(scope, _again(body), send)
                return
            payload = json_of(await self._batcher.predict(rows))
        except DlcliError as error:
            await response_to(error)(scope, receive, send)
            return
        headers = [_JSON, (b"content-length", str(len(payload)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    def _is_plain(self, scope: Scope) -> bool:
        """Tell a request that asks for nothing but the predictions of a small JSON body."""
        if scope["type"] != "http" or scope["path"] != self._path or scope["query_string"]:
            return False
        if scope["method"] != "POST":
            return False
        is_json = is_small = False
        for name, value in scope["headers"]:
            if name == b"content-type":
                is_json = value.partition(b";")[0].strip().lower() == _JSON[1]
            elif name == b"content-length":
                is_small = value.isdigit() and int(value) <= self._most_bytes
            elif name == b"content-encoding":
                return False
        return is_json and is_small


async def _whole(receive: Receive) -> bytes | None:
    """Return the body of a request, None where its client leaves; raises Refused for a late one."""
    pieces = []
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                pieces.append(message.get("body", b""))
                if not message.get("more_body", False):
                    return b"".join(pieces)
    except TimeoutError:
        raise late_body() from None


def _again(body: bytes) -> Receive:
    """Give a body that was read already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
