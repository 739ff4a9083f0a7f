"""Incidents written by hand into :class:`WrittenApi`: other words and counts than the sandbox's, and more causes.

``SCENARIOS[name] = (write, cause, resource ids, number of the first bad run or None)``
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from tests.runbooks.written_api import STAGES, WrittenApi

Write = Callable[[WrittenApi], None]
SCENARIOS: dict[str, tuple[Write, str | None, tuple[int, ...], int | None]] = {}


def scenario(cause: str | None, *ids: int, first: int | None = 6) -> Callable[[Write], Write]:
    def register(write: Write) -> Write:
        SCENARIOS[write.__name__] = (write, cause, ids, first)
        return write

    return register


def lose(api: WrittenApi, stage: str, errors: int = 10_000) -> None:
    """Nothing gets through a stage in run 6."""
    api.set_run(stage, 6, 0, errors)
    for below in STAGES[STAGES.index(stage) + 1 :]:
        api.last_run(5, below)


@scenario(None, first=None)
def healthy(api: WrittenApi) -> None: ...


@scenario(None, first=None)
def healthy_with_a_varying_volume(api: WrittenApi) -> None:
    dice = random.Random(4)
    for number in range(1, 7):
        records = dice.randint(3000, 14000)
        for stage in STAGES:
            api.set_run(stage, number, records)


@scenario(None, first=None)
def healthy_with_a_filter(api: WrittenApi) -> None:
    for number in range(1, 7):
        api.set_run("derived", number, 3000 + 100 * number)
        api.set_run("destination", number, 3000 + 100 * number)
    api.samples = {"detected": [{"a": "x"}], "derived": [{"a": "x"}]}


@scenario(None, first=None)
def healthy_after_a_retried_error(api: WrittenApi) -> None:
    api.logs = [api.log(3, "ERROR", "source", "connection reset by peer, retrying")]


@scenario("credential_invalid", 5001)
def source_key_withdrawn_without_a_row(api: WrittenApi) -> None:
    api.last_run(5)
    api.probe[5001] = (403, {"status": 403, "message": "The key has been withdrawn at the provider"})
    api.logs = [api.log(6, "ERROR", "source", "listing in/orders failed: the key has been withdrawn")]


@scenario("credential_invalid", 5002)
def destination_login_refused(api: WrittenApi) -> None:
    lose(api, "destination")
    api.logs = [api.log(6, "ERROR", "destination", "FATAL: password authentication failed for user etl")]
    api.probe[5002] = (403, {"status": 403, "message": "password authentication failed"})


@scenario("credential_invalid", 5001)
def paused_after_the_credential_failed(api: WrittenApi) -> None:
    lose(api, "source", 1)
    api.logs = [api.log(6, "ERROR", "source", "403 key expired")]
    api.probe[5001] = (403, {"status": 403, "message": "expired key"})
    api.status["source"] = "PAUSED"
    api.audit["source"] = [api.change(6.5, status=["ACTIVE", "PAUSED"])]


@scenario("paused", 5023, first=None)
def credential_expired_during_a_pause(api: WrittenApi) -> None:
    api.last_run(5)
    api.probe[5001] = (403, {"status": 403, "message": "expired key"})
    api.status["source"] = "PAUSED"
    api.audit["source"] = [api.change(5.5, status=["ACTIVE", "PAUSED"])]


@scenario("paused", 5102)
def paused_nexset_without_a_flat_status(api: WrittenApi) -> None:
    api.last_run(5, "derived", "destination")
    api.status["derived"] = None
    api.detail["derived"]["status"] = "PAUSED"


@scenario("permission_denied_at_target", 5029)
def write_right_withdrawn(api: WrittenApi) -> None:
    lose(api, "destination")
    api.logs = [
        api.log(6, "ERROR", "destination", "SQL access control error: Insufficient privileges to operate on table ORDERS")
    ]


@scenario("permission_denied_at_target", 5023)
def read_right_withdrawn(api: WrittenApi) -> None:
    lose(api, "source", 1)
    api.logs = [api.log(6, "ERROR", "source", "AccessDenied: Access Denied on ListBucket (Status Code: 403)")]


@scenario("no_new_data", 5023)
def nothing_upstream_by_notification(api: WrittenApi) -> None:
    api.last_run(5)
    api.notices = [api.notice(6, "WARN", "source", "No data was found during ingestion", event_type="EMPTY_DATA")]


@scenario("no_new_data", 5023)
def nothing_upstream_by_log(api: WrittenApi) -> None:
    api.last_run(5)
    api.logs = [api.log(6, "INFO", "source", "Scan finished, nothing new to ingest")]
    api.file_counts = [{"ingestionStatus": "COMPLETE", "count": 50}]


@scenario("schedule_misconfigured", 5023)
def changed_to_weekly(api: WrittenApi) -> None:
    api.last_run(5)
    before = dict(api.detail["source"]["source_config"])
    after = api.detail["source"]["source_config"] = {**before, "start.cron": "0 30 6 ? * SUN *"}
    entry = api.change(5.3)
    entry["object_changes"] = json.dumps({"source_config": [before, after]})
    api.audit["source"] = [entry]


@scenario("schedule_misconfigured", 5023)
def fires_in_years(api: WrittenApi) -> None:
    api.last_run(5)
    api.detail["source"]["source_config"]["start.cron"] = "0 0 3 1 1 ? 2031"


@scenario("config_lost", 5023)
def partial_update(api: WrittenApi) -> None:
    api.last_run(5)
    before = api.detail["source"]["source_config"]
    api.detail["source"]["source_config"] = {"path": "in/orders"}
    api.audit["source"] = [api.change(5.3, source_config=[before, {"path": "in/orders"}])]


@scenario("account_limited", 42)
def capped(api: WrittenApi) -> None:
    api.last_run(5)
    api.status["source"] = "RATE_LIMITED"
    api.org["status"] = "SOURCE_DATA_CAPPED"


@scenario("org_suspended", 42)
def trial_over(api: WrittenApi) -> None:
    api.last_run(5)
    api.status["source"] = "PAUSED"
    api.org["status"] = "TRIAL_EXPIRED"


@scenario("bad_input_file", 5023)
def one_bad_file(api: WrittenApi) -> None:
    api.set_run("source", 6, 9000, 1)
    good = [{"id": n, "name": f"in/{n}.csv", "ingestionStatus": "COMPLETE", "errorCount": 0} for n in range(9)]
    api.files = [*good, {"id": 9, "name": "in/9.csv", "ingestionStatus": "ERROR", "errorCount": 1, "error": "EOF inside string"}]


@scenario("partial_file", 5023)
def file_read_in_part(api: WrittenApi) -> None:
    api.set_run("source", 6, 9800, 200)
    api.files = [
        {"id": 1, "name": "in/1.csv", "ingestionStatus": "COMPLETE"},
        {"id": 2, "name": "in/2.csv", "ingestionStatus": "PARTIAL"},
    ]


@scenario("path_not_found", 5023)
def folder_gone(api: WrittenApi) -> None:
    lose(api, "source", 1)
    api.logs = [api.log(6, "ERROR", "source", "The specified path does not exist: in/orders")]


@scenario("query_error", 5023)
def column_gone(api: WrittenApi) -> None:
    api.last_run(5)
    api.detail["source"] = {
        "source_type": "mysql",
        "source_config": {"start.cron": "0 40 * * * ?", "query": "select discount from orders"},
    }
    message = "Unknown column 'discount' in 'field list'"
    api.logs = [api.log(6, "ERROR", "source", message)]
    api.routes["/data_credentials/5001/probe/sample"] = {"status": "ok", "output": {"statusCode": 500, "response": message}}


@scenario("upstream_throttled", 5023)
def producer_throttles(api: WrittenApi) -> None:
    api.detail["source"]["source_type"] = "rest"
    api.set_run("source", 6, 200, 4)
    api.logs = [api.log(6, "ERROR", "source", "HTTP 429 Too Many Requests from api.example.com")]


@scenario("silent_truncation", 5023)
def first_page_only(api: WrittenApi) -> None:
    api.detail["source"]["source_type"] = "rest"
    for stage in STAGES:
        api.set_run(stage, 6, 100)


@scenario("volume_drop", 5102)
def filter_drops_most(api: WrittenApi) -> None:
    api.set_run("derived", 6, 1150)
    api.set_run("destination", 6, 1150)


@scenario("transform_not_applied", 601)
def passes_through(api: WrittenApi) -> None:
    api.logs = [api.log(6, "ERROR", "derived", "TypeError: clean() takes 1 positional argument but 3 were given")]
    api.samples = {"detected": [{"a": "x"}], "derived": [{"input": {"a": "x"}, "output": {"a": "x"}}]}


@scenario("transform_error", 601)
def code_raises_for_all(api: WrittenApi) -> None:
    lose(api, "derived")
    api.reject("derived", "NameError: name 'datetime' is not defined", {"a": 1})


@scenario("schema_drift", 5023)
def field_renamed_upstream(api: WrittenApi) -> None:
    lose(api, "derived")
    api.reject("derived", "KeyError: 'customer_id'", {"a": 1, "client_id": 7})


@scenario("record_errors", 5102)
def some_values_fail(api: WrittenApi) -> None:
    api.set_run("derived", 6, 8700, 1300)
    api.set_run("destination", 6, 8700)
    api.reject("derived", "'NoneType' object has no attribute 'strip'", *[{"id": n, "surname": None} for n in range(5)])


@scenario("record_errors", 5102, first=2)
def long_ago(api: WrittenApi) -> None:
    api.set_run("derived", 2, 9500, 500)


@scenario("validation_rejects", 5102)
def strict_rule(api: WrittenApi) -> None:
    api.set_run("derived", 6, 9000, 1000)
    rule = {"properties": {"email": {"pattern": "^.+@x$"}}}
    api.detail["derived"] |= {"output_schema_validation_enabled": True, "output_validation_schema": rule}
    api.reject("derived", "#/email: string [a@b] does not match pattern ^.+@x$", {"email": "a@b"})


@scenario("lookup_missing_keys", 77)
def lookup_emptied(api: WrittenApi) -> None:
    api.set_run("derived", 6, 9000, 1000)
    api.reject("derived", "lookup 77: no entry for key 'XX'", {"country": "XX"})
    api.routes["/data_maps/77"] = {"id": 77, "name": "regions", "map_entry_count": 3}


@scenario("type_mismatch_at_destination", 5029)
def text_for_a_number(api: WrittenApi) -> None:
    api.set_run("destination", 6, 9580, 420)
    api.reject(
        "destination", 'invalid input syntax for type numeric: "1,200.50" (column amount)', {"id": 3, "amount": "1,200.50"}
    )


@scenario("destination_rejects_payload", 5029)
def other_shape_wanted(api: WrittenApi) -> None:
    api.detail["destination"]["sink_type"] = "rest"
    lose(api, "destination")
    api.reject("destination", "HTTP 422: customer_id is a required property", {"id": 1})


@scenario("target_missing", 5029)
def table_never_made(api: WrittenApi) -> None:
    api.runs["destination"] = {}
    api.detail["destination"]["runtime_status"] = "PROCESSING"
    api.logs = [api.log(6, "ERROR", "destination", "Table 'shop.orders' doesn't exist")]


@scenario("duplicate_writes", 5029)
def written_twice(api: WrittenApi) -> None:
    api.set_run("destination", 6, 20_000)


@scenario("duplicate_writes", 5029)
def keys_taken(api: WrittenApi) -> None:
    api.set_run("destination", 6, 5000, 5000)
    api.logs = [api.log(6, "ERROR", "destination", 'duplicate key value violates unique constraint "orders_pkey"')]


@scenario("destination_lag", 5029)
def writes_slowly(api: WrittenApi) -> None:
    api.set_run("destination", 6, 2000)
    api.detail["destination"]["runtime_status"] = "PROCESSING"


@scenario("unknown", 5029)
def database_down(api: WrittenApi) -> None:
    lose(api, "destination")
    api.logs = [api.log(6, "ERROR", "destination", "Connection refused: db.internal:5432")]


@scenario("no_data_detected", 5023, first=None)
def just_created(api: WrittenApi) -> None:
    api.runs = {stage: {} for stage in STAGES}
    api.lone_source = True
    api.detail["source"] |= {"data_sets": [], "run_ids": [], "created_at": api.time(6)}
