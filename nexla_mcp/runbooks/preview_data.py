"""nexla_preview_data: what is behind a credential, at a source or in a nexset: login, listing, records, inferred schema.

    found = await preview_data(facts, {"resource_type": "source", "resource_id": 5023})
    found.structured()["fields"]

Only operations of the risk class read are used. A sample asks the external system with the settings of the source itself, so what
could do more than read there (a statement that is no SELECT, a web request that is no GET) is not sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nexla_mcp.client.errors import AuthenticationError, RateLimitError, ValidationError
from nexla_mcp.output.untrusted import clean
from nexla_mcp.runbooks.connectors import FILES
from nexla_mcp.runbooks.diagnosis import Step
from nexla_mcp.runbooks.documentation.fields import HIDDEN, Field, flat, read_fields, without_addresses, without_personal
from nexla_mcp.runbooks.facts import Facts, Fetched
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.gathering.reads import DETAIL
from nexla_mcp.runbooks.preview_answer import Entry, Login, Preview
from nexla_mcp.runbooks.shapes.lenient import as_object, kind_of, objects, one_of, pick, quote, text_of, whole
from nexla_mcp.runbooks.shapes.records import samples_of
from nexla_mcp.runbooks.shapes.states import probe_of

RECORDS = 10
MOST_ENTRIES = 60
_PLAIN = re.compile(r"[\w./-]{1,100}")
_READING = re.compile(r"^\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(select|with|show|describe|desc)\b", re.I | re.S)
_WRITING = re.compile(r"\b(insert|update|delete|merge|drop|alter|create|truncate|call|exec|execute|grant|replace|copy)\b", re.I)
_STATEMENT = re.compile(rf"\s*{_WRITING.pattern}\s+\S", re.I)
"""A statement that writes, under whatever key."""


async def preview_data(facts: Facts, arguments: Mapping[str, Any]) -> Preview:
    """Read the resource, try its login, list and sample.

    Raises:
        ValidationError: no resource was named.
        NotFoundError, AuthorizationError, ...: the resource itself cannot be read.
    """
    kind, number = kind_of(arguments.get("resource_type")), whole(arguments.get("resource_id"))
    if kind not in ("source", "nexset", "destination", "credential") or number is None:
        raise ValidationError(
            "Say what to look at: resource_type (source, nexset, destination or credential) and resource_id.",
            operation="nexla_preview_data",
            hint="nexla_list finds ids by name.",
            sent=False,
        )
    operation, argument = ("credentials_get", "credential_id") if kind == "credential" else DETAIL[kind]
    single = await facts.fetch(operation, **{argument: number})
    if single.error is not None:
        raise single.error
    row = one_of(single.body, number)
    count = whole(arguments.get("count"), RECORDS) or RECORDS
    answer = Preview(kind, number, quote(pick(row, "name") or "", 80))
    if kind == "nexset":
        await _nexset(facts, answer, number, row, count)
    else:
        await _outside(facts, answer, row, arguments, count)
    answer.next_steps = _steps(answer)
    answer.not_checked = list(facts.not_checked)
    return answer


async def _nexset(facts: Facts, answer: Preview, number: int, row: Mapping[str, Any], count: int) -> None:
    reply = await facts.fetch("nexsets_get_samples", set_id=number, count=count, include_metadata=True)
    _stop_at(reply)
    records = [s.output for s in samples_of(reply.body)] if reply.ok else []
    schema = pick(row, "output_schema", "output_validation_schema", "source_schema")
    _fill(answer, records[:count], schema, f"samples of nexset {number}", read=reply.ok)


def _stop_at(reply: Fetched) -> None:
    if isinstance(reply.error, AuthenticationError | RateLimitError):
        raise reply.error


async def _outside(facts: Facts, answer: Preview, row: dict[str, Any], arguments: Mapping[str, Any], count: int) -> None:
    """The login first: where it is refused, nothing else is sent to the external system."""
    stage = Stage(answer.resource_type, answer.resource_id, row=row, detail=row)
    credential = answer.resource_id if answer.resource_type == "credential" else stage.credential_id
    config = as_object(pick(row, "source_config", "sink_config"))
    config = dict(config) if isinstance(config, dict) else {}
    given = {k: str(arguments[k]) for k in ("path", "database", "table") if arguments.get(k)}
    if credential is None:
        facts.skip(f"the external system: {answer.resource_type} {answer.resource_id} has no credential")
    else:
        probe = await facts.fetch("credentials_probe", credential_id=credential)
        _stop_at(probe)
        found = probe_of(probe)
        answer.login = Login(credential, found.outcome, quote(found.reason, 240))
        if found.outcome == "good":
            connector = str(pick(row, "credentials_type") or stage.connector).lower()
            await _look_inside(facts, answer, credential, connector, config, given, count)
    if answer.resource_type != "credential" and not answer.records:
        await _of_its_nexset(facts, answer, row, count)


async def _look_inside(
    facts: Facts, answer: Preview, credential: int, connector: str, config: dict[str, Any], given: dict[str, str], count: int
) -> None:
    files = any(word in connector for word in FILES)
    where = given or {k: str(config[k]) for k in ("path", "database") if isinstance(config.get(k), str)}
    tree: dict[str, Any] = {k: v for k, v in where.items() if k in (("path",) if files else ("database", "table"))}
    asks: list[tuple[str, Mapping[str, Any]]] = [("credentials_probe_tree", {"credential_id": credential, "depth": 1, **tree})]
    sample = _sample_arguments(facts, answer, files, config, given)
    if sample is not None:
        asks.append(("credentials_probe_sample", {"credential_id": credential, **sample}))
    replies = await facts.fetch_all(*asks)
    if replies[0].ok:
        answer.entries = _entries(pick(replies[0].body, "object", "output"))
        answer.listed = " ".join(f"{k} {quote(v, 80)}" for k, v in tree.items()) or "the top level"
    if len(replies) > 1 and replies[1].ok:
        output = pick(replies[1].body, "output")
        code = whole(pick(output, "statusCode", "status_code"))
        inside = as_object(pick(output, "response") if isinstance(output, dict) else output)
        if code is not None and code >= 400:
            answer.refused = quote(f"{code} {text_of(inside)}", 240)
            return
        records = [r for r in objects(inside) if r][:count]
        _fill(answer, records, None, f"a sample through credential {credential}", read=True)
        if isinstance(inside, str):
            answer.raw = quote(without_addresses(inside), 600)
            facts.skip("personal values in the text sample, apart from e-mail addresses: a text has no fields to tell them by")


def _sample_arguments(
    facts: Facts, answer: Preview, files: bool, config: dict[str, Any], given: dict[str, str]
) -> dict[str, Any] | None:
    """What to sample; None where nothing says what to read, or reading might do more than read."""
    if answer.resource_type == "destination":
        facts.skip("a sample at the destination: Nexla samples what it reads, not what it writes")
        return None
    path = given.get("path") or pick(config, "path", "prefix", "file_path")
    if files:
        return {"path": path} if isinstance(path, str) else None
    if given:
        return {"more_fields": {k: v for k, v in given.items() if k != "path"}}
    keys = {k: v for k, v in config.items() if k != "start.cron"}
    if not keys:
        return None
    if doubt := _more_than_reading(keys):
        facts.skip(f"a sample by the settings of source {answer.resource_id}: {doubt}, so it was not sent")
        return None
    return {"more_fields": keys}


def _more_than_reading(config: Mapping[str, Any]) -> str | None:
    """Why carrying out a source's settings once more could change something outside; None when it only reads."""
    for key, value in flat(config).items():
        name, text = key.lower(), str(value)
        if "method" in name and text.strip().upper() not in ("", "GET", "HEAD"):
            return f"its request is a {quote(text, 12)}, not a GET"
        if _STATEMENT.match(text):
            return "its statement may do more than SELECT"
        statement = ("query" in name or name.endswith("sql")) and " " in text.strip()
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
        if statement and (not _READING.match(text) or _WRITING.search(bare) or ";" in bare.strip().rstrip(";")):
            return "its statement may do more than SELECT"
    return None


async def _of_its_nexset(facts: Facts, answer: Preview, row: Mapping[str, Any], count: int) -> None:
    """Records that Nexla holds: what the source brought, or what is written to the destination."""
    nested = objects(row.get("data_sets") or []) or objects(row.get("data_set") or [])
    nexset = whole(pick(nested[0], "id")) if nested else whole(pick(row, "data_set_id"))
    if nexset is None:
        return
    reply = await facts.fetch("nexsets_get_samples", set_id=nexset, count=count, include_metadata=True)
    records = [s.output for s in samples_of(reply.body)] if reply.ok else []
    _fill(answer, records[:count], None, f"samples of nexset {nexset}", read=reply.ok)


def _fill(answer: Preview, records: list[Any], schema: Any, origin: str, *, read: bool) -> None:
    rows = [clean(r) for r in records if isinstance(r, dict)]  # before it is flat: what holds a value says what it is
    answer.fields = read_fields(schema, rows)
    answer.records = [_shown(r, answer.fields) for r in rows]
    answer.origin = origin if read else ""


def _shown(record: Mapping[str, Any], fields: list[Field]) -> dict[str, Any]:
    """A record without personal values and secrets, its texts shortened."""
    personal = {f.name for f in fields if f.personal}
    masked = {
        quote(k, 60): HIDDEN if quote(k, 60) in personal and v not in (None, "") else without_personal(v, k)
        for k, v in flat(record).items()
    }
    return {k: quote(v, 120) if isinstance(v, str | list | dict) else v for k, v in clean(masked).items()}


def _entries(tree: Any, prefix: str = "", depth: int = 0) -> list[Entry]:
    found: list[Entry] = []
    for name, entry in tree.items() if isinstance(tree, dict) and depth < 4 else ():
        path = f"{prefix}/{name}" if prefix else str(name)
        kind = str(pick(entry, "type") or "") if isinstance(entry, dict) else ""
        found.append(
            Entry(quote(path, 160), quote(kind, 20), whole(pick(entry, "size")), quote(pick(entry, "updated_at") or "", 30))
        )
        found += _entries(pick(entry, "value", "object") if isinstance(entry, dict) else None, path, depth + 1)
        if len(found) >= MOST_ENTRIES:
            break
    return found[:MOST_ENTRIES]


def _steps(answer: Preview) -> list[Step]:
    kind, number = answer.resource_type, answer.resource_id
    found = []
    if answer.login and answer.login.outcome != "good":
        named = {"resource_type": "credential", "resource_id": answer.login.credential_id}
        found.append(Step("nexla_map_flow", named, "Which flows the refused login carries.", "read"))
    if kind == "nexset" and not answer.records:
        live = {"operation": "nexsets_get_samples", "arguments": {"set_id": number, "count": RECORDS, "live": True}}
        found.append(Step("nexla_read", live, "Read the stream instead of the cache.", "read"))
    if kind != "credential" and (not answer.records or (answer.login and answer.login.outcome != "good")):
        named = {"resource_type": kind, "resource_id": number}
        found.append(Step("nexla_debug_flow", named, "Why nothing comes through.", "read"))
    inner = [e for e in answer.entries if e.type in ("folder", "database") and _PLAIN.fullmatch(e.path)]
    folder = next(iter(inner), None)
    if answer.login and kind in ("source", "credential") and folder is not None and not answer.records:
        key = {"folder": "path", "database": "database"}[folder.type]
        named = {"resource_type": kind, "resource_id": number, key: folder.path}
        found.append(Step("nexla_preview_data", named, f"Look into {folder.path}.", "read"))
    return found[:3]
