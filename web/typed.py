"""What a person typed in a form: read into the shapes of the API, or said in words at the field what is wrong."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel, to_snake

from nrm.errors import Invalid
from web.words import N_, Words

S = TypeVar("S", bound=BaseModel)

_WRONG: dict[str, str] = {
    "not_for_investigators": N_("Hierover kan de politie of een andere opsporingsdienst niet worden gevraagd."),
    "not_an_address": N_("Dit klopt niet. Schrijf een mailadres als naam@voorbeeld.nl, een nummer als 06 12345678."),
    "required": N_("Vul dit in."),
    "missing": N_("Vul dit in."),
    "string_too_short": N_("Vul dit in."),
    "string_too_long": N_("Dit is te lang."),
    "forbidden_character": N_("Hierin staat een teken dat niet kan. Typ het opnieuw."),
    "in_the_past": N_("Deze dag is al voorbij."),
    "in_the_future": N_("Deze dag moet nog komen."),
    "too_long_ago": N_("Dit is langer dan tien jaar geleden. Klopt het jaar?"),
    "string_pattern_mismatch": N_("Dit is geen nummer. Schrijf cijfers, met hoogstens vier letters ervoor."),
    "not_in_range": N_("Kies een moment na nu en binnen een jaar."),
    "no_hours": N_("Van en tot kunnen niet gelijk zijn. Kies anders: dag en nacht."),
    "time_parsing": N_("Schrijf een tijd als 22:00."),
    "unreadable_date": N_("Schrijf een datum als 31-12-2026."),
    "unreadable_amount": N_("Schrijf een bedrag in euro's, zoals 95 of 87,50."),
    "unreadable_moment": N_("Schrijf dag en tijd, zoals 31-12-2026 18:00."),
}
_CHOOSE = N_("Kies een van de mogelijkheden.")


def day(typed: str) -> date | None:
    """A day as the date field sends it, or as people write it (31-12-2026). Raises ValueError."""
    if not typed:
        return None
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return datetime.strptime(typed, "%d-%m-%Y").date()  # noqa: DTZ007 - a day has no time zone


def said(words: Words, code: str) -> str:
    """The words for what is wrong with a field."""
    return words.gettext(_WRONG.get(code, _CHOOSE))


def wrong_fields(words: Words, error: ValidationError | Invalid) -> dict[str, str]:
    """Field name → what is wrong with it, for a form that comes back. Empty when no field is to blame."""
    if isinstance(error, Invalid):
        found = [(field.path[0], field.code) for field in error.fields if field.path]
    else:
        found = [(part["loc"][0], part["type"]) for part in error.errors() if part["loc"]]
    return {to_snake(str(name)): said(words, code) for name, code in found}


def read(shape: type[S], values: Mapping[str, object]) -> S:
    """The values as this shape; empty ones count as not given. Raises ValidationError."""
    return shape.model_validate(
        {to_camel(name): value for name, value in values.items() if value is not None and value != ""}
    )
