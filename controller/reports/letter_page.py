"""A letter as HTML, and from that HTML as PDF."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from controller.reports.letters import HEADS, Letter

HERE = Path(__file__).parent
DATE_EMS = 7.7
"""From the right edge to the middle of 成文日期, which is indented by four characters."""


def as_html(letter: Letter) -> str:
    """A whole page with its own style; it needs nothing from elsewhere."""
    return environment().get_template("letter.html").render(
        letter=letter, heads=HEADS, style=(HERE / "letter.css").read_text("utf-8"),
        long_signature=len(letter.signature) > 2 * DATE_EMS,
    )  # fmt: skip


def as_pdf(letter: Letter) -> bytes:
    """A4 with the fonts embedded. Raises RuntimeError where Debian's Pango is missing."""
    return to_pdf(as_html(letter))


def to_pdf(page: str) -> bytes:
    """A page of ours as PDF; it loads nothing. Raises RuntimeError as ``as_pdf`` does."""
    try:
        # Loads Pango and its kin: only who sets a letter pays for it.
        import weasyprint  # noqa: PLC0415
    except OSError as error:
        raise RuntimeError(
            f"PDF needs the Debian packages libpango-1.0-0, libpangoft2-1.0-0 and "
            f"libharfbuzz-subset0: {error}"
        ) from None
    return bytes(weasyprint.HTML(string=page, url_fetcher=_nothing).write_pdf())


def _nothing(url: str, *_args: Any, **_more: Any) -> dict[str, Any]:
    raise ValueError(f"a document of ours loads nothing: {url}")


@cache
def environment() -> Environment:
    """The templates of this folder; a name that nobody gave is an error."""
    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
