"""Strict input and output shapes: camelCase outside, bounded everywhere, nothing unknown let in."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError


class Shape(BaseModel):
    """Base of everything that crosses HTTP: camelCase names, frozen, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        from_attributes=True,
    )


# Characters that change how the text around them is shown: a label could then read as something else.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_text(value: str) -> str:
    """Normalise to NFC and strip; refuse control characters, lone surrogates and bidirectional overrides."""
    for character in value:
        category = unicodedata.category(character)
        if category == "Cs" or (category == "Cc" and character not in "\n\t") or character in _BIDI:
            raise PydanticCustomError("forbidden_character", "contains a character that is not allowed")
    return unicodedata.normalize("NFC", value).strip()


Line = Annotated[str, Field(max_length=200), AfterValidator(clean_text)]
"""One line of text."""

Text = Annotated[str, Field(max_length=2000), AfterValidator(clean_text)]
"""A few lines of text."""

Code = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9:_-]+$")]
"""A code or an identifier."""

Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""The version of a record as the caller last saw it."""
