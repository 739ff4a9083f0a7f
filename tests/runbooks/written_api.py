"""A Nexla that is written down by hand: one flow, replies as plain data, no engine behind them.

    api = WrittenApi("published")
    api.set_run("destination", 6, records=0, errors=10_000)
    api.logs.append(api.log(6, "ERROR", "destination", "permission denied for relation orders"))

It shares nothing with the sandbox, so that a diagnosis cannot lean on how the sandbox words or counts things.
Run 6 is the incident run. ``at`` moves the whole world in time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import httpx

FIRST = 1763700000000
HOUR = 3_600_000
IDS = {"source": 5023, "detected": 5101, "derived": 5102, "destination": 5029}
SEGMENT = {"source": "data_sources", "detected": "data_sets", "derived": "data_sets", "destination": "data_sinks"}
WORD = {"source": "SOURCE", "detected": "DATASET", "derived": "DATASET", "destination": "SINK"}
STAGES = tuple(IDS)


class WrittenApi:
    """Replies by route; the attributes are what a scenario changes."""

    def __init__(self, shape: str = "published", shift: int = 0) -> None:
        self.shape, self.shift = shape, shift
        self.runs = {stage: {k: (10_000, 0) for k in range(1, 7)} for stage in STAGES}
        self.status: dict[str, str | None] = dict.fromkeys(STAGES, "ACTIVE")
        self.detail: dict[str, dict[str, Any]] = {stage: {} for stage in STAGES}
        self.detail["source"] = {"source_type": "s3", "source_config": {"start.cron": "0 40 * * * ?", "path": "in/orders"}}
        self.detail["derived"] = {"transform_id": 601}
        self.detail["destination"] = {"sink_type": "postgres", "sink_config": {"table": "orders"}}
        self.probe: dict[int, tuple[int, Any]] = {5001: (200, None), 5002: (200, None)}
        self.logs: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        self.audit: dict[str, list[dict[str, Any]]] = {}
        self.quarantine: dict[str, list[dict[str, Any]]] = {}
        self.samples: dict[str, list[Any]] = {}
        self.files: list[dict[str, Any]] = []
        self.file_counts: Any = {}
        self.health = "GREEN"
        self.org: dict[str, Any] = {"id": 42, "status": "ACTIVE", "cluster_status": "ACTIVE", "org_tier": {}}
        self.triggers: list[dict[str, Any]] = []
        self.routes: dict[str, Any] = {}
        self.lone_source = False

    # --- writing a scenario ---

    def run_id(self, number: float) -> int:
        return int(FIRST + HOUR * number) + self.shift

    def time(self, number: float) -> str:
        return datetime.fromtimestamp(self.run_id(number) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def set_run(self, stage: str, number: int, records: int, errors: int = 0) -> None:
        self.runs[stage][number] = (records, errors)

    def last_run(self, number: int, *stages: str) -> None:
        """No rows after this run, at the named stages or at all."""
        for stage in stages or STAGES:
            self.runs[stage] = {k: v for k, v in self.runs[stage].items() if k <= number}

    def log(self, number: int, severity: str, stage: str, text: str) -> dict[str, Any]:
        place = {"resource_type": WORD[stage], "resource_id": IDS[stage]}
        return {"timestamp": self.run_id(number) + 20_000, "severity": severity, "log": text, "log_type": "LOG", **place}

    def notice(self, number: int, level: str, stage: str, text: str, **more: Any) -> dict[str, Any]:
        place = {"resource_type": WORD[stage], "resource_id": IDS[stage]}
        return {
            "id": 1,
            "level": level,
            "message_id": 3,
            "message": text,
            "created_at": self.time(number + 0.01),
            **place,
            **more,
        }

    def change(self, number: float, **changes: Any) -> dict[str, Any]:
        return {
            "event": "update",
            "object_changes": changes,
            "user": {"id": 9, "email": "bob@x.test"},
            "created_at": self.time(number),
        }

    def reject(self, stage: str, error: str, *records: dict[str, Any]) -> None:
        meta = {"runId": self.run_id(6)}
        self.quarantine[stage] = [{"error": {"message": error}, "rawMessage": r, "nexlaMetaData": meta} for r in records]

    # --- answering ---

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 86400})
        if path in self.routes:
            return httpx.Response(200, json=self.routes[path])
        probe = re.fullmatch(r"/data_credentials/(\d+)/probe", path)
        if probe:
            status, body = self.probe[int(probe[1])]
            return httpx.Response(status, json=body) if body is not None else httpx.Response(status)
        body = self._body(path, dict(request.url.params))
        return httpx.Response(404) if body is None else httpx.Response(200, json=body)

    def _body(self, path: str, query: dict[str, str]) -> Any:
        stage = next((s for s in STAGES if re.match(rf"/{SEGMENT[s]}/{IDS[s]}(/|$)", path)), None)
        if path == "/flows/5059" or (stage and path.endswith("/flow")):
            return self._flow()
        if stage:
            return self._stage(stage, path.split("/", 3)[3] if path.count("/") > 2 else "")
        if path == "/flows/5059/logs":
            return self._logs(query)
        return {
            "/health/flow/5059": {
                "status": 200,
                "metrics": {"originNodeId": 5059, "healthStatus": self.health, "affectedResources": []},
            },
            "/notifications": self.notices,
            "/orgs/42": self.org,
            "/flow_triggers": self.triggers,
            "/data_credentials/5001": {"id": 5001, "verified_status": "200 Ok", "verified_at": self.time(-500)},
            "/data_credentials/5001/usage": {"data_sources": [{"id": 5023, "name": None}], "data_sinks": []},
        }.get(path)

    def _stage(self, stage: str, rest: str) -> Any:
        if rest == "":
            roles = {"access_roles": ["owner"], "owner": {"full_name": "Ann", "email": "ann@x.test"}}
            credential = {"source": {"data_credentials": {"id": 5001}}, "destination": {"data_credentials": {"id": 5002}}}
            listed = {"data_sets": [{"id": 5101}], "run_ids": []} if stage == "source" else {}
            return {
                "id": IDS[stage],
                "status": self.status[stage],
                **roles,
                **listed,
                **credential.get(stage, {}),
                **self.detail[stage],
            }
        return {
            "metrics/run_summary": self._runs(stage),
            "audit_log": self.audit.get(stage, []),
            "probe/quarantine/sample": {"status": 200, "output": {"data": self.quarantine.get(stage, []), "meta": {}}},
            "samples": self.samples.get(stage, []),
            "metrics/files": {"status": 200, "metrics": {"data": self.files, "meta": {}}},
            "metrics/files_stats": {"status": 200, "metrics": self.file_counts},
        }.get(rest)

    def _runs(self, stage: str) -> Any:
        rows = [(self.run_id(k), k, *counts) for k, counts in self.runs[stage].items()]
        if self.shape == "seed":
            data = [
                {
                    "runId": i,
                    "records": records,
                    "errors": errors,
                    "status": "FAILED" if errors else "SUCCESS",
                    "startTime": self.time(k),
                    "endTime": self.time(k + 0.02),
                    "duration_s": 65,
                    "lastWritten": self.time(k + 0.02),
                }
                for i, k, records, errors in rows
            ]
            return {"status": 200, "metrics": data}
        data = [{"runId": i, "dataSetId": 5102, "records": r, "size": 90 * r, "errors": e} for i, _, r, e in rows]
        return {"status": 200, "metrics": {"data": data, "meta": {"currentPage": 1, "pageCount": 1, "totalCount": len(data)}}}

    def _logs(self, query: dict[str, str]) -> Any:
        start = query.get("from", "0")
        lines = [x for x in self.logs if start.isdigit() and int(start) < 10**11 and x["timestamp"] >= int(start) * 1000]
        lines = [x for x in lines if query.get("severity") in (None, x["severity"])]
        if self.shape == "published":
            return {"status": 200, "message": "Ok", "logs": {"data": lines, "meta": {"current_page": 1}}}
        return [{**x, "message": x["log"], "level": x["severity"], "log": None, "severity": None} for x in lines]

    def _flow(self) -> dict[str, Any]:
        def node(number: int, parent: int | None, key: str, resource: int, *children: dict[str, Any]) -> dict[str, Any]:
            empty = {"data_source_id": None, "data_set_id": None, "data_sink_id": None}
            return {
                "id": number,
                "origin_node_id": 5059,
                "parent_node_id": parent,
                **empty,
                key: resource,
                "children": list(children),
            }

        sink = node(5062, 5061, "data_sink_id", 5029)
        below = node(5060, 5059, "data_set_id", 5101, node(5061, 5060, "data_set_id", 5102, sink))
        origin = {
            **node(5059, None, "data_source_id", 5023, *([] if self.lone_source else [below])),
            "status": self.status["source"],
        }
        own = {"org_id": 42, "origin_node_id": 5059}
        nexsets = [
            {
                **own,
                "id": 5101,
                "name": None,
                "status": self.status["detected"],
                "data_source_id": 5023,
                "parent_data_set_id": None,
            },
            {**own, "id": 5102, "status": self.status["derived"], "parent_data_set_id": 5101, "code_container_id": 601},
        ]
        sinks = [{**own, "id": 5029, "status": self.status["destination"], "data_credentials_id": 5002, "data_set_id": 5102}]
        return {
            "flows": [{**origin, "name": "orders"}],
            "data_sources": [{**own, "id": 5023, "name": "in", "status": self.status["source"], "data_credentials_id": 5001}],
            "data_sets": [] if self.lone_source else nexsets,
            "data_sinks": [] if self.lone_source else sinks,
            "data_credentials": [{"id": 5001, "name": None, "verified_status": "200 Ok"}],
        }
