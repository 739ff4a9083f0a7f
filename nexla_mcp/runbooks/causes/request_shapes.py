"""A parameter, a unit or a body that the API does not take."""

from __future__ import annotations

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis, Step
from nexla_mcp.runbooks.error_texts import Kind


def request_shape(case: Case) -> list[Hypothesis]:
    """A parameter, a unit or a body that the API does not take."""
    leads, found = case.leads, []
    if "unknown_parameter" in leads and not {"refused_delete", "refused_update"} & leads.flags:
        name = next((p for p in leads.parameters if p not in ("additional", "outside", "page", "per_page")), "the parameter")
        same = case.listings.get("same_without")
        works = same is not None and same.ok
        found.append(
            Hypothesis(
                "unsupported_request",
                "api",
                None,
                90 if works else 70,
                "healthy",
                f"The API does not know {name} on that list and refuses it (other unknown filters it silently ignores, so a "
                "full list is not 'all match'). Leave it out and filter what comes back; no flow is at fault.",
                [Evidence(same.operation, "api", None, "the same list without the parameter answers")] if works and same else [],
                [
                    Step(
                        "nexla_describe_operation",
                        {"operation": same.operation if same else "sources_list"},
                        "The parameters that exist.",
                        "read",
                    )
                ],
                about_request=True,
            )
        )
    if "no_logs" in leads and any(line.is_error for line in case.logs or []):
        count = sum(line.is_error for line in case.logs or [])
        found.append(
            Hypothesis(
                "unsupported_request",
                "caller",
                None,
                48,
                "healthy",
                "The logs are there: the window was sent in the wrong unit, which matches nothing without an error. "
                "/flows/{id}/logs wants unix seconds, the by-resource route milliseconds; this server converts ISO "
                "times.",
                [Evidence(case.log_operation, "flow", case.flow.flow_id, f"{count} ERROR lines with a window in unix seconds")],
                [
                    steps.call(
                        case,
                        "flows_get_flow_logs",
                        "The logs, with the window converted.",
                        flow_id=case.flow.flow_id,
                        severity="ERROR",
                    )
                ],
                about_request=True,
            )
        )
    if "probe_sample" in leads and (Kind.WRONG_KEYS in leads.kinds or leads.statuses & {400, 500}):
        credential = (leads.named("credential") or ("", case.source.credential_id if case.source else None))[1]
        probe = case.probes.get(credential or -1)
        if probe and probe.outcome == "good":
            found.append(
                Hypothesis(
                    "unsupported_request",
                    "caller",
                    None,
                    90 if Kind.WRONG_KEYS in leads.kinds else 66,
                    "healthy",
                    f"The probe of credential {credential} succeeds, so the login is fine; the sample was asked with keys of "
                    "another connector kind. Use path for files; database, table or query for databases; the "
                    "request settings for APIs.",
                    [Evidence("credentials_probe", "credential", credential, "probe: the login works")],
                    [
                        steps.call(
                            case, "credentials_get", "Its credentials_type says which kind of keys fit.", credential_id=credential
                        ),
                        steps.describe("credentials_probe_sample", "The keys by connector kind."),
                    ],
                    about_request=True,
                )
            )
    return found
