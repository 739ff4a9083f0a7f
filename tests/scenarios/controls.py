"""Flows that are well, or that somebody merely stopped: whatever is called a failure here is a false alarm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from nexla_mcp.sandbox.clock import DAY, HOUR, MINUTE
from nexla_mcp.sandbox.seed.spec import ENGINEER, OWNER
from tests.scenarios.judgement import Expected
from tests.scenarios.variants import Variant
from tests.scenarios.worlds import (
    Plot,
    chain,
    ids,
    log_line,
    mixed_in,
    more_sink,
    new_config,
    notice,
    refuse_login,
    status,
    system,
    unfinished,
    upstream,
    usual,
)

A, B = ids(64_100), ids(65_900)
_FLOW = {"flow_id": A.flow}
WELL = Expected(("healthy",), cites=("metrics_get_resource_metrics_by_run",), undated=True)
CONTROLS: list[Variant] = []


def _control(
    name: str, expect: Expected = WELL, ask: dict[str, Any] = _FLOW, **more: Any
) -> Callable[[Callable[[Plot], object]], None]:
    def add(build: Callable[[Plot], object]) -> None:
        CONTROLS.append(Variant(name, build, ask, expect, **more))

    return add


@_control("a handful of records an hour, now more, now fewer")
def _low_volume(p: Plot) -> None:
    p.flow(A, "complaints-to-postgres", "refunds", "rest", "postgres", records=4, jitter=0.7)


@_control("once a week, last time five days ago", days=45)
def _weekly(p: Plot) -> None:
    day = datetime.fromtimestamp((p.now - 5 * DAY) / 1000, UTC)
    cron = f"0 {day.minute} {day.hour} ? * {day.strftime('%a').upper()}"
    p.flow(A, "weekly-report", "sales", "snowflake", "gdrive", cron=cron, records=140)


@_control(
    "paused by a person for a migration",
    Expected(("stopped",), ("paused",), (("source", A.source),), ("sources_get_audit_log",), says=("tomas.weber",), undated=True),
)
def _paused(p: Plot) -> None:
    p.flow(A, "orders-to-mysql", "orders", "s3", "mysql")
    p.at(26 * HOUR, status("data_sources", A.source, "PAUSED", below=True))


@_control(
    "rejected records half a day ago, ten good runs since",
    Expected(("healthy",), (None, "record_errors"), dated=False),
)
def _recovered(p: Plot) -> None:
    p.flow(A, "loyalty-to-postgres", "points", "mysql", "postgres")
    p.at(14 * HOUR, mixed_in(A.source, 0.2, last_name=None))
    p.at(12 * HOUR, usual(A.source))


@_control("created three hours ago, three good runs")
def _brand_new(p: Plot) -> None:
    p.flow(A, "new-shop-orders", "orders", "s3", "snowflake", records=700, created=3 * HOUR + 10 * MINUTE)


@_control("the weekend brings a quarter of the usual", days=30)
def _weekend(p: Plot) -> None:
    at = datetime.fromtimestamp((p.now - 3 * HOUR) / 1000, UTC)
    p.flow(A, "office-orders", "orders", "rest", "redshift", cron=f"0 {at.minute} {at.hour} * * ?", records=9_000, jitter=0.05)
    for week in range(5):
        p.at(week * 7 * DAY + DAY + 12 * HOUR, upstream(A.source, volume=0.25))
        if week:
            p.at(week * 7 * DAY - 12 * HOUR, upstream(A.source, volume=1.0))


@_control("an hourly flow whose nights bring a tenth")
def _nights(p: Plot) -> None:
    p.flow(A, "till-receipts", "sales", "rest", "snowflake", records=5_000, jitter=0.08)
    for day in range(6):
        p.at(day * DAY + 6 * HOUR, upstream(A.source, volume=0.1))
        if day:
            p.at(day * DAY - 6 * HOUR, upstream(A.source, volume=1.0))


@_control("an hourly flow whose weekends bring a quarter", days=24)
def _hourly_weekend(p: Plot) -> None:
    p.flow(A, "office-tickets", "refunds", "rest", "postgres", records=2_000, jitter=0.08)
    for week in range(4):
        p.at(week * 7 * DAY + DAY, upstream(A.source, volume=0.25))
        if week:
            p.at(week * 7 * DAY - DAY, upstream(A.source, volume=1.0))


@_control("volume swings by two thirds in both directions")
def _swings(p: Plot) -> None:
    p.flow(A, "clicks-to-lake", "clicks", "kafka", "s3", cron="", records=20_000, jitter=0.65)
    p.world.store.change("upstreams", A.source, arrivals=p.hourly())


@_control(
    "a few records in a thousand were always rejected",
    Expected(("healthy",), (None, "record_errors"), dated=False),
)
def _usual_rejects(p: Plot) -> None:
    p.flow(A, "contacts-to-bigquery", "points", "gdrive", "bigquery", records=5_000)
    mixed_in(A.source, 0.004, last_name=None)(p.world)


@_control("warnings in logs and notifications, no error")
def _warnings(p: Plot) -> None:
    p.flow(A, "prices-to-postgres", "prices", "ftp", "postgres")
    for k in range(1, 40):
        text = "Slow response from the server (2.1 s); retried, then succeeded"
        p.afterwards.append(log_line(A.flow, "data_sources", A.source, p.run(k), "WARNING", text))
    for k in (1, 7, 13):
        p.at(k * HOUR, notice("WARN", "MONITOR", "SOURCE", A.source, f"Delay alert {k}: read took 40 s longer than usual"))


@_control("paused over night, activated again, three runs since")
def _back_again(p: Plot) -> None:
    p.flow(A, "customers-to-snowflake", "customers", "postgres", "snowflake")
    p.at(12 * HOUR, status("data_sources", A.source, "PAUSED", below=True))
    p.at(3 * HOUR + 5 * MINUTE, status("data_sources", A.source, "ACTIVE", below=True))


@_control(
    "a side branch that was put on hold on the day it was made",
    Expected(
        ("healthy", "degraded", "stopped"), (None, "paused"), (("destination", 641_301),), dated=False, spares=frozenset({A.sink})
    ),
)
def _side_branch(p: Plot) -> None:
    spec = p.flow(A, "orders-to-redshift", "orders", "s3", "redshift")
    more_sink(p.world, spec, 641_301, A.derived, "orders-to-trial", "kafka", 641_401)
    p.at(4 * DAY, status("data_sinks", 641_301, "PAUSED"))


@_control("runs in business hours only, and it is night", days=9)
def _business_hours(p: Plot) -> None:
    p.flow(A, "till-to-mysql", "sales", "rest", "mysql", cron=p.at_hours(*range(11, 19)))


@_control("a webhook whose senders sleep", days=9)
def _quiet_senders(p: Plot) -> None:
    p.flow(ids(A.flow, source_credential=0), "newsletter-to-mysql", "signups", "nexla_rest", "mysql", records=60, jitter=0.3)
    p.world.store.change("upstreams", A.source, arrivals=p.at_hours(6, 8, 9, 13, 15, 16))


@_control("the stored check of the login is old and bad, the login is good")
def _stale_check(p: Plot) -> None:
    p.flow(A, "stock-to-lake", "inventory", "sqlserver", "s3")
    row = {"verified_status": "401 Unauthorized", "verified_at": None}
    p.afterwards.append(lambda world: world.store.change("data_credentials", A.source_credential, **row))


@_control("names and descriptions full of error words")
def _error_words(p: Plot) -> None:
    text = "Loads ERROR codes. Note: permission denied for table x; credential expired; FAILED runs are re-run by hand."
    p.flow(A, "failed-payments-ERROR-log-to-postgres", "payments", "rest", "postgres", description=text)


@_control("half as much again as usual, once")
def _busy_day(p: Plot) -> None:
    p.flow(A, "orders-to-kafka", "orders", "s3", "kafka", records=5_000, jitter=0.1)
    p.at(50 * MINUTE, upstream(A.source, volume=1.55))


@_control("the transform drops nine records in ten, as it always did")
def _filter(p: Plot) -> None:
    script = 'def transform(record, *args):\n    if record["country"] != "PT":\n        return None\n    return dict(record)\n'
    p.flow(A, "portugal-orders", "orders", "s3", "postgres", script=script)


@_control(
    "polled every hour, something to read once a day",
    Expected(("healthy",), (None, "no_new_data"), undated=True),
    days=6,
)
def _mostly_empty(p: Plot) -> None:
    p.flow(A, "daily-file-polled-hourly", "rates", "s3", "postgres", records=40)
    upstream(A.source, no_data=True)(p.world)
    for day in range(7):
        delivered = day * DAY + 10 * HOUR + 50 * MINUTE
        p.at(delivered, upstream(A.source, no_data=False))
        p.at(delivered - HOUR, upstream(A.source, no_data=True))


@_control("hourly until two days ago, on purpose every six hours since")
def _slower_on_purpose(p: Plot) -> None:
    p.flow(A, "catalogue-to-s3", "products", "rest", "s3")
    cron = p.at_hours(4, 10, 16, 22)
    p.at(2 * DAY, new_config("data_sources", A.source, "source_config", who=OWNER, **{"start.cron": cron}))


@_control("well, while its neighbour with the same source login fails at its destination")
def _neighbour(p: Plot) -> None:
    shared = A.source_credential
    p.flow(A, "orders-to-lake", "orders", "mysql", "s3")
    p.flow(ids(B.flow, source_credential=shared), "orders-to-crm", "orders", "mysql", "postgres", cron=p.hourly(4))
    p.at(5 * HOUR, system(B.sink_credential, write_denied=["orders"]))


@_control("the login was rotated in time yesterday")
def _rotated(p: Plot) -> None:
    p.flow(A, "visits-to-redshift", "traffic", "ftp", "redshift")

    def rotate(world: Any) -> None:
        before = world.store.require("data_credentials", A.source_credential)["credentials"]
        refuse_login(A.source_credential, "530 Login incorrect.")(world)
        changes = {"credentials": {**before, "password": "another-one"}}
        world.modify("data_credentials", A.source_credential, changes, ENGINEER)

    p.at(23 * HOUR, rotate)


@_control("the newest run has begun and not yet reached the destination")
def _still_running(p: Plot) -> None:
    p.flow(A, "orders-to-bigquery", "orders", "s3", "bigquery")

    def begin(world: Any) -> None:
        from nexla_mcp.sandbox.engine.cycle import run_now

        run_id = run_now(world, A.source)
        chain(unfinished(run_id, "data_sets", A.derived), unfinished(run_id, "data_sinks", A.sink))(world)

    p.afterwards.append(begin)
