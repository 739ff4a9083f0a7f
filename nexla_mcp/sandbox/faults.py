"""What can go wrong between a client and Nexla, on demand: by route, count and probability, with a fixed seed.

    book.add([{"match": "^PUT /data_sources", "kind": "reset_after", "probability": 0.1, "seed": 7}])
    nexla-mcp sandbox --faults faults.json          # [{...}, ...]
    POST /__sandbox__/faults                        # the same, while it runs

`match` is a regular expression over "METHOD /path"; the first fault that takes a request disturbs it. Without a `kind`,
`status` replaces the answer and nothing is carried out, `delay_s` alone only slows it down, and `reset` breaks the
connection in the middle of a reply. The kinds:

| kind | carried out | what the client sees |
|---|---|---|
| rate_limited | no | 429, Retry-After in `form` seconds, date or none |
| error | no, or with `after` yes | `status` 500, 502, 503 or 504 |
| refused | no | a reset, and for `delay_s` no connection at all |
| reset_before, reset_after | no; yes | a reset instead of a reply |
| slow_headers, slow_body | yes | nothing for `delay_s`; headers at once and a body that trickles |
| truncated | yes | half of the body, then a closed connection |
| invalid_json, wrong_type, empty, huge | yes | broken JSON; JSON called text/plain; no body; 10 MB |
| html | no, or with `after` yes | a web page, `status` 502 |
| expired_token, revoked_token | no | 401: this session has ended; all sessions have |
| clock_skew | yes | a Date that is off by `skew_s`, and `expires_in` |
| duplicate | twice | the first reply, as after a proxy that repeats requests |
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Literal

from nexla_mcp.sandbox.api.call import Reply

KINDS = frozenset(
    {"rate_limited", "error", "refused", "reset_before", "reset_after", "slow_headers", "slow_body", "truncated", "invalid_json"}
    | {"wrong_type", "empty", "huge", "html", "expired_token", "revoked_token", "clock_skew", "duplicate"}
)
_NOT_CARRIED_OUT = frozenset({"rate_limited", "refused", "reset_before", "expired_token", "revoked_token"})
PAGE = "<html><body><h1>Bad gateway</h1></body></html>"
HUGE = 10_000_000
PIECES = 20
"""A slow body comes in so many pieces."""


@dataclass
class Fault:
    """A disturbance for requests whose "METHOD /path" matches; `count` None = until cleared."""

    match: str
    kind: str = ""
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    html: bool = False
    reset: bool = False
    count: int | None = None
    probability: float = 1.0
    seed: int = 0
    after: bool = False
    form: Literal["seconds", "date", "none"] = "seconds"
    retry_after_s: float = 1.0
    skew_s: float = 0.0
    expires_in: Any = None
    size: int = HUGE

    def __post_init__(self) -> None:
        if self.kind and self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is unknown: use {', '.join(sorted(KINDS))}")
        if self.form not in ("seconds", "date", "none"):
            raise ValueError("form must be seconds, date or none")
        self._pattern = re.compile(self.match)
        self._dice = random.Random(f"{self.seed} {self.match} {self.kind}")  # noqa: S311 - repeatable on purpose

    @property
    def name(self) -> str:
        """The kind, for the record of requests."""
        return self.kind or ("reset" if self.reset else "answer" if self.status else "delay")

    @property
    def carried_out(self) -> bool:
        """True when the request is carried out in spite of the fault."""
        if not self.kind:
            return not self.status and not self.reset
        return self.after if self.kind in ("error", "html") else self.kind not in _NOT_CARRIED_OUT

    def takes(self, target: str) -> bool:
        """Whether this request is to be disturbed; rolls the dice."""
        return self.count != 0 and self._pattern.search(target) is not None and self._dice.random() < self.probability

    def as_json(self) -> dict[str, Any]:
        """The fields, as they are posted."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


class FaultBook:
    """The faults that are switched on."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Add faults; all of them or, when one is wrong, none.

        Raises:
            TypeError, ValueError, re.error: an entry is not a fault.
        """
        self.faults += [Fault(**entry) for entry in entries]

    def clear(self) -> None:
        """Switch all off."""
        self.faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for a request, counted."""
        fault = next((fault for fault in self.faults if fault.takes(f"{method} {path}")), None)
        if fault and fault.count:
            fault.count -= 1
        return fault


def entries_of(body: Any) -> list[Mapping[str, Any]]:
    """A list of faults, one fault, or ``{"faults": [...]}``."""
    entries = body if isinstance(body, list) else body.get("faults", [body]) if isinstance(body, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("faults are a list of objects")
    return entries


def load_faults(path: Path) -> list[Mapping[str, Any]]:
    """The faults in a file, checked.

    Raises:
        OSError, ValueError: it cannot be read, or is not a list of faults.
    """
    entries = entries_of(json.loads(path.read_text(encoding="utf-8")))
    try:
        FaultBook().add(entries)
    except (TypeError, re.error) as error:
        raise ValueError(f"{path}: {error}") from error
    return entries


def altered(fault: Fault, reply: Reply | None, now: datetime) -> Reply:
    """What the client is answered; `reply` is what the request brought when it was carried out."""
    if fault.html or fault.kind == "html":
        page = fault.body if isinstance(fault.body, str) else PAGE
        return Reply(page, fault.status or 502, {"content-type": "text/html", **fault.headers})
    if fault.kind == "rate_limited":
        return Reply(fault.body or {"message": "Too many requests"}, 429, _retry_after(fault, now) | fault.headers)
    if fault.kind == "error":
        return Reply(fault.body or {"message": "The service is not available"}, fault.status or 500, fault.headers)
    if fault.kind in ("expired_token", "revoked_token"):
        return Reply(None, 401, fault.headers)
    if reply is None:
        return Reply(fault.body, fault.status or 500, fault.headers)
    return _spoilt(fault, reply, now)


def _spoilt(fault: Fault, reply: Reply, now: datetime) -> Reply:
    """A reply of the API, made worse."""
    headers = reply.headers | fault.headers
    if fault.kind == "invalid_json":
        text = json.dumps(reply.body, ensure_ascii=False)
        return Reply(text[: max(1, len(text) - 1)] + ",", reply.status, {"content-type": "application/json", **headers})
    if fault.kind == "wrong_type":
        plain = reply.body if isinstance(reply.body, str) or reply.body is None else json.dumps(reply.body, ensure_ascii=False)
        return Reply(plain, reply.status, {"content-type": "text/plain", **headers})
    if fault.kind == "empty":
        return Reply(None, reply.status, headers)
    if fault.kind == "huge":
        filler = "x" * max(0, fault.size - 20)
        return Reply({"filler": filler}, reply.status, headers)
    if fault.kind == "clock_skew":
        body = reply.body
        if fault.expires_in is not None and isinstance(body, dict) and "expires_in" in body:
            body = body | {"expires_in": fault.expires_in}
        return Reply(body, reply.status, {**headers, "date": http_date(now + timedelta(seconds=fault.skew_s))})
    return Reply(reply.body, reply.status, headers)


def _retry_after(fault: Fault, now: datetime) -> dict[str, str]:
    if fault.form == "none":
        return {}
    if fault.form == "date":
        return {"Retry-After": http_date(now + timedelta(seconds=fault.retry_after_s))}
    return {"Retry-After": f"{fault.retry_after_s:g}"}


def http_date(moment: datetime) -> str:
    """A moment as HTTP writes it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
