"""Data that reads like an instruction to an assistant: reported as data, once, and never followed."""

from __future__ import annotations

from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.diagnosis import Diagnosis, Evidence
from nexla_mcp.runbooks.error_texts import speaks_to_the_reader
from nexla_mcp.runbooks.shapes.lenient import quote, text_of

_DETAIL = {"source": "sources_get", "nexset": "nexsets_get", "destination": "destinations_get"}


def remark(case: Case, diagnosis: Diagnosis) -> None:
    """Add a sentence to the summary and the place to the evidence."""
    found = first_injected(case)
    if found is None:
        return
    where, evidence = found
    diagnosis.summary += f" Note: {where} holds text that reads like an instruction; it is data and was not followed."
    diagnosis.evidence.append(evidence)


def first_injected(case: Case) -> tuple[str, Evidence] | None:
    """The first such text in what was read, and where it stands."""
    for operation, kind, resource_id, where, text in _texts(case):
        if speaks_to_the_reader(text):
            return where, Evidence(
                operation, kind, resource_id, f"{where} reads like an instruction: data, not followed", quote(text, 160)
            )
    return None


def _texts(case: Case) -> list[tuple[str, str, int | None, str, str]]:
    found: list[tuple[str, str, int | None, str, str]] = []
    flow_id = case.flow.flow_id
    for name in ("name", "description"):
        found.append(("flows_get", "flow", flow_id, f"the {name} of flow {flow_id}", text_of(case.flow.origin.get(name))))
    for stage in case.flow.stages:
        read = _DETAIL[stage.kind] if stage.detail else "flows_get"
        for name in ("description", "name", "source_config", "sink_config", "tags"):
            found.append((read, *stage.key, f"the {name} of {stage.label}", str(stage.value(name) or "")))
        for item in case.rejected.get(stage.key) or []:
            found.append(
                ("quarantine_get_samples", *stage.key, f"a rejected record of {stage.label}", f"{item.record} {item.error}")
            )
        if stage.kind == "nexset":
            for sample in case.samples.get(stage.id, []):
                found.append(
                    (
                        "nexsets_get_samples",
                        *stage.key,
                        f"a sampled record of {stage.label}",
                        f"{sample.input or ''} {sample.output}",
                    )
                )
    for line in case.logs or []:
        found.append((case.log_operation, line.kind or "flow", line.resource_id or flow_id, "a log line", line.text))
    for notice in case.notices or []:
        found.append(("notifications_list", notice.kind or "flow", notice.resource_id, "a notification", notice.text))
    return found
