"""What a cell means: text, numbers, dates, addresses, as offices write them. Pure.

Each ``parse_…`` takes a cell and gives the value, or raises BadCellError with what to do about it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from controller.inventory.dated import SHANGHAI
from controller.inventory.matching import ADDRESSES_LENGTH, clean_uuid
from controller.inventory.naming import fold, narrow, tidy
from controller.inventory.sheet import Cell
from controller.said import say

NOTHING = frozenset(
    {"-", "--", "---", "—", "——", "–", "/", "\\", "无", "暂无", "n/a", "na", "null", "none", "nil"}
)
"""What people write to say that there is none. An empty cell says nothing instead."""

_EXCEL_EPOCH = datetime(1899, 12, 30, tzinfo=SHANGHAI)
"""Day 0 of Excel's serial dates; 1900 has a 29 February there, so this holds from March 1900."""
_FIRST_SERIAL, _LAST_SERIAL = 32_874, 73_050  # 1990-01-01 and 2099-12-31

_DATE = re.compile(
    r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})(?:\s*[-/.月]\s*(?P<day>\d{1,2})\s*日?|\s*月)?"
    r"(?:[T\s]*(?P<hour>\d{1,2})[:时](?P<minute>\d{1,2})(?:[:分](?P<second>\d{1,2})(?:\.\d+)?秒?|分)?"
    r"\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?)?",
    re.IGNORECASE,
)
_COMPACT_DATE = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})")
_NUMBER = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*(.*)", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")

_EXACT = 10**15
"""Excel keeps 15 digits of a number; the rest of a longer code is already lost."""

_LONGEST = 20
"""Characters up to which a cell is looked at for such a word, spaces included."""


class BadCellError(ValueError):
    """What is wrong with a cell and what to do."""


def is_blank(cell: Cell) -> bool:
    """Whether the cell says nothing."""
    return isinstance(cell, str) and (not cell or not tidy(cell))


def is_nothing(cell: Cell) -> bool:
    """Whether the cell says that there is none (``-``, 无, N/A …)."""
    return isinstance(cell, str) and len(cell) < _LONGEST and fold(cell) in NOTHING


def shown(cell: Cell) -> str:
    """The cell as an error quotes it."""
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")
    text = tidy(f"{cell:.15g}" if isinstance(cell, float) else str(cell))
    return text if len(text) <= 40 else text[:39] + "…"


def parse_text(cell: Cell, limit: int = 200) -> str:
    """A name, tidied."""
    text = tidy(_as_text(cell))
    if len(text) > limit:
        raise BadCellError(f"has {len(text)} characters, over the limit of {limit}: shorten it")
    return text


def parse_code(cell: Cell, limit: int = 64) -> str:
    """A code: as a name, with full-width letters and digits made ASCII."""
    return parse_text(narrow(_as_text(cell)), limit)


def parse_email(cell: Cell) -> str:
    text = parse_code(cell, 254).removeprefix("mailto:")
    if not re.fullmatch(r"[^@\s,;]+@[^@\s,;]+", text):
        raise BadCellError(
            say(
                f"{shown(cell)!r} is no e-mail address: one address, like name@example.cn",
                f"“{shown(cell)}”不是电子邮箱：请填写一个，如 name@example.cn",
            )
        )
    return text


def parse_phone(cell: Cell) -> str:
    return parse_text(narrow(_as_text(cell)), 60)


def parse_number(cell: Cell, units: Mapping[str, float]) -> float:
    """A number ≥ 0; ``units`` are the words that may follow it, with their factor."""
    if isinstance(cell, bool | datetime):
        raise BadCellError(
            say(
                f"{shown(cell)!r} is no number: write digits, e.g. 8",
                f"“{shown(cell)}”不是数字：请填写数字，如 8",
            )
        )
    if isinstance(cell, float):
        number, factor = cell, 1.0
    else:
        match = _NUMBER.fullmatch(_THOUSANDS.sub("", narrow(cell)))
        word = fold(match[2]) if match else ""
        if match is None or (word not in units and word):
            allowed = ", ".join(units)
            raise BadCellError(
                say(
                    f"{shown(cell)!r} is no number: write digits, e.g. 8"
                    + (f", with nothing or one of {allowed} behind" if allowed else ""),
                    f"“{shown(cell)}”不是数字：请填写数字，如 8"
                    + (f"，后面可带 {allowed}" if allowed else ""),
                )
            )
        number, factor = float(match[1]), units.get(word, 1.0)
    value = number * factor
    if not 0 <= value < 1e9:
        raise BadCellError(
            say(
                f"{shown(cell)!r} is out of range: 0 to 1,000,000,000",
                f"“{shown(cell)}”超出范围：应在 0 至 10 亿之间",
            )
        )
    return value


def parse_moment(cell: Cell) -> datetime:
    """A date or time in Shanghai's time, unless it names its zone; in UTC.

    A date cell, a serial number of Excel, 2026-11-3, 2026/11/3, 2026.11.3, 2026年11月3日,
    20261103, each with or without a time; a month stands for its first day.
    """
    if isinstance(cell, bool):
        raise BadCellError(_not_a_date(cell))
    if isinstance(cell, datetime):
        moment = cell if cell.tzinfo else cell.replace(tzinfo=SHANGHAI)
    elif isinstance(cell, float):
        moment = _from_number(cell)
    else:
        text = narrow(cell)
        moment = _from_number(float(text)) if re.fullmatch(r"\d+(\.\d+)?", text) else _parse(text)
    if not 1990 <= moment.year <= 2100:
        raise BadCellError(
            say(
                f"{shown(cell)!r} is not between 1990 and 2100: check the year",
                f"“{shown(cell)}”不在 1990 至 2100 年之间：请核对年份",
            )
        )
    return moment.astimezone(UTC)


def parse_addresses(cell: Cell) -> list[str]:
    """Addresses separated by comma, semicolon, space or line break; a /length is dropped."""
    kept: dict[str, None] = {}
    for part in re.split(r"[,;、|\s]+", narrow(_as_text(cell).replace("\n", " "))):
        if not part:
            continue
        try:
            kept[str(ip_address(part.split("/")[0]))] = None
        except ValueError:
            raise BadCellError(
                say(
                    f"{shown(part)!r} is no IP address: write e.g. 10.1.2.3, several with commas",
                    f"“{shown(part)}”不是 IP 地址：请填写如 10.1.2.3，多个用逗号分隔",
                )
            ) from None
    if len(",".join(kept)) > ADDRESSES_LENGTH:
        raise BadCellError(f"holds {len(kept)} addresses, too many to keep: name the main ones")
    return list(kept)


def parse_uuid(cell: Cell) -> str | None:
    """The platform's instance UUID or id; None for a placeholder."""
    return clean_uuid(parse_code(cell))


def parse_tags(cell: Cell) -> list[str]:
    """Tags separated by comma, semicolon, 、 or |, once each, in order."""
    parts = re.split(r"[,;，；、|\n]+", _as_text(cell))
    tags = list(dict.fromkeys(tag for part in parts if (tag := tidy(part))))
    if any(len(tag) > 60 for tag in tags):
        raise BadCellError("holds a tag of more than 60 characters: separate tags by commas")
    return tags


_SEVERAL = re.compile(r"[、;,/|\n]+")


def parse_names(cell: Cell) -> list[str]:
    """Names separated by 、 comma, semicolon, stroke or line break, once each, in order."""
    parts = _SEVERAL.split(unicodedata.normalize("NFKC", _as_text(cell)))
    names = list(dict.fromkeys(name for part in parts if (name := tidy(part))))
    if any(len(name) > 100 for name in names):
        raise BadCellError(
            say("holds a name of more than 100 characters: separate names by 、",
                "其中一个名称超过 100 字：请用顿号分隔")
        )  # fmt: skip
    return names


def parse_phones(cell: Cell) -> list[str]:
    """Numbers in the order of the names they belong to; an empty place between separators holds
    the place of one who has none."""
    return [parse_phone(part) for part in re.split(r"[、;,；，|\n]", _as_text(cell))]


def parse_emails(cell: Cell) -> list[str]:
    """Addresses in the order of the names they belong to, as ``parse_phones``."""
    return [
        parse_email(part) if tidy(part) else ""
        for part in re.split(r"[、;,；，|\n]", _as_text(cell))
    ]


def parse_names_of_hosts(cell: Cell) -> list[str]:
    """Codes, names or addresses separated by comma, semicolon, 、, | or white space, in order."""
    parts = re.split(r"[、,;，；|\s]+", unicodedata.normalize("NFKC", _as_text(cell)))
    return list(dict.fromkeys(part for part in parts if part))


def parse_ratio(cell: Cell) -> float:
    """A ratio from 0.1 to 100: 3, 3.0, 1:3, 3倍."""
    text = narrow(_shown_number(cell)).removesuffix("倍").replace(" ", "")
    if match := re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", text):
        first, second = float(match[1]), float(match[2])
        value = second / first if first and first <= second else first / second if second else 0.0
    else:
        value = float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0
    if not 0.1 <= value <= 100:
        raise BadCellError(
            say(f"{shown(cell)!r} is no ratio: write e.g. 3 or 1:3",
                f"“{shown(cell)}”不是比例：请填写如 3 或 1:3")
        )  # fmt: skip
    return value


def parse_share(cell: Cell) -> float:
    """A share in percent: 20, 20%; a number below 1 that is not 0 is a fraction (Excel's 20 %)."""
    text = narrow(_shown_number(cell))
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text)
    value = float(match[1]) if match else -1.0
    if match and not match[2] and 0 < value < 1:
        value *= 100
    if not 0 <= value <= 100:
        raise BadCellError(
            say(f"{shown(cell)!r} is no share: write 0 to 100, e.g. 20%",
                f"“{shown(cell)}”不是百分比：请填写 0 至 100，如 20%")
        )  # fmt: skip
    return value


def _shown_number(cell: Cell) -> str:
    return f"{cell:.15g}" if isinstance(cell, float) else str(cell)


def parse_choice(cell: Cell, words: Mapping[str, str]) -> str:
    """One of a fixed set; ``words`` are the folded spellings and what each means."""
    found = words.get(fold(_as_text(cell)))
    if found is None:
        kinds = list(dict.fromkeys(words.values()))
        chinese = [
            next(
                (word for word, kind in words.items() if kind == each and not word.isascii()), each
            )
            for each in kinds
        ]
        raise BadCellError(
            say(
                f"{shown(cell)!r} is not known: use one of "
                + ", ".join(f"{kind} ({zh})" for kind, zh in zip(kinds, chinese, strict=True)),
                f"“{shown(cell)}”无法识别：请填写 " + "、".join(chinese) + " 之一",
            )
        )
    return found


def _as_text(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool | datetime):
        raise BadCellError(
            f"{shown(cell)!r} is a date or truth value in the sheet: format it as text"
        )
    if abs(cell) >= _EXACT:
        raise BadCellError(
            f"{shown(cell)!r} was cut to 15 digits by the spreadsheet: "
            "format the column as text and enter it again"
        )
    return str(int(cell)) if cell == int(cell) else repr(cell)


def _from_number(number: float) -> datetime:
    if _FIRST_SERIAL <= number <= _LAST_SERIAL + 1:
        return _EXCEL_EPOCH + timedelta(seconds=round(number * 86_400))
    match = _COMPACT_DATE.fullmatch(f"{number:.0f}") if number == int(number) else None
    if match is None:
        raise BadCellError(_not_a_date(number))
    return _build(match, f"{number:.0f}")


def _parse(text: str) -> datetime:
    match = _DATE.fullmatch(text)
    if match is None:
        raise BadCellError(_not_a_date(text))
    return _build(match, text)


def _build(match: re.Match[str], text: str) -> datetime:
    parts = match.groupdict()
    zone = (parts.get("zone") or "").upper().replace(":", "")
    tzinfo = SHANGHAI if not zone else datetime.strptime(zone.replace("Z", "+0000"), "%z").tzinfo
    try:
        return datetime(
            int(parts["year"]),
            int(parts["month"]),
            int(parts.get("day") or 1),
            int(parts.get("hour") or 0),
            int(parts.get("minute") or 0),
            int(parts.get("second") or 0),
            tzinfo=tzinfo,
        )
    except ValueError:
        raise BadCellError(
            say(
                f"{shown(text)!r} is no day or time that exists: correct it",
                f"“{shown(text)}”不是存在的日期：请更正",
            )
        ) from None


def _not_a_date(cell: Cell) -> str:
    return say(
        f"{shown(cell)!r} is no date: write e.g. 2026-11-03",
        f"“{shown(cell)}”不是日期：请填写如 2026-11-03",
    )
