"""Every knob of a deployment, read from the environment once. Nothing else reads the environment."""

from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings with the prefix `NRM_`, for example `NRM_PORT=8080`. Unset means the embedded default."""

    model_config = SettingsConfigDict(env_prefix="NRM_", extra="ignore", frozen=True)

    data: Path = Path(".nrm")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    database_url: str | None = None
    base_url: str | None = None
    address_key: SecretStr | None = None
    worker: bool = True
    exercise: bool = False
    """People practise here: nothing leaves, every page says so, and the clock is the exercise's own."""
    exercise_database_url: str | None = None
    """Where `nrm exercise` keeps its database; without it in a folder of its own below the data folder."""

    session_hours: int = Field(default=12, ge=1, le=24)
    step_up_minutes: int = Field(default=10, ge=1, le=60)
    sockets_per_account_max: int = Field(default=8, ge=1, le=1000)

    deadman_url: str | None = Field(default=None, pattern=r"^https?://")
    """Somebody outside hears a ping there for as long as all is well, and rings when it stops."""
    deadman_seconds: int = Field(default=60, ge=10, le=600)
    metrics_token: SecretStr | None = None
    """With it `/metrics` is for whoever has it; without it only for this machine."""

    smtp_host: str | None = None
    smtp_port: int = Field(default=25, ge=1, le=65535)
    smtp_starttls: bool = False
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    mail_from: str = "nrm@localhost"

    # Text messages and calls: one provider, by its own contract. Without these that channel is not there.
    phone_provider: Literal["cm", "twilio"] | None = None
    phone_account: str | None = None
    """Of Twilio: the account's SID."""
    phone_token: SecretStr | None = None
    """Of CM.com: the product token; of Twilio: the auth token, which also signs what it tells us."""
    phone_from: str = "NRM"
    """Whom texts come from: a number that takes replies, or a word of 11 characters at most, which takes none."""
    phone_caller: str | None = None
    """The number that calls; without it nobody is called."""
    phone_callback_secret: SecretStr | None = None
    """Of CM.com: what its callbacks must bring along in their path. At least 32 characters."""
    sms_url: str | None = None
    voice_url: str | None = None
    """Where the provider listens, if not where it publishes."""
    push_key: SecretStr | None = None
    """The private key of web push (VAPID), PEM; without it a file in the data folder."""
    push_contact: str | None = None
    """A mail address that push services may write to. Without it nothing is pushed."""
    notify_urls: SecretStr | None = None
    """Addresses of a notification service of the operator's own, in the words of Apprise, separated by spaces."""

    def for_exercise(self) -> "Settings":
        """The same deployment while people practise: its own folder, database and keys, and no way out of it."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        given |= dict.fromkeys(_OPERATIONAL)
        own = {"exercise": True, "worker": True, "session_hours": 24, "data": self.data / "exercise"}
        return Settings(**given | own | {"database_url": self.exercise_database_url})

    @cached_property
    def url(self) -> str:
        """The database: what `NRM_DATABASE_URL` says, else one SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{(self.data / 'nrm.sqlite3').absolute()}"

    @cached_property
    def public_url(self) -> str:
        """Where people's browsers reach us, without trailing slash."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def https(self) -> bool:
        """Whether browsers reach us over https: then the session cookie is `__Host-` and `Secure`."""
        return urlsplit(self.public_url).scheme == "https"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach us. Demo accounts are refused anywhere else."""
        return {self.host, urlsplit(self.public_url).hostname} <= {"127.0.0.1", "::1", "localhost"}


_OPERATIONAL = (
    *("address_key", "deadman_url", "smtp_host", "smtp_user", "smtp_password", "notify_urls"),
    *("phone_provider", "phone_account", "phone_token", "phone_caller", "phone_callback_secret"),
    *("sms_url", "voice_url", "push_key", "push_contact", "metrics_token"),
)
"""What an exercise has no use for: the ways out, and the keys of what is real."""
