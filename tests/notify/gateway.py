"""A stand-in for the servers that messages go to: keeps the published contracts of CM.com and Twilio, takes webhooks
and pushes, and may refuse, redirect, hang or break off. Real HTTP on a loopback port."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

TOKEN = "a-product-token-that-is-long-enough"
ACCOUNT = "AC0123456789"


@dataclass
class Taken:
    """One call that came in."""

    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.content.decode()).items()}


@dataclass
class Gateway:
    """What came in, and what to answer instead of the contract, per path prefix."""

    url: str = ""
    taken: list[Taken] = field(default_factory=list)
    instead: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    let_go: threading.Event = field(default_factory=threading.Event)
    """Paths under /hang wait for this."""

    def answer(self, taken: Taken) -> tuple[int, dict[str, str], bytes]:
        for prefix, answer in self.instead.items():
            if taken.path.startswith(prefix):
                return answer
        if taken.path == "/cm":
            return self._cm(taken)
        if taken.path == "/cm-voice":
            right = taken.headers.get("x-cm-producttoken") == TOKEN
            return (200, {}, b'{"type":"instruction"}') if right else (401, {}, b"")
        if taken.path.startswith("/twilio/"):
            return self._twilio(taken)
        return 201, {}, b""

    def _cm(self, taken: Taken) -> tuple[int, dict[str, str], bytes]:
        messages = taken.json["messages"]
        if messages["authentication"]["producttoken"] != TOKEN:
            return 401, {}, b'{"details":"No account found for the given authentication","errorCode":101}'
        told = []
        for one in messages["msg"]:
            number = one["to"][0]["number"]
            bad = not number.startswith("00")
            told.append(
                {
                    "to": number,
                    "status": "Rejected" if bad else "Accepted",
                    "reference": one["reference"],
                    "parts": 1,
                    "messageErrorCode": 303 if bad else 0,
                }
            )
        return 200, {}, json.dumps({"details": "Created 1 message(s)", "errorCode": 0, "messages": told}).encode()

    def _twilio(self, taken: Taken) -> tuple[int, dict[str, str], bytes]:
        right = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if taken.headers.get("authorization") != right:
            return 401, {}, b'{"code":20003,"message":"Authenticate","status":401}'
        if not taken.form["To"].startswith("+"):
            return 400, {}, b'{"code":21211,"message":"Invalid To","status":400}'
        kind = "CA" if taken.path.endswith("/Calls.json") else "SM"
        return 201, {}, json.dumps({"sid": f"{kind}{len(self.taken):030}", "status": "queued"}).encode()


@contextmanager
def gateway() -> Iterator[Gateway]:
    """Serves until the block ends."""
    made = Gateway()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length", "0")))
            taken = Taken(self.path, {name.lower(): value for name, value in self.headers.items()}, content)
            made.taken.append(taken)
            if self.path.startswith("/hang"):
                made.let_go.wait(30)
            status, headers, answer = made.answer(taken)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST  # noqa: N815 - the name that the standard library calls

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        made.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()
