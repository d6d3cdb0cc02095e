"""The error tree. Every refusal has a stable code; HTTP turns it into RFC 9457 problem+json, pages into words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one input: where (a path of names), and a stable code. Never the value itself."""

    path: tuple[str | int, ...]
    code: str


class NrmError(Exception):
    """A refusal that a caller can act on. `code` is stable; `status` is its HTTP status."""

    status = 500

    def __init__(self, code: str, fields: tuple[FieldError, ...] = (), reasons: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields
        self.reasons = reasons
        """Further codes behind the refusal, for example which admission rules barred a placement."""


class Invalid(NrmError):
    """The input is malformed or says something impossible."""

    status = 400


class NotLoggedIn(NrmError):
    """Nobody is logged in, or the session ended."""

    status = 401


class Forbidden(NrmError):
    """This role may not do this. Only used where the existence of the thing is no secret."""

    status = 403


class NotFound(NrmError):
    """Absent, or hidden from this actor: the two are never told apart."""

    status = 404


class Conflict(NrmError):
    """Somebody else was first, or the state has moved on."""

    status = 409


class TooMany(NrmError):
    """A limit was reached; try again later."""

    status = 429


class Unavailable(NrmError):
    """A part we depend on does not answer in time."""

    status = 503
