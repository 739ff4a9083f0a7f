"""Incidents as they happen elsewhere: other words, ids, connectors, moments, places, two at once, amid noise.

Each was written from the contract and from what such systems answer, without a look at how causes are recognised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nexla_mcp.sandbox.clock import DAY, HOUR
from nexla_mcp.sandbox.seed.spec import ANALYST, OWNER
from tests.scenarios.judgement import Expected
from tests.scenarios.worlds import (
    Plot,
    chain,
    ids,
    log_line,
    mixed_in,
    more_nexset,
    more_sink,
    new_code,
    new_config,
    notice,
    refuse_login,
    renamed_field,
    status,
    system,
    table_without,
    trigger,
    upstream,
    usual,
    validated,
)


@dataclass(frozen=True)
class Variant:
    """A world, the question, and what a right answer says."""

    name: str
    build: Callable[[Plot], object]
    ask: dict[str, Any]
    expect: Expected
    days: int = 5
    faults: tuple[dict[str, Any], ...] = field(default=())
    """Disturbances of the API itself while the question is answered."""


A, B, C = ids(81_200), ids(82_400), ids(83_600)
_FLOW = {"flow_id": A.flow}
_SHARED = 777_001
VARIANTS: list[Variant] = []


def _variant(name: str, expect: Expected, ask: dict[str, Any] = _FLOW, **more: Any) -> Callable[[Callable[[Plot], object]], None]:
    def add(build: Callable[[Plot], object]) -> None:
        VARIANTS.append(Variant(name, build, ask, expect, **more))

    return add


# --- logins and rights ---


@_variant(
    "database password changed; three flows share the login",
    Expected(
        ("failing",),
        ("credential_invalid",),
        (("credential", _SHARED),),
        ("credentials_probe",),
        reach=frozenset({A.source, B.source, C.sink}),
        spares=frozenset({A.sink, B.sink, C.source}),
    ),
)
def _password(p: Plot) -> None:
    tables = {"tables": {s: c for n in ("customers", "payments", "refunds") for s, c in table_without(n).items()}}
    p.flow(ids(A.flow, source_credential=_SHARED), "crm-to-lake", "customers", "postgres", "s3", systems={_SHARED: tables})
    p.flow(ids(B.flow, source_credential=_SHARED), "payments-to-sheet", "payments", "postgres", "gdrive", cron=p.hourly(7))
    p.flow(ids(C.flow, sink_credential=_SHARED), "refunds-to-crm", "refunds", "mysql", "postgres", cron=p.hourly(3))
    p.before_run(3, refuse_login(_SHARED, 'FATAL: password authentication failed for user "loader"'))


@_variant(
    "login refused at the destination only",
    Expected(("failing",), ("credential_invalid",), (("credential", A.sink_credential),), ("credentials_probe",)),
)
def _sink_login(p: Plot) -> None:
    p.flow(A, "events-to-snowflake", "clicks", "kafka", "snowflake", cron="", records=30_000)
    p.world.store.change("upstreams", A.source, arrivals=p.hourly())
    p.before_run(2, refuse_login(A.sink_credential, "390100 (08001): Incorrect username or password was specified."))


@_variant(
    "a person's consent was withdrawn at the drive",
    Expected(("failing",), ("credential_invalid",), (("credential", A.source_credential),), ("credentials_probe",)),
)
def _consent(p: Plot) -> None:
    p.flow(A, "store-contacts", "contacts", "gdrive", "bigquery", records=180)
    p.before_run(9, refuse_login(A.source_credential, "invalid_grant: Token has been expired or revoked."))


@_variant(
    "asked about the credential, not the flow",
    Expected(
        ("failing",),
        ("credential_invalid",),
        (("credential", _SHARED),),
        ("credentials_probe",),
        reach=frozenset({A.source, B.source}),
        dated=False,
    ),
    {"resource_type": "credential", "resource_id": _SHARED},
)
def _by_credential(p: Plot) -> None:
    p.flow(ids(A.flow, source_credential=_SHARED), "partner-prices", "prices", "ftp", "redshift", records=600)
    p.flow(ids(B.flow, source_credential=_SHARED), "partner-traffic", "traffic", "ftp", "bigquery", cron=p.hourly(5))
    p.before_run(5, refuse_login(_SHARED, "530 Login incorrect."))


@_variant(
    "warehouse role lost its right to insert",
    Expected(
        ("failing",),
        ("permission_denied_at_target",),
        (("destination", A.sink), ("credential", A.sink_credential)),
        ("credentials_probe",),
        never=("expired",),
    ),
)
def _bigquery_denied(p: Plot) -> None:
    text = "Access Denied: Table shop-prod:analytics.{name}: Permission bigquery.tables.updateData denied on table (403)"
    p.flow(A, "orders-to-bigquery", "orders", "s3", "bigquery", systems={A.sink_credential: {"texts": {"denied": text}}})
    p.before_run(2, system(A.sink_credential, write_denied=["orders"]))


@_variant(
    "bucket policy forbids the write",
    Expected(("failing",), ("permission_denied_at_target",), (("destination", A.sink), ("credential", A.sink_credential))),
)
def _bucket_denied(p: Plot) -> None:
    text = (
        "AccessDenied: User: arn:aws:iam::000000000000:user/nexla is not authorized to perform: s3:PutObject on resource: "
        "arn:aws:s3:::lake/{name} because no identity-based policy allows the action"
    )
    p.flow(A, "products-to-lake", "products", "rest", "s3", systems={A.sink_credential: {"texts": {"denied": text}}})
    p.before_run(4, system(A.sink_credential, write_denied=["outbound/products"]))


# --- the source ---


@_variant(
    "the producer's API throttles",
    Expected(("failing", "degraded"), ("upstream_throttled",), (("source", A.source),)),
)
def _throttled(p: Plot) -> None:
    p.flow(A, "tickets-to-postgres", "refunds", "rest", "postgres")
    text = "HTTP 429 Too Many Requests: API rate limit exceeded for key, retry after 60 seconds"
    p.before_run(3, system(A.source_credential, throttled=text))


@_variant(
    "the folder was renamed on the FTP server",
    Expected(("failing", "stopped"), ("path_not_found",), (("source", A.source),)),
)
def _ftp_path(p: Plot) -> None:
    texts = {"path": "550 Failed to change directory: {name}: No such file or directory"}
    p.flow(A, "prices-to-redshift", "prices", "ftp", "redshift", systems={A.source_credential: {"texts": texts}})
    p.before_run(6, system(A.source_credential, paths=["incoming"]))


@_variant(
    "a column was renamed in MySQL, the query was not",
    Expected(("failing",), ("query_error",), (("source", A.source),), never=("credential_invalid",)),
)
def _mysql_column(p: Plot) -> None:
    texts = {"column": "Unknown column '{name}' in 'field list'"}
    p.flow(A, "profiles-to-s3", "customers", "mysql", "s3", systems={A.source_credential: {"texts": texts}})
    p.before_run(2, system(A.source_credential, tables=table_without("customers", "segment")))


@_variant(
    "nobody posts to an API source any more, and no files to count",
    Expected(("degraded", "healthy"), ("no_new_data",), (("source", A.source),)),
)
def _no_records(p: Plot) -> None:
    p.flow(A, "survey-to-mysql", "signups", "rest", "mysql", records=900)
    p.before_run(4, upstream(A.source, no_data=True))


@_variant(
    "a damaged parquet file among good ones",
    Expected(("degraded",), ("bad_input_file",), (("source", A.source),), ("sources_get_file_metrics",), says=("part-10",)),
)
def _parquet(p: Plot) -> None:
    p.flow(A, "sales-to-snowflake", "sales", "gcs", "snowflake", records=12_000)
    p.before_run(1, upstream(A.source, bad_file="Invalid Parquet file: magic number [80, 65, 82, 49] not found at tail"))


@_variant(
    "a third of the usual volume for three runs, on a noisy flow",
    Expected(("degraded",), ("volume_drop",), (("source", A.source),), ("metrics_get_resource_metrics_by_run",)),
)
def _noisy_drop(p: Plot) -> None:
    p.flow(A, "visits-to-bigquery", "traffic", "ftp", "bigquery", records=6_400, jitter=0.18)
    p.before_run(3, upstream(A.source, volume=0.3))


@_variant(
    "exactly one page of a hundred from an API since this morning",
    Expected(("degraded",), ("silent_truncation", "volume_drop"), (("source", A.source),), says=("100",)),
)
def _one_page(p: Plot) -> None:
    p.flow(A, "deals-to-redshift", "payments", "rest", "redshift", records=2_340, jitter=0.09)
    p.before_run(6, upstream(A.source, records=100, jitter=0.0))


# --- schedule and state ---


@_variant(
    "hourly became monthly by an edit",
    Expected(("stopped", "degraded"), ("schedule_misconfigured",), (("source", A.source),), ("sources_get",), dated=False),
)
def _monthly(p: Plot) -> None:
    p.flow(A, "stock-to-snowflake", "inventory", "mysql", "snowflake")
    p.before_run(7, new_config("data_sources", A.source, "source_config", **{"start.cron": "0 0 3 1 * ? *"}))


@_variant(
    "a one-time schedule has run",
    Expected(("stopped", "healthy", "degraded"), ("schedule_ended",), (("source", A.source),), dated=False),
)
def _once(p: Plot) -> None:
    from datetime import UTC, datetime

    at = datetime.fromtimestamp((p.now - 2 * DAY) / 1000, UTC)
    cron = f"0 {at.minute} {at.hour} {at.day} {at.month} ? {at.year}"
    p.flow(A, "history-load", "orders", "postgres", "s3", cron=cron, records=250_000, created=2 * DAY + 2 * HOUR)


@_variant(
    "only the destination is paused, for three days",
    Expected(
        ("degraded", "stopped"),
        ("paused",),
        (("destination", A.sink),),
        ("destinations_get_audit_log",),
        spares=frozenset({A.source, A.detected}),
        says=("tomas.weber",),
        dated=False,
    ),
)
def _paused_sink(p: Plot) -> None:
    p.flow(A, "loyalty-to-mysql", "points", "postgres", "mysql")
    p.at(3 * DAY, status("data_sinks", A.sink, "PAUSED"))


@_variant(
    "source paused, asked from its destination, amid noise",
    Expected(
        ("stopped",),
        ("paused",),
        (("source", A.source),),
        ("sources_get_audit_log",),
        says=("sam.okafor",),
        undated=True,
    ),
    {"resource_type": "destination", "resource_id": A.sink},
)
def _paused_amid_noise(p: Plot) -> None:
    p.flow(A, "shipments-to-postgres", "shipments", "s3", "postgres", records=2_000)
    for k in range(30, 60, 3):
        p.afterwards.append(log_line(A.flow, "data_sinks", A.sink, p.run(k), "WARNING", "slow write: 4.2 s, retried once"))
    p.at(2 * DAY, notice("WARN", "MONITOR", "SOURCE", A.source, "Delay alert: read started 4 minutes late"))
    p.at(9 * HOUR, status("data_sources", A.source, "PAUSED", who=104, below=True))


@_variant(
    "trial of the organisation has expired",
    Expected(("stopped", "failing"), ("org_suspended",), (("org", 42),), ("organizations_get",), dated=False),
)
def _trial(p: Plot) -> None:
    p.flow(A, "orders-to-kafka", "orders", "rest", "kafka")

    def expire(world: Any) -> None:
        world.store.change("orgs", world.org_id, status="TRIAL_EXPIRED")
        for source in world.store.all("data_sources"):
            world.store.change("data_sources", source["id"], status="PAUSED", updated_at=world.stamp())

    p.before_run(5, expire)


@_variant(
    "the schedule vanished when somebody changed the path",
    Expected(
        ("stopped", "degraded"),
        ("config_lost",),
        (("source", A.source),),
        ("sources_get_audit_log",),
        says=("start.cron", "query"),
        dated=False,
    ),
)
def _lost_two(p: Plot) -> None:
    p.flow(A, "members-to-lake", "points", "postgres", "s3")
    p.before_run(3, new_config("data_sources", A.source, "source_config", drop=("start.cron", "query"), table="points"))


@_variant(
    "webhook senders get 403 after a key rotation",
    Expected(("stopped", "degraded", "healthy"), ("webhook_key_invalid",), (("source", A.source),), dated=False),
    {"flow_id": A.flow, "symptom": "our shop's webhook posts get 403 Forbidden since yesterday"},
)
def _webhook_key(p: Plot) -> None:
    p.flow(ids(A.flow, source_credential=0), "carts-to-mysql", "signups", "nexla_rest", "mysql")
    p.world.store.change("upstreams", A.source, arrivals=p.hourly())

    def rotate(world: Any) -> None:
        world.store.change("upstreams", A.source, arrivals=None)
        for key in world.store.find("api_keys", data_source_id=A.source):
            changed = {"api_key": "f" * 32, "last_rotated_key": key["api_key"], "last_rotated_at": world.stamp()}
            world.store.change("api_keys", key["id"], **changed)

    p.before_run(20, rotate)


# --- nexsets ---


@_variant(
    "a field is missing in some records, in the third nexset of a chain",
    Expected(
        ("degraded",),
        ("record_errors",),
        (("nexset", 990_103), ("transform", 990_203)),
        ("quarantine_get_samples",),
        says=("carrier",),
        spares=frozenset({A.detected, A.derived}),
    ),
)
def _third_nexset(p: Plot) -> None:
    spec = p.flow(A, "parcels-to-lake", "shipments", "s3", "s3", records=3_300)
    script = (
        'def transform(record, *args):\n    out = dict(record)\n    out["carrier"] = record["carrier"].lower()\n    return out\n'
    )
    more_nexset(p.world, 990_103, A.derived, "parcels by carrier", 990_203, script)
    more_sink(p.world, spec, 990_303, 990_103, "parcels-to-snowflake", "snowflake", 990_403)
    p.before_run(4, mixed_in(A.source, 0.06, drop="carrier"))


@_variant(
    "an edit made the transform raise for every record",
    Expected(
        ("failing",),
        ("transform_error",),
        (("transform", A.transform), ("nexset", A.derived)),
        ("quarantine_get_samples",),
    ),
)
def _raises(p: Plot) -> None:
    p.flow(A, "payments-to-postgres", "payments", "rest", "postgres")
    script = 'def transform(record, *args):\n    out = dict(record)\n    out["net"] = record["amount_net"] * 2\n    return out\n'
    p.before_run(2, new_code(A.transform, script))


@_variant(
    "upstream renamed a field that the transform needs",
    Expected(
        ("failing",),
        ("transform_error", "schema_drift"),
        (("transform", A.transform), ("nexset", A.derived), ("nexset", A.detected), ("source", A.source)),
        says=("last_name",),
    ),
)
def _renamed(p: Plot) -> None:
    p.flow(A, "loyalty-to-snowflake", "points", "mysql", "snowflake")
    p.before_run(3, renamed_field(A.source, "last_name", "surname"))


@_variant(
    "a transform that silently does nothing for two days",
    Expected(
        ("failing", "degraded"),
        ("transform_not_applied",),
        (("transform", A.transform), ("nexset", A.derived)),
        ("nexsets_get_samples", "flows_get_flow_logs"),
    ),
)
def _silent_for_days(p: Plot) -> None:
    from nexla_mcp.sandbox.engine.samples import refresh_samples

    p.flow(A, "members-to-bigquery", "points", "postgres", "bigquery")
    broken = 'def transform(row, meta):\n    row["last_name"] = row["last_name"].title()\n    return row\n'
    p.before_run(49, chain(new_code(A.transform, broken), lambda w: refresh_samples(w, A.derived)))


@_variant(
    "a validation rule demands a field that many records lack",
    Expected(
        ("degraded",),
        ("validation_rejects",),
        (("nexset", A.derived),),
        ("quarantine_get_samples",),
        says=("phone",),
    ),
)
def _required(p: Plot) -> None:
    p.flow(A, "contacts-to-kafka", "contacts", "gcs", "kafka")
    p.at(2 * DAY, mixed_in(A.source, 0.3, phone=None))
    p.before_run(8, validated(A.derived, {"type": "object", "required": ["store_id", "phone"]}))


@_variant(
    "record errors amid old, repaired trouble elsewhere",
    Expected(
        ("degraded",),
        ("record_errors",),
        (("nexset", A.derived), ("transform", A.transform)),
        ("quarantine_get_samples",),
        says=("last_name",),
    ),
)
def _amid_old_trouble(p: Plot) -> None:
    p.flow(A, "orders-to-sqlserver", "orders", "s3", "sqlserver", records=10_000, jitter=0.1)
    p.at(4 * DAY, system(A.sink_credential, write_denied=["orders"]))
    p.at(4 * DAY - 3 * HOUR, system(A.sink_credential, write_denied=[]))
    p.at(50 * HOUR, upstream(A.source, volume=0.2))
    p.at(48 * HOUR, usual(A.source))
    p.before_run(5, mixed_in(A.source, 0.08, last_name=None))
    for k in range(60, 90):
        p.afterwards.append(notice("INFO", "READ_DONE", "SOURCE", A.source, f"Read done: cycle {p.run(k)}"))


# --- destinations ---


@_variant(
    "the table was dropped after it had worked for days",
    Expected(("failing",), ("target_missing",), (("destination", A.sink),), ("flows_get_flow_logs",)),
)
def _dropped(p: Plot) -> None:
    texts = {"table": "Table 'analytics.{name}' doesn't exist (errno 1146)"}
    p.flow(A, "refunds-to-mysql", "refunds", "postgres", "mysql", systems={A.sink_credential: {"texts": texts}})
    p.before_run(3, system(A.sink_credential, tables={"other": {}}))


@_variant(
    "snowflake says does not exist or not authorized",
    Expected(
        ("failing",),
        ("target_missing", "permission_denied_at_target"),
        (("destination", A.sink),),
        ("flows_get_flow_logs",),
    ),
)
def _snowflake_missing(p: Plot) -> None:
    texts = {"table": "SQL compilation error: Object 'ANALYTICS.PUBLIC.{name}' does not exist or not authorized."}
    p.flow(A, "stock-to-snowflake", "inventory", "mysql", "snowflake", systems={A.sink_credential: {"texts": texts}})
    p.before_run(2, system(A.sink_credential, tables={"other": {}}))


@_variant(
    "one of two destinations refuses the payload",
    Expected(
        ("failing", "degraded"),
        ("destination_rejects_payload",),
        (("destination", 880_301),),
        ("quarantine_get_samples",),
        spares=frozenset({A.sink, A.source, A.detected, A.derived}),
    ),
)
def _second_sink(p: Plot) -> None:
    spec = p.flow(A, "orders-to-warehouse", "orders", "s3", "redshift")
    more_sink(p.world, spec, 880_301, A.derived, "orders-to-billing", "rest", 880_401)
    text = 'HTTP 400 Bad Request: {"code":"E1021","errors":[{"path":"/{name}","reason":"must not be null"}]}'
    system(880_401, texts={"field": text})(p.world)
    p.before_run(2, system(880_401, required_fields=["tax_id"]))


@_variant(
    "decimal commas reach a number column",
    Expected(
        ("degraded",),
        ("type_mismatch_at_destination",),
        (("destination", A.sink),),
        ("quarantine_get_samples",),
        also=("schema_drift",),
        says=("price", "12,40"),
    ),
)
def _comma(p: Plot) -> None:
    texts = {"cast": "Numeric value '{value}' is not recognized (column {name})"}
    p.flow(A, "prices-to-snowflake", "prices", "ftp", "snowflake", systems={A.sink_credential: {"texts": texts}})
    p.before_run(3, mixed_in(A.source, 0.11, price="12,40"))


# --- two at once, and from other flows ---


@_variant(
    "the write was refused first, then somebody paused the source",
    Expected(
        ("failing", "stopped"),
        ("permission_denied_at_target",),
        (("destination", A.sink), ("credential", A.sink_credential)),
        also=("paused",),
    ),
)
def _denied_then_paused(p: Plot) -> None:
    p.flow(A, "payments-to-redshift", "payments", "mysql", "redshift")
    p.before_run(6, system(A.sink_credential, write_denied=["payments"]))
    p.at(2 * HOUR, status("data_sources", A.source, "PAUSED", below=True))


@_variant(
    "two independent faults: nulls in a transform, and text in a number column",
    Expected(
        ("degraded",),
        ("record_errors", "type_mismatch_at_destination"),
        (("nexset", A.derived), ("transform", A.transform), ("destination", A.sink)),
        ("quarantine_get_samples",),
        dated=False,
    ),
)
def _two_faults(p: Plot) -> None:
    p.flow(A, "orders-to-redshift", "orders", "s3", "redshift", records=8_000)
    p.before_run(9, mixed_in(A.source, 0.04, last_name=None))
    p.before_run(4, mixed_in(A.source, 0.1, amount="n/a"))


@_variant(
    "third flow of a trigger chain waits for the first",
    Expected(
        ("stopped", "degraded"),
        ("upstream_flow_failing",),
        (("flow", A.flow), ("flow", B.flow)),
        ("flow_triggers_list",),
        dated=False,
    ),
    {"flow_id": C.flow},
)
def _third_in_chain(p: Plot) -> None:
    p.flow(A, "orders-to-staging", "orders", "s3", "postgres")
    p.flow(B, "staging-to-mart", "orders", "postgres", "snowflake", cron="")
    p.flow(C, "mart-to-report", "orders", "snowflake", "gdrive", cron="")
    trigger(p.world, 501, A, B)
    trigger(p.world, 502, B, C)
    p.before_run(3, system(A.sink_credential, write_denied=["orders"]))


@_variant(
    "login refused while logs and audit are closed to the caller",
    Expected(("failing",), ("credential_invalid",), (("credential", A.source_credential),), ("credentials_probe",)),
    faults=(
        {"match": "GET /flows/.*/logs", "kind": "error", "status": 403},
        {"match": "GET /data_.*/audit_log", "kind": "error", "status": 403},
        {"match": "GET /data_.*/flow/logs", "kind": "error", "status": 403},
    ),
)
def _closed(p: Plot) -> None:
    p.flow(A, "customers-to-s3", "customers", "sqlserver", "s3")
    p.before_run(2, refuse_login(A.source_credential, "Login failed for user 'nexla_reader'. (18456)"))


@_variant(
    "an operator may not activate: the caller is a mere collaborator",
    Expected(("healthy", "stopped"), ("access_denied_to_caller",), (("caller", None), ("source", A.source)), undated=True),
    {"flow_id": A.flow, "symptom": f"activating source {A.source} is refused with 403"},
)
def _collaborator(p: Plot) -> None:
    from nexla_mcp.sandbox.config import SERVICE_KEY
    from nexla_mcp.sandbox.seed.builder import grant

    p.flow(A, "stock-to-postgres", "inventory", "mysql", "postgres")
    grant(p.world, A.flow, "USER", ANALYST)
    for key in p.world.store.find("service_keys", api_key=SERVICE_KEY):
        p.world.store.change("service_keys", key["id"], owner_id=ANALYST)
    p.at(5 * HOUR, status("data_sources", A.source, "PAUSED", who=OWNER, below=True))
