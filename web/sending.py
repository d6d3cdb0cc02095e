"""Where to go next, told to the script that sent a form (static/forms.js): it cannot see where a redirect leads."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class ToldWhereTo:
    """ASGI middleware. A redirect in answer to a form sent with `X-Form: 1` becomes an empty answer with `X-Go`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or Headers(scope=scope).get("x-form") != "1":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 303:
                headers = MutableHeaders(scope=message)
                headers["X-Go"] = headers["Location"]
                del headers["Location"]
                message["status"] = 200
            await send(message)

        await self._app(scope, receive, told)
