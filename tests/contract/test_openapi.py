"""The OpenAPI document of the catalogue is valid and complete, and nothing that fits it crashes the sandbox."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.catalog.openapi import WEBHOOK_PATH, openapi_document
from nexla_mcp.catalog.records import PLACEHOLDER, Risk
from nexla_mcp.sandbox import SERVICE_KEY, SandboxConfig
from nexla_mcp.sandbox.serve import RunningSandbox, running_sandbox
from tests.sandbox.seeded import OF_KIND, WEBHOOK_SOURCE, copy_of_the_org, known_id

EXAMPLES = 4
UNKNOWN_ID = 987_654_321
DELIBERATE = {
    "POST /data_credentials/{credential_id}/probe/sample": "varInfo",  # keys of another connector, as the real API answers
    f"POST {WEBHOOK_PATH}": "is PAUSED",  # FACTS 5: a source that takes no data
}
"""Replies of 500 that the sandbox gives on purpose, by what stands in them."""

DOCUMENT = openapi_document(load_catalog())


def entries(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of every entry."""
    for path, methods in document["paths"].items():
        for method, entry in methods.items():
            yield path, method, entry


def test_it_is_a_valid_document() -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.validate()
    assert len(list(schema.get_all_operations())) == len(list(entries(DOCUMENT)))
    assert json.loads(json.dumps(DOCUMENT)) == DOCUMENT


def test_every_operation_is_in_it_once(catalog: Catalog) -> None:
    named = Counter(name for _, _, entry in entries(DOCUMENT) for name in entry["x-operations"])
    assert named == Counter(list(catalog.operations))
    for path, method, entry in entries(DOCUMENT):
        for operation in map(catalog.operation, entry["x-operations"]):
            assert operation.method == method.upper()
            assert operation.path in (path, "{webhook_url}")


def test_no_two_paths_are_the_same_but_for_their_names() -> None:
    shapes = Counter(PLACEHOLDER.sub("{}", path) for path in DOCUMENT["paths"])
    assert [shape for shape, count in shapes.items() if count > 1] == []
    names = Counter(entry["operationId"] for _, _, entry in entries(DOCUMENT))
    assert [name for name, count in names.items() if count > 1] == []


def test_values_have_the_form_in_which_they_are_sent() -> None:
    def parameters(path: str, method: str) -> dict[str, Any]:
        return {p["name"]: p for p in DOCUMENT["paths"][path][method]["parameters"]}

    def body(path: str, method: str) -> dict[str, Any]:
        found: dict[str, Any] = DOCUMENT["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
        return found

    pause = parameters("/flows/{flow_id}/pause", "put")
    assert pause["all"]["schema"] == {"type": "integer", "enum": [1]}
    assert pause["flow_id"]["required"]
    assert parameters("/flows/{flow_id}/logs", "get")["from"]["schema"]["type"] == "integer"
    assert parameters("/flows/{flow_id}/audit_log", "get")["from"]["schema"] == {"type": "string", "format": "date"}
    segment = parameters("/{resource_type}/{resource_id}/flow/logs", "get")["resource_type"]["schema"]["enum"]
    assert sorted(segment) == ["data_sets", "data_sinks", "data_sources"]
    keys = parameters("/data_maps/{data_map_id}/entries/{entry_keys}", "get")["entry_keys"]
    assert (keys["style"], keys["explode"], keys["schema"]["type"]) == ("simple", False, "array")
    assert body("/notifications/mark_read", "put")["type"] == "array"
    assert {schema["type"] for schema in body(WEBHOOK_PATH, "post")["oneOf"]} == {"array", "object"}
    assert body("/data_sources", "post")["additionalProperties"] is True
    assert DOCUMENT["paths"][WEBHOOK_PATH]["post"]["security"] == [{"webhook_key": []}, {"webhook_basic": []}]
    assert DOCUMENT["paths"]["/vendors"]["get"]["x-documented"] is False
    assert DOCUMENT["paths"]["/flows/{flow_id}"]["delete"]["x-risk"] == "destroy"


def on_the_seeded_org() -> dict[str, Any]:
    """The document with ids that exist, and one that does not: random ones would only ever meet a 404."""
    document = copy.deepcopy(DOCUMENT)
    for _, _, entry in entries(document):
        for parameter in entry["parameters"]:
            known = known_id(entry["tags"][0], entry["operationId"], parameter["name"])
            if parameter["in"] != "path" or parameter["schema"]["type"] == "array":
                continue
            if parameter["name"] == "resource_id":
                parameter["schema"]["enum"] = [*sorted(set(OF_KIND.values())), WEBHOOK_SOURCE, UNKNOWN_ID]
            elif known is not None:
                parameter["schema"]["enum"] = [known, type(known)(UNKNOWN_ID)]
    return document


class Session:
    """A signed-in `requests` session, as schemathesis wants it."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._sandbox = sandbox
        self._http = requests.Session()
        self._http.trust_env = False
        self._headers: dict[str, str] = {}

    def send(self, case: schemathesis.Case) -> Any:
        """Send a case; a session that the cases before have ended is opened again."""
        response = case.call(base_url=self._sandbox.url, session=self._http, headers=self._signed_in())
        if response.status_code == 401:
            self._headers = {}
        return response

    def get(self, path: str) -> int:
        """Status of a plain read."""
        return self._http.get(self._sandbox.url + path, headers=self._signed_in()).status_code

    def _signed_in(self) -> dict[str, str]:
        if not self._headers:
            reply = self._http.post(f"{self._sandbox.url}/token", headers={"Authorization": f"Basic {SERVICE_KEY}"})
            self._headers = {"Authorization": f"Bearer {reply.json()['access_token'] if reply.ok else 'none'}"}
        return self._headers

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with running_sandbox(SandboxConfig(database=copy_of_the_org(tmp_path))) as sandbox:
        opened = Session(sandbox)
        yield opened
        opened.close()


TOOLSETS = sorted({entry["tags"][0] for _, _, entry in entries(DOCUMENT)})
API = schemathesis.openapi.from_dict(on_the_seeded_org())


@pytest.mark.parametrize("toolset", TOOLSETS)
def test_nothing_crashes_the_sandbox(toolset: str, session: Session) -> None:
    """Requests that fit the document and requests that do not, to all operations; what destroys comes last.

    Nothing that was taken may spoil the lists afterwards either.
    """
    operations = [found.ok() for found in API.include(tag=toolset).get_all_operations()]
    assert operations
    for operation in sorted(operations, key=lambda o: list(Risk).index(Risk(o.definition.raw["x-risk"]))):
        fitting, unfitting = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

        @seed(20_261_101)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=st.one_of(fitting, unfitting))
        def crash_free(case: schemathesis.Case) -> None:
            response = session.send(case)
            if response.status_code == 500 and DELIBERATE.get(case.operation.label, "\0") in response.text:
                return
            case.validate_response(response, checks=[not_a_server_error])

        crash_free()
    lists = [o.path for o in operations if o.method.upper() == "GET" and "{" not in o.path]
    spoilt = {path: status for path in [*lists, "/flows", "/health/org/flows"] if (status := session.get(path)) >= 500}
    assert spoilt == {}
