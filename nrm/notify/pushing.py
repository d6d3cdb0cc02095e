"""Web push (RFC 8030, 8291, 8292): what a browser shows although no page of ours is open."""

import base64
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import http_ece
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid

from nrm.clock import Clock, SystemClock
from nrm.notify import web
from nrm.notify.channel import DeliveryFailed, NeverDeliverable
from nrm.notify.models import Message
from nrm.settings import Settings

KEEP_SECONDS = 15 * 60
"""How long a push service keeps a message for a browser that is off: by then an alarm is another one's."""
GONE = frozenset({404, 410})
TOKEN_SECONDS = 12 * 3600


def subscription(address: str) -> tuple[str, bytes, bytes]:
    """Endpoint, public key and secret of what a browser gave. Raises ValueError when it is anything else."""
    try:
        given = json.loads(address)
        endpoint, keys = str(given["endpoint"]), given["keys"]
        public, secret = _bytes(keys["p256dh"]), _bytes(keys["auth"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a push subscription") from error
    parts = urlsplit(endpoint)
    if parts.scheme not in {"https", "http"} or not parts.hostname or len(public) != 65 or len(secret) != 16:
        raise ValueError("not a push subscription")
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    return endpoint, public, secret


def private_key(settings: Settings) -> ec.EllipticCurvePrivateKey:
    """The key from `NRM_PUSH_KEY` (PEM), else from a file in the data folder, made once."""
    pem = settings.push_key.get_secret_value().encode() if settings.push_key else _key_file(settings.data / "push.pem")
    found = serialization.load_pem_private_key(pem, None)
    if not isinstance(found, ec.EllipticCurvePrivateKey) or found.curve.name != "secp256r1":
        raise UnsupportedAlgorithm("web push wants a key on the curve P-256")
    return found


def application_key(settings: Settings) -> str:
    """The public half, as a browser wants it when it subscribes."""
    raw = (
        private_key(settings)
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class PushChannel:
    """Encrypts a message for one browser and hands it to that browser's push service."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()

    def deliver(self, message: Message) -> None:
        try:
            endpoint, public, secret = subscription(message.recipient)
        except ValueError as error:
            raise NeverDeliverable("not a push subscription") from error
        address = web.checked_address(endpoint, self._settings.loopback)
        parts = urlsplit(endpoint)
        text = json.dumps({"id": message.id, "subject": message.subject}, ensure_ascii=False).encode()
        sealed = http_ece.encrypt(
            text, private_key=ec.generate_private_key(ec.SECP256R1()), dh=public, auth_secret=secret
        )
        vapid = Vapid(private_key(self._settings))
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "sub": f"mailto:{self._settings.push_contact}",
            "exp": int(self._clock.now().timestamp()) + TOKEN_SECONDS,
        }
        status, _ = web.send(
            endpoint,
            headers={
                "TTL": str(KEEP_SECONDS),
                "Urgency": "high",
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                **{str(name): str(value) for name, value in vapid.sign(claims).items()},
            },
            content=sealed,
            address=address,
        )
        if status in GONE:
            raise NeverDeliverable("the browser does not want it any more")
        if status == 413:
            raise NeverDeliverable("too long")
        if not 200 <= status < 300:
            raise DeliveryFailed(f"answered {status}")


def _bytes(text: object) -> bytes:
    if not isinstance(text, str) or len(text) > 200:
        raise ValueError("not a key")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _key_file(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return pem
