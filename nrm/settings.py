"""Every knob of a deployment, read from the environment once. Nothing else reads the environment."""

from functools import cached_property
from pathlib import Path
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
