"""What the published contract lacks: routes that change things for good, and an instance that does not have them."""

from __future__ import annotations

import pytest

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.client.wire import build_request
from nexla_mcp.sandbox import COLLABORATOR_KEY, SERVICE_KEY
from nexla_mcp.sandbox.api.published import published
from tests.sandbox.conftest import Api
from tests.sandbox.seeded import ORG, adapted


def test_an_instance_without_them_answers_404_and_nothing_else(api: Api, catalog: Catalog) -> None:
    session = api(scenario="healthy", undocumented=False)
    routes = {(o.method, o.path) for o in catalog.operations.values() if o.documented}
    for operation in catalog.operations.values():
        if not operation.path.startswith("/"):
            continue
        request = build_request(operation, adapted(operation, catalog.toolset_of(operation)))
        if published(request.method, request.path):
            # The same request can have a second name that is documented.
            assert (operation.method, operation.path) in routes, operation.name
            continue
        assert not operation.documented, operation.name
        reply = session.http.request(request.method, request.path, json=request.body, params=request.query)
        assert (operation.name, reply.status_code, reply.content) == (operation.name, 404, b"")


def test_by_default_they_answer(api: Api) -> None:
    session = api(scenario="healthy")
    assert [row["name"] for row in session.get("/vendors")] == ["northwind_crm", "parcel_post"]
    vendor = session.get("/vendors/88")
    template = session.get(f"/auth_templates/{vendor['auth_templates'][0]['id']}")
    assert template["vendor"]["id"] == 88
    assert [row["name"] for row in template["auth_parameters"]] == ["api_token", "region"]
    assert session.get("/auth_parameters/310")["vendor"]["name"] == "northwind_crm"
    assert session.get("/resource_parameters/1204")["vendor_endpoint"]["id"] == 612
    assert "auth_templates" not in session.get("/vendors")[0]
    assert "auth_templates" in session.get("/vendors?expand=1")[0]


def test_a_changed_connector_shows_in_everything_that_uses_it(api: Api) -> None:
    session = api(scenario="healthy")
    assert session.put("/connectors/1", {"name": "Object store", "type": "other"})["type"] == "s3"
    assert session.get("/data_sources/5023")["connector"]["name"] == "Object store"
    assert all(row["sync_api_compatible"] for row in session.get("/connectors?sync_api_compatible=true"))


def test_tags_of_a_flow_are_its_own(api: Api) -> None:
    session = api(scenario="healthy")
    assert session.put("/flows/5059/tags", ["orders", "daily"]) == ["orders", "daily"]
    assert session.reply("DELETE", "/flows/5059/tags", ["daily"]).json() == ["orders"]
    assert [flow["id"] for flow in session.post("/flows/search_tags", {"tags": ["orders"]})["flows"]] == [5059]
    assert session.get("/data_sources/5023/tags") == []
    assert session.post("/flows/5059/tags", []) == []


def test_links_are_added_set_and_taken_off(api: Api) -> None:
    session = api()

    def linked(rows: list[dict[str, int]]) -> list[int]:
        return [row["linked_flow_id"] for row in rows]

    path = "/flows/6120/links"
    assert linked(session.post(path, {"links": [{"linked_flow_id": 6130}, {"linked_flow_id": 6140}]})) == [6130, 6140]
    assert linked(session.put(path, {"links": [{"linked_flow_id": 6140}, {"linked_flow_id": 6150}]})) == [6140, 6150]
    assert linked(session.delete(path, {"links": [{"linked_flow_id": 6140}]})) == [6150]
    assert session.delete(path) == []
    assert session.reply("POST", path, {"links": [{"linked_flow_id": 1}]}).status_code == 404


def test_a_node_that_is_put_in_takes_part_and_can_be_taken_out(api: Api) -> None:
    session = api(scenario="healthy")
    flow = session.post("/flows/5059/insert_flow_node", {"flow_node_id": 5061, "name": "checked"})
    added = next(row for row in flow["data_sets"] if row["name"] == "checked")
    assert flow["data_sinks"][0]["data_set_id"] == added["id"]
    run_id = session.post("/flows/5059/run_now")["run_id"]
    assert session.runs("data_sets", added["id"])[0]["runId"] == run_id
    assert session.runs("data_sinks", 5029)[0]["dataSetId"] == added["id"]
    copied = session.post("/flows/5059/copy")
    assert len(copied["data_sets"]) == 3
    node = {"flow_node_id": added["flow_node_id"]}
    assert session.reply("POST", "/flows/5059/remove_flow_node", node).status_code == 405
    session.put(f"/data_sets/{added['id']}/pause")
    flow = session.post("/flows/5059/remove_flow_node", node)
    assert flow["data_sinks"][0]["data_set_id"] == 5102
    assert session.reply("GET", f"/data_sets/{added['id']}").status_code == 404
    for wrong in (5059, 5060):  # the origin and the detected nexset hold the flow together
        assert session.reply("POST", "/flows/5059/remove_flow_node", {"flow_node_id": wrong}).status_code == 400


def test_an_organization_is_made_and_deleted_and_the_own_one_stays(api: Api) -> None:
    session = api(scenario="healthy")
    dana = {"full_name": "Dana Reyes", "email": "dana@example.test"}
    made = session.post("/orgs", {"name": "Trials", "email_domain": "example.test", "owner": dana})
    assert made["owner"]["email"] == "dana@example.test"
    assert [row["email"] for row in session.get(f"/orgs/{made['id']}/members")] == ["dana@example.test"]
    assert "dana@example.test" not in [row["email"] for row in session.get(f"/orgs/{ORG}/members")]
    assert session.get(f"/orgs/{made['id']}/account_summary")["data_sources"]["total"] == 0
    session.delete(f"/orgs/{made['id']}")
    assert session.reply("GET", f"/orgs/{made['id']}").status_code == 404
    assert session.reply("DELETE", f"/orgs/{ORG}").status_code == 405


def test_who_is_not_in_the_new_list_of_members_is_locked_out(api: Api) -> None:
    session = api(scenario="healthy")
    rows = session.post(f"/orgs/{ORG}/members", {"members": [{"id": 101, "admin": True}, {"id": 102}]})
    assert {row["id"]: row["org_membership_status"] for row in rows} == {
        101: "ACTIVE", 102: "ACTIVE", 103: "DEACTIVATED", 104: "DEACTIVATED",
    }  # fmt: skip
    assert session.http.post("/token", headers={"Authorization": f"Basic {COLLABORATOR_KEY}"}).status_code == 401
    session.post(f"/orgs/{ORG}/members", {"members": [{"id": 104, "admin": True}]})
    assert session.reply("GET", "/flows").status_code == 401
    assert session.http.post("/token", headers={"Authorization": f"Basic {SERVICE_KEY}"}).status_code == 401


@pytest.mark.parametrize("kind", ["data_schemas", "doc_containers", "approval_requests"])
def test_rows_are_made_changed_and_deleted(api: Api, kind: str) -> None:
    session = api()
    made = session.post(f"/{kind}", {"name": "new", "reason": "why", "assignee_id": 104})
    assert session.get(f"/{kind}/{made['id']}") == made
    assert made["id"] in [row["id"] for row in session.get(f"/{kind}")]
    changed = session.put(f"/{kind}/{made['id']}", {"name": "newer", "reason": "because"})
    assert changed != made
    session.delete(f"/{kind}/{made['id']}")
    assert session.reply("GET", f"/{kind}/{made['id']}").status_code == 404


def test_a_decided_request_cannot_be_changed(api: Api) -> None:
    session = api(scenario="healthy")
    assert session.put("/approval_requests/72/approve")["status"] == "approved"
    for method, path in (("PUT", ""), ("PUT", "/approve"), ("DELETE", "/reject")):
        assert session.reply(method, f"/approval_requests/72{path}", {"reason": "late"}).status_code == 405
    session.sign_in(COLLABORATOR_KEY)
    assert [row["id"] for row in session.get("/approval_requests")] == [72]


def test_what_a_nexset_means_and_how_a_destination_did(api: Api) -> None:
    session = api(scenario="healthy")
    assert session.get("/data_sets/5102/semantic_schemas")[0]["fields"]
    analysis = session.get("/data_sinks/5029/run_analysis")["output"]
    runs = session.runs("data_sinks", 5029)
    assert (analysis["runs"], analysis["last_run_id"]) == (len(runs), runs[0]["runId"])
    assert analysis["records"] == sum(run["records"] for run in runs)
    assert session.post("/flows/5059/run_profiles/activate", {"profile": "nightly"})["run_profile"] == {"profile": "nightly"}
