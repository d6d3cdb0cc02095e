"""Words per language. Dutch is written in templates and code; English stands in one .po file, read once at start."""

import io
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent

LANGUAGES = ("nl", "en")
DEFAULT_LANGUAGE = "nl"
LANGUAGE_COOKIE = "lang"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
CATALOGUE = Path(__file__).parent / "locales" / "en" / "LC_MESSAGES" / "nrm.po"
_FORMAT_LOCALES = {"nl": "nl_NL", "en": "en_GB"}


def N_(message: str) -> str:  # noqa: N802 - the name every gettext tool knows
    """Mark a text for translation that is shown later, for example in a table of labels."""
    return message


class Words:
    """The texts, dates and numbers of one language. Every function about time takes `now`."""

    def __init__(self, language: str, translations: NullTranslations) -> None:
        self.language = language
        self._translations = translations
        self._locale = _FORMAT_LOCALES[language]

    def gettext(self, message: str, **values: object) -> str:
        """One text, with `%(name)s` filled in."""
        text = self._translations.gettext(message)
        return text % values if values else text

    def ngettext(self, one: str, many: str, num: int, **values: object) -> str:
        """One text that depends on a number, which the texts call `%(num)s`."""
        text = self._translations.ngettext(one, many, num)
        return text % {"num": self.number(num), **values}

    def raw_gettext(self, message: str) -> str:
        """The bare lookup, for Jinja's own formatting."""
        return self._translations.gettext(message)

    def raw_ngettext(self, one: str, many: str, num: int) -> str:
        """The bare lookup, for Jinja's own formatting."""
        return self._translations.ngettext(one, many, num)

    def number(self, value: float, digits: int = 0) -> str:
        """1.234 in Dutch, 1,234 in English; `digits` behind the comma at most."""
        return format_decimal(round(value, digits), locale=self._locale)

    def euros(self, cents: int) -> str:
        """€ 1.234,50 in Dutch, €1,234.50 in English."""
        return format_currency(cents / 100, "EUR", locale=self._locale).replace("\N{NO-BREAK SPACE}", " ")

    def percent(self, share: float) -> str:
        """0.72 as 72 %."""
        return format_percent(share, locale=self._locale)

    def clock(self, instant: datetime) -> str:
        """23:40, on the Dutch clock. In the hour that happens twice it says which of the two."""
        local = _local(instant)
        text = format_datetime(local, "HH:mm", locale=self._locale)
        if local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset():
            return text
        which = self.gettext("wintertijd") if local.fold else self.gettext("zomertijd")
        return f"{text} ({which})"

    def when(self, instant: datetime, now: datetime) -> str:
        """vandaag 23:40, gisteren 23:40, za 21 nov 23:40; the year only when it is another one."""
        local, today = _local(instant), _local(now).date()
        days = (local.date() - today).days
        near = {-1: self.gettext("gisteren"), 0: self.gettext("vandaag"), 1: self.gettext("morgen")}
        pattern = "EEE d MMM" if local.year == today.year else "EEE d MMM y"
        day = near.get(days) or format_datetime(local, pattern, locale=self._locale)
        return f"{day} {self.clock(instant)}"

    def day(self, instant: datetime) -> str:
        """za 21 nov 2026."""
        return format_datetime(_local(instant), "EEE d MMM y", locale=self._locale)

    def on(self, day: date) -> str:
        """21 november 2026."""
        return format_date(day, "d MMMM y", locale=self._locale)

    def month(self, day: date) -> str:
        """november 2026."""
        return format_date(day, "LLLL y", locale=self._locale)

    def duration(self, length: timedelta) -> str:
        """12 minuten; 1 uur en 20 minuten; 3 dagen. Rounded down: never more than it is."""
        minutes = max(0, int(length.total_seconds())) // 60
        hours, days = minutes // 60, minutes // 1440
        if days >= 2:
            return self.ngettext("%(num)s dag", "%(num)s dagen", days)
        if hours >= 6 or (hours and not minutes % 60):
            return self.ngettext("%(num)s uur", "%(num)s uur", hours)
        if hours:
            return self.gettext("%(hours)s en %(minutes)s") % {
                "hours": self.ngettext("%(num)s uur", "%(num)s uur", hours),
                "minutes": self.ngettext("%(num)s minuut", "%(num)s minuten", minutes % 60),
            }
        if minutes:
            return self.ngettext("%(num)s minuut", "%(num)s minuten", minutes)
        return self.gettext("minder dan een minuut")

    def ago(self, instant: datetime, now: datetime) -> str:
        """12 minuten geleden; over 12 minuten; within a minute: zojuist."""
        age = _utc(now) - _utc(instant)
        if abs(age) < timedelta(minutes=1):
            return self.gettext("zojuist") if age >= timedelta(0) else self.gettext("nu")
        if age > timedelta(0):
            return self.gettext("%(duration)s geleden") % {"duration": self.duration(age)}
        return self.gettext("over %(duration)s") % {"duration": self.duration(-age)}


class HasLanguage(Protocol):
    """The two things of a request from which its language follows."""

    @property
    def cookies(self) -> Mapping[str, str]: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


@cache
def words(language: str) -> Words:
    """The words of a language."""
    if language == DEFAULT_LANGUAGE:
        return Words(language, NullTranslations())
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Words(language, GNUTranslations(compiled))


def language_of(request: HasLanguage) -> str:
    """The cookie set by the switch, else the browser's wish, else Dutch."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    return _wished(request.headers.get("accept-language", ""))


def words_for(request: HasLanguage) -> Words:
    """The words in which to answer this request."""
    return words(language_of(request))


def _wished(header: str) -> str:
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:500].split(",")):
        tag, _, weight = part.strip().partition(";q=")
        language = tag.split("-")[0].strip().lower()
        try:
            wishes.append((-float(weight or 1), place, language))
        except ValueError:
            continue
    for rank, _, language in sorted(wishes):
        if language in LANGUAGES and rank < 0:
            return language
    return DEFAULT_LANGUAGE


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(UTC)


def _local(instant: datetime) -> datetime:
    return _utc(instant).astimezone(AMSTERDAM)
