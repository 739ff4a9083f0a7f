"""What the fields of a nexset mean, as far as its schema and some records show.

    fields = read_fields(output_schema, records)
    fields[0].name, fields[0].meaning        # "order_id", "identifier of the record (different in each)"

A meaning is a guess from names and values and is called one. No value of a field that may hold personal data or a
secret is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nexla_mcp.output.untrusted import looks_secret
from nexla_mcp.runbooks.shapes.lenient import quote

MOST_FIELDS = 60
FEW = 6
"""So many different values may be an enumeration."""
ENOUGH = 5
"""So many records are needed before repetition means anything."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field; ``nulls`` is the share of the records without a value."""

    name: str
    type: str
    meaning: str
    nulls: float | None = None
    examples: tuple[str, ...] = ()
    note: str = ""
    personal: bool = False

    def row(self) -> dict[str, Any]:
        """As a row of a table."""
        shown = {
            "field": self.name,
            "type": self.type,
            "guess": self.meaning,
            "empty": None if self.nulls is None else f"{self.nulls:.0%}",
            "examples": "; ".join(self.examples),
            "note": self.note,
        }
        return {k: v for k, v in shown.items() if v}


@dataclass(frozen=True, slots=True)
class Meaning:
    """A rule: all values have the form, the name fits, or both; ``numbers`` wants numeric values."""

    words: str
    name: re.Pattern[str] | None = None
    form: re.Pattern[str] | None = None
    numbers: bool = False
    personal: bool = False

    def fits(self, name: str, values: Sequence[Any]) -> bool:
        """Whether a field is of this kind."""
        if self.name is not None and not self.name.search(name):
            return False
        if self.numbers and not (values and all(_is_number(v) for v in values)):
            return False
        return self.form is None or (bool(values) and all(self.form.fullmatch(str(v)) for v in values))


def _meaning(words: str, name: str = "", form: str = "", *, numbers: bool = False, personal: bool = False) -> Meaning:
    return Meaning(words, re.compile(name, re.I) if name else None, re.compile(form) if form else None, numbers, personal)


_TIME_NAMES = r"time|date|stamp|_at$|_on$|_ts$|^ts$|since|until|expir"
MEANINGS = (
    _meaning("e-mail address", form=r"[^@\s]{1,80}@[^@\s]{1,80}\.\w{2,20}", personal=True),
    _meaning("phone number", r"phone|mobile|\btel\b|_tel$|fax", personal=True),
    _meaning("date of birth", r"birth|\bdob\b|_dob$", personal=True),
    _meaning(
        "name of a person",
        r"(^|_)(first|last|full|given|family|middle|sur|customer|contact|user|employee|owner)_?name$",
        personal=True,
    ),
    _meaning("address of a person or place", r"(^|_)(street|address|addr|postcode|postal_code|zip)(_|$|\d)", personal=True),
    _meaning("IP address", form=r"\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]{6,39}:[0-9a-f:]{1,30}", personal=True),
    _meaning("web address", form=r"https?://\S{1,400}"),
    _meaning("UUID", form=r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    _meaning("moment, ISO 8601", form=r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S{0,20}( ?[A-Z]{1,5})?"),
    _meaning("date", form=r"\d{4}-\d\d-\d\d"),
    _meaning("date in a local form", _TIME_NAMES, r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}"),
    _meaning("moment in epoch milliseconds", _TIME_NAMES, r"\d{13}"),
    _meaning("moment in epoch seconds", _TIME_NAMES, r"\d{10}"),
    _meaning("currency code", r"curr|ccy", r"[A-Z]{3}"),
    _meaning("country code", r"country|nation", r"[A-Za-z]{2,3}"),
    _meaning("latitude", r"^lat(itude)?$|_lat$", numbers=True, personal=True),
    _meaning("longitude", r"^(lon|lng|longitude)$|_(lon|lng)$", numbers=True, personal=True),
    _meaning("amount of money", r"amount|price|total|cost|revenue|fee|tax|balance|discount|paid|spend", numbers=True),
    _meaning("share or rate", r"rate|ratio|percent|pct|share|score", numbers=True),
    _meaning("quantity", r"qty|quantity|count|units|stock|number_of|num_|items|points", numbers=True),
)
HIDDEN = "(hidden, may be personal)"
_MAIL = re.compile(r"[^\s@<>\"',;:()\[\]{}]{1,80}@[^\s@<>\"',;:()\[\]{}]{1,80}\.\w{2,20}")
_ID_NAME = re.compile(r"^(?:(.{1,40})_)?(?:id|key|uuid|no|number|ref)$", re.I)
UNCLEAR = "not clear from the records"


def read_fields(schema: Any, records: Iterable[Any]) -> list[Field]:
    """The fields of a schema and of records together, in the order of the schema, nested ones with a dot."""
    rows = [flat(r) for r in records if isinstance(r, dict)]
    declared = _declared(schema)
    names = [*declared, *dict.fromkeys(n for row in rows for n in row if n not in declared)]
    return [_field(name, declared.get(name), rows, bool(declared)) for name in names[:MOST_FIELDS]]


def without_personal(value: Any, name: str = "") -> Any:
    """A value without what may be about a person, at any depth: by the name of its field, its form, or an address in a text.

    It judges each value alone, so it also holds where a field as a whole is not recognised, or is past ``MOST_FIELDS``.
    """
    if isinstance(value, dict):
        return {k: without_personal(v, str(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [without_personal(v, name) for v in value]
    if value in (None, "") or isinstance(value, bool):
        return value
    last = _last(name)
    if any(rule.personal and rule.fits(last, [value]) for rule in MEANINGS):
        return HIDDEN
    return without_addresses(value) if isinstance(value, str) else value


def without_addresses(text: str) -> str:
    """A text in which each e-mail address is replaced."""
    return _MAIL.sub(HIDDEN, text)


def flat(record: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """A record with one key for each plain value, two levels deep."""
    found: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value and depth < 2:
            found |= flat(value, f"{name}.", depth + 1)
        else:
            found[name] = value
    return found


def _declared(schema: Any, prefix: str = "", depth: int = 0) -> dict[str, str]:
    """Name -> type out of a JSON schema."""
    found: dict[str, str] = {}
    rules = schema.get("properties") if isinstance(schema, dict) else None
    for key, rule in rules.items() if isinstance(rules, dict) else ():
        inner = _declared(rule, f"{prefix}{key}.", depth + 1) if depth < 2 else {}
        kind = rule.get("type") if isinstance(rule, dict) else rule
        words = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind or "")
        found |= inner or {f"{prefix}{key}": words}
    return found


def _field(name: str, declared: str | None, rows: Sequence[Mapping[str, Any]], has_schema: bool) -> Field:
    present = [row[name] for row in rows if name in row]
    values = [v for v in present if v not in (None, "")]
    seen = " or ".join(sorted({_type(v) for v in values}))
    notes = []
    if has_schema and declared is None:
        notes.append("not in the schema")
    if declared is not None and rows and not present:
        notes.append("in no record")
    if declared and seen and not _same_type(declared, seen):
        notes.append(f"the schema says {declared}")
    meaning, personal = _guess(name, values, len(rows))
    hidden = personal or looks_secret(name.rpartition(".")[2])
    examples = (
        ()
        if hidden
        else tuple(dict.fromkeys(quote(without_personal(v, name), 40) for v in values if not isinstance(v, dict | list)))[:2]
    )
    if personal:
        notes.append("may be personal data: values not shown")
    return Field(
        quote(name, 60),
        seen or quote(declared or "unknown", 40),
        meaning,
        1 - len(values) / len(rows) if rows else None,
        examples,
        "; ".join(notes),
        personal,
    )


def _guess(name: str, values: Sequence[Any], records: int) -> tuple[str, bool]:
    """What a field seems to mean, and whether it may be about a person."""
    last = _last(name)
    if not values and records:
        return "always empty in the records", False
    for rule in MEANINGS:
        if rule.fits(last, values):
            return rule.words, rule.personal
    plain = [v for v in values if not isinstance(v, dict | list)]
    different = {str(v) for v in plain}
    if found := _ID_NAME.match(last):
        own = len(plain) >= 2 and len(different) == len(plain)
        of = f"identifier of the {found[1].replace('_', ' ')}" if found[1] else "identifier of the record"
        return f"{of} ({'different in each record' if own else 'repeats'})" if plain else of, False
    if plain and all(isinstance(v, bool) for v in plain):
        return "yes or no", False
    if len(plain) >= ENOUGH and len(different) == 1:
        return "the same in all records", False
    if len(plain) >= ENOUGH and len(different) <= min(FEW, len(plain) // 2) and all(len(v) <= 30 for v in different):
        return f"one of {len(different)}: {', '.join(sorted(quote(without_addresses(v), 30) for v in different))}", False
    return UNCLEAR, False


def _last(name: str) -> str:
    """The last part of a dotted name, in snake case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition(".")[2])


def _type(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "string"


def _same_type(declared: str, seen: str) -> bool:
    allowed = set(declared.lower().split(" or ")) | ({"integer"} if "number" in declared.lower() else set())
    return set(seen.split(" or ")) <= allowed


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or bool(re.fullmatch(r"-?\d{1,15}(\.\d{1,10})?", str(value)))
