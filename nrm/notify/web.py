"""Calling somebody else's server: never where it points us next, never for long, never to an inside network."""

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import httpx2

from nrm.notify.channel import TIMEOUT_SECONDS, DeliveryFailed, NeverDeliverable
from nrm.notify.rules import may_be_called

ANSWER_BYTES_MAX = 64 * 1024
LATER = frozenset({408, 425, 429})


def send(
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes,
    login: tuple[str, str] | None = None,
    address: str | None = None,
) -> tuple[int, bytes]:
    """POST once; the status and at most 64 kB of the answer. Raises DeliveryFailed when nobody answers.

    With an `address` the connection goes there and nowhere else: to a name that is asked twice, another answer can be
    given the second time. The name still stands in the request, and its certificate must be for that name.
    """
    name = urlsplit(url)
    extensions: dict[str, str] = {}
    if address is not None:
        port = f":{name.port}" if name.port else ""
        headers = {**headers, "Host": f"{name.hostname}{port}"}
        extensions = {"sni_hostname": name.hostname or ""}
        url = urlunsplit(name._replace(netloc=f"[{address}]{port}" if ":" in address else f"{address}{port}"))
    try:
        with (
            httpx2.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False, auth=login) as client,
            client.stream("POST", url, headers=dict(headers), content=content, extensions=extensions) as answer,
        ):
            read = b""
            for piece in answer.iter_bytes():
                read += piece
                if len(read) > ANSWER_BYTES_MAX:
                    break
            return answer.status_code, read
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise DeliveryFailed(type(error).__name__) from error


def judge(status: int) -> None:
    """Raises by what an HTTP status means for a message: nothing when it was taken."""
    if 200 <= status < 300:
        return
    if status in LATER or status >= 500:
        raise DeliveryFailed(f"answered {status}")
    raise NeverDeliverable(f"answered {status}")


def checked_address(url: str, loopback: bool) -> str:
    """The address to connect to. Raises NeverDeliverable when any of them lies inside, DeliveryFailed without one."""
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise DeliveryFailed("no such host") from error
    if not all(may_be_called(str(one[4][0]), loopback) for one in found):
        raise NeverDeliverable("an inside address")
    # Every machine reaches the older kind of address; not every one the newer.
    return min((str(one[4][0]) for one in found), key=lambda one: ":" in one)
