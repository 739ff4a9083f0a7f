"""Who may come in, and what they may see and do."""

from __future__ import annotations

import base64

from starlette.testclient import TestClient

from nexla_mcp.sandbox import COLLABORATOR_KEY, PAUSED_KEY, SERVICE_KEY, SandboxConfig, create_app
from tests.sandbox.conftest import Api


def test_a_key_opens_a_session_verbatim_or_encoded() -> None:
    http = TestClient(create_app(SandboxConfig(scenario="healthy")))
    encoded = base64.b64encode(f"{SERVICE_KEY}:".encode()).decode()
    for value in (SERVICE_KEY, encoded):
        reply = http.post("/token", headers={"Authorization": f"Basic {value}", "Content-Length": "0"})
        assert reply.json()["expires_in"] == 86400
        assert reply.json()["org_membership"]["is_admin?"] is True


def test_wrong_keys_and_tokens_answer_401_without_a_body(api: Api) -> None:
    session = api(scenario="healthy")
    for headers in ({"Authorization": f"Basic {PAUSED_KEY}"}, {"Authorization": "Basic nothing"}, {}):
        session.http.headers.pop("Authorization", None)
        reply = session.http.post("/token", headers=headers)
        assert (reply.status_code, reply.content) == (401, b"")
    reply = session.http.get("/flows")
    assert (reply.status_code, reply.content) == (401, b"")
    assert reply.headers["x-request-id"]


def test_a_session_ends_with_its_time_or_a_logout(api: Api) -> None:
    session = api(scenario="healthy", token_ttl_s=600)
    session.advance(601)
    assert session.reply("GET", "/flows").status_code == 401
    session.sign_in(SERVICE_KEY)
    assert session.reply("POST", "/token/logout").status_code == 200
    assert session.reply("GET", "/flows").status_code == 401
    assert session.reply("POST", "/token/logout").status_code == 400


def test_lists_show_what_is_owned_unless_a_wider_role_is_asked(api: Api) -> None:
    session = api()
    assert len(session.get("/flows?flows_only=1")["flows"]) == 15
    assert len(session.get("/data_sources?access_role=admin")) == 17
    assert session.reply("GET", "/flows?access_role=boss").status_code == 400
    session.sign_in(COLLABORATOR_KEY)
    assert session.get("/flows")["flows"] == []
    shared = session.get("/flows?access_role=collaborator")["flows"]
    assert [flow["id"] for flow in shared] == [6010, 6020, 6030, 6120, 6140]
    assert session.get("/flows?access_role=operator")["flows"] == []


def test_a_collaborator_reads_and_changes_nothing(api: Api) -> None:
    session = api(key=COLLABORATOR_KEY)
    assert session.get("/data_sources/3012")["access_roles"] == ["collaborator"]
    for method, path in (
        ("PUT", "/data_sources/3012/activate"), ("PUT", "/flows/6120/pause"), ("PUT", "/data_sources/3012"),
        ("DELETE", "/flows/6120"), ("POST", "/flows/6120/run_now"), ("PUT", "/data_sets/4025/accessors"),
        ("GET", "/data_sources/3004"), ("GET", "/orgs/42/audit_log"),
    ):  # fmt: skip
        reply = session.reply(method, path, {"accessors": []} if method == "PUT" else None)
        assert (method, path, reply.status_code, reply.content) == (method, path, 403, b"")


def test_an_operator_starts_and_stops_but_does_not_change(api: Api) -> None:
    session = api()
    accessors = {"accessors": [{"type": "USER", "email": "lena.ortiz@harborline.test", "access_roles": ["operator"]}]}
    granted = session.put("/flows/6120/accessors", accessors)
    assert [row["type"] for row in granted] == ["TEAM", "USER", "USER"]
    session.sign_in(COLLABORATOR_KEY)
    assert session.put("/flows/6120/pause")["flows"][0]["status"] == "PAUSED"
    assert session.reply("PUT", "/data_sources/3012", {"name": "mine"}).status_code == 403


def test_accessors_are_added_replaced_and_removed(api: Api) -> None:
    session = api(scenario="healthy")
    path = "/data_sources/5023/accessors"
    team = {"type": "ORG", "id": 42, "access_roles": ["collaborator"]}
    user = {"type": "USER", "id": 103, "access_roles": ["operator"]}
    assert len(session.put(path, {"accessors": [team]})) == 1
    assert len(session.put(path, {"accessors": [user]})) == 2
    assert [row["type"] for row in session.post(path, {"accessors": [user]})] == ["USER"]
    assert session.delete(path, {"accessors": [{"type": "USER", "id": 103}]}) == []
    session.put(path, {"accessors": [team, user]})
    assert session.delete(path) == []
    entry = session.get("/data_sources/5023/audit_log")[0]
    assert entry["object_changes"]["accessors"][1] == []


def test_secrets_are_never_returned_but_webhook_keys_are(api: Api) -> None:
    session = api()
    for path in ("/data_credentials", "/data_credentials/2001?expand=1", "/data_sources/3001", "/flows/6010"):
        assert "-secret-1" not in session.reply("GET", path).text
    session.put("/data_credentials/2001", {"credentials": {"access_key_id": "a", "secret_key": "hidden-value"}})
    assert "hidden-value" not in session.reply("GET", "/data_credentials/2001/audit_log").text
    key = session.get("/data_sources/3007")["api_keys"][0]
    assert key["api_key"] in key["url"]
