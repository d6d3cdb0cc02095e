"""Lists on paper: a tagged PDF (PDF/UA-1) with its fonts inside, or that behind a passphrase (docs/decisions/0022)."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import typst
from pypdf import PdfWriter

LIST = Path(__file__).parent / "templates" / "list.typ"


@dataclass(frozen=True)
class Sheet:
    """One table of a list: its heading, a line above it, the heads of its columns, and its rows as texts."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    widths: Sequence[int] = field(default_factory=tuple)
    """How wide the columns are next to each other; equal when left out."""
    picture: str = ""
    """A drawing above the table, as SVG, and what somebody hears of it who does not see it."""
    picture_says: str = ""


def paper(title: str, lead: str, foot: str, language: str, sheets: Sequence[Sheet], *, practice: str) -> bytes:
    """A list as PDF. `foot` stands on every page, and `practice` above every page: what an exercise says of itself,
    empty in earnest. Texts go in as data, so nothing in them is ever markup.
    """
    said = {
        "practice": practice,
        "title": title,
        "lead": lead,
        "foot": foot,
        "lang": language,
        "sheets": [asdict(sheet) for sheet in sheets],
    }
    return typst.compile(
        LIST.read_bytes(), sys_inputs={"list": json.dumps(said)}, pdf_standards=["ua-1"], ignore_system_fonts=True
    )


def locked(pdf: bytes, passphrase: str) -> bytes:
    """The same file behind a passphrase: AES-256, opened by any reader there is."""
    writer = PdfWriter(clone_from=io.BytesIO(pdf))
    writer.encrypt(passphrase, algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
