"""Sealing addresses: AES-256-GCM under a key of its own, bound to the location they belong to. And pseudonyms."""

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nrm.errors import Invalid, Unavailable
from nrm.settings import Settings


@dataclass(frozen=True)
class Sealed:
    """A sealed address: which key, which nonce, and the ciphertext with its tag."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


class AddressKey:
    """The key addresses are sealed with. 32 bytes; its id is the start of its hash."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError("an address key has 32 bytes")
        self._cipher = AESGCM(key)
        # A key of its own for every use, from the one secret that has to be kept.
        self._pseudonym_key = hmac.digest(key, b"nrm pseudonym", "sha256")
        self._callback_key = hmac.digest(key, b"nrm callback", "sha256")
        self._hook_key = hmac.digest(key, b"nrm hook", "sha256")
        self._upload_cipher = AESGCM(hmac.digest(key, b"nrm upload", "sha256"))
        self.id = hashlib.sha256(key).hexdigest()[:16]

    def pseudonym(self, said: str) -> str:
        """A hash nobody can repeat without the key, 64 characters: equal for what is equal, and nothing else."""
        return hmac.digest(self._pseudonym_key, said.encode(), "sha256").hex()

    def callback_token(self, message_id: str) -> str:
        """What a provider must bring along when it tells what became of this message, 43 characters."""
        return base64.urlsafe_b64encode(hmac.digest(self._callback_key, message_id.encode(), "sha256")).decode()[:43]

    def hook_secret(self, point_id: str) -> str:
        """What the webhooks to this contact point are signed with: shown to its owner, kept nowhere."""
        return base64.urlsafe_b64encode(hmac.digest(self._hook_key, point_id.encode(), "sha256")).decode()[:43]

    def seal(self, location_id: str, address: str) -> Sealed:
        nonce = secrets.token_bytes(12)
        return Sealed(self.id, nonce, self._cipher.encrypt(nonce, address.encode(), location_id.encode()))

    def unseal(self, location_id: str, sealed: Sealed) -> str:
        """The address. Raises Unavailable when it was sealed with another key, for another location, or altered."""
        try:
            return self._cipher.decrypt(sealed.nonce, sealed.ciphertext, location_id.encode()).decode()
        except InvalidTag as error:
            raise Unavailable("address_key_does_not_fit") from error

    def seal_upload(self, account_id: str, content: bytes) -> str:
        """What somebody sent, for their own page to send back: nobody can read or change it on the way."""
        nonce = secrets.token_bytes(12)
        return base64.b64encode(nonce + self._upload_cipher.encrypt(nonce, content, account_id.encode())).decode()

    def unseal_upload(self, account_id: str, sealed: str) -> bytes:
        """What was sealed for this account. Raises Invalid when it is anything else."""
        try:
            raw = base64.b64decode(sealed.encode(), validate=True)
            return self._upload_cipher.decrypt(raw[:12], raw[12:], account_id.encode())
        except (InvalidTag, ValueError) as error:
            raise Invalid("upload_unreadable") from error


def load_key(settings: Settings) -> AddressKey:
    """The key from `NRM_ADDRESS_KEY` (32 bytes in base64), else from a file in the data folder, made once."""
    if settings.address_key:
        return AddressKey(base64.b64decode(settings.address_key.get_secret_value(), validate=True))
    return AddressKey(_key_file(settings.data / "address.key"))


def _key_file(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        key = secrets.token_bytes(32)
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key
