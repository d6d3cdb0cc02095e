"""The live line: a websocket that says "something changed", resumable by journal number."""

import asyncio
from collections import Counter
from contextlib import suppress

import anyio.to_thread
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from nrm.access.api import authenticated, check_origin
from nrm.api import ROOT, Parts
from nrm.clock import monotonic_seconds
from nrm.errors import NrmError
from nrm.live.follower import Follower

router = APIRouter(prefix=ROOT)

PING_SECONDS = 20
SEND_SECONDS_MAX = 10
BYTES_FROM_CLIENT_MAX = 1000

NOT_LOGGED_IN = 4401
TRY_AGAIN_LATER = 1013
POLICY_VIOLATION = 1008


@router.websocket("/live")
async def live(socket: WebSocket, after: int | None = None) -> None:
    """Send hints about everything after journal entry `after` (or from now on) until either side stops."""
    parts: Parts = socket.app.state.parts
    follower: Follower = socket.app.state.follower
    sockets: Counter[str] = socket.app.state.sockets
    try:
        check_origin(socket)
        actor, _ = await anyio.to_thread.run_sync(authenticated, socket, parts)
    except NrmError:
        await socket.close(NOT_LOGGED_IN)
        return
    if sockets[actor.account_id] >= parts.settings.sockets_per_account_max:
        await socket.close(TRY_AGAIN_LATER)
        return
    sockets[actor.account_id] += 1
    try:
        await socket.accept()
        start = follower.seq if after is None else after
        listening = asyncio.create_task(_listen(socket))
        telling = asyncio.create_task(_tell(socket, parts, follower, start))
        done, pending = await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        code = next(iter(done)).result()
        if code is not None and socket.application_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError, WebSocketDisconnect):
                await asyncio.wait_for(socket.close(code), SEND_SECONDS_MAX)
    finally:
        sockets[actor.account_id] -= 1
        if not sockets[actor.account_id]:
            del sockets[actor.account_id]


async def _listen(socket: WebSocket) -> int | None:
    """Hear the client leave. It has nothing to say: a little is ignored, much ends the line."""
    heard = 0
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        heard += len(message.get("text") or "") + len(message.get("bytes") or b"")
        if heard > BYTES_FROM_CLIENT_MAX:
            return POLICY_VIOLATION


async def _tell(socket: WebSocket, parts: Parts, follower: Follower, seq: int) -> int | None:
    """Send hints and pings. Returns the code to close with when the session ended or the reader is too slow."""
    try:
        hint = follower.resync() if await follower.beyond(seq) else follower.since(seq)
        checked_at = monotonic_seconds()
        while True:
            ended = hint is not None and "sessions" in hint.topics
            if ended or monotonic_seconds() - checked_at >= PING_SECONDS:
                # Not only in a quiet moment: on a busy day there is none.
                try:
                    await anyio.to_thread.run_sync(authenticated, socket, parts)
                except NrmError:
                    return NOT_LOGGED_IN
                checked_at = monotonic_seconds()
            if hint is not None:
                kind = "resync" if hint.resync else "hint"
                await _send(socket, {"type": kind, "seq": hint.seq, "topics": list(hint.topics)})
                seq = hint.seq
            try:
                await asyncio.wait_for(follower.moved(seq), PING_SECONDS)
            except TimeoutError:
                try:
                    await anyio.to_thread.run_sync(authenticated, socket, parts)
                except NrmError:
                    return NOT_LOGGED_IN
                checked_at = monotonic_seconds()
                await _send(socket, {"type": "ping", "seq": seq})
            hint = follower.since(seq)
    except TimeoutError:
        return TRY_AGAIN_LATER
    except (WebSocketDisconnect, RuntimeError):
        return None


async def _send(socket: WebSocket, message: dict[str, object]) -> None:
    await asyncio.wait_for(socket.send_json(message), SEND_SECONDS_MAX)
