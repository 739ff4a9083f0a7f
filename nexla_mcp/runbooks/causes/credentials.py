"""A login that the external system refuses, at the source or at a destination."""

from __future__ import annotations

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.wording import at, counts, said
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis, Resource, Step
from nexla_mcp.runbooks.error_texts import Kind
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.history import Trouble
from nexla_mcp.runbooks.shapes.lenient import quote, run_moment
from nexla_mcp.runbooks.shapes.states import Probe


def refused(case: Case) -> list[Hypothesis]:
    """One finding per refused credential; the probe decides, error texts support it."""
    found = []
    for credential in dict.fromkeys(s.credential_id for s in case.flow.stages if s.credential_id is not None):
        users = [s for s in case.flow.stages if s.credential_id == credential]
        probe = case.probes.get(credential)
        stage = next((s for s in users if _failing(case, s)), users[0])
        texts = case.said(stage, Kind.AUTH)
        if probe and probe.no_reason and not texts and (not _failing(case, stage) or case.texts(stage) or _caller_is_weak(stage)):
            case.facts.skip(
                f"credential {credential}: its probe answered 403 without a reason: refused by the external system, or you "
                "may not probe it"
            )
        elif probe and probe.outcome == "refused":
            found.append(_refused(case, credential, stage, probe, texts))
        elif texts and (probe is None or probe.outcome == "unknown") and _failing(case, stage):
            found.append(_refused(case, credential, stage, None, texts))
        elif probe and probe.outcome in ("unreachable", "throttled"):
            found.append(_unreachable(case, credential, stage, probe))
        elif probe and probe.outcome == "good" and texts and (trouble := _open_trouble(case, stage)):
            found.append(_repaired_since(case, credential, stage, texts, trouble))
    return found


def _refused(case: Case, credential: int, stage: Stage, probe: Probe | None, texts: tuple[str, str] | None) -> Hypothesis:
    open_trouble = _open_trouble(case, stage)
    lines = case.error_lines(stage)
    silent = case.silent and stage.kind == "source" and not stage.paused
    failing = open_trouble is not None or silent or bool(texts)
    before_pause = _failed_before_pause(case, stage)
    score = 95 if probe and (failing or before_pause) else 78 if probe else 62
    score = 64 if probe and probe.no_reason and not texts else score
    verdict = "failing" if failing else "degraded"
    evidence = []
    if probe:
        evidence.append(
            Evidence(
                "credentials_probe",
                "credential",
                credential,
                f"the external system refuses the login ({probe.status or 'error'})",
                quote(probe.reason),
            )
        )
    evidence += said(stage, texts, f"error at {stage.label}")
    if open_trouble:
        evidence.append(counts(case, open_trouble))
    row = case.flow.credentials.get(credential) or case.credential_rows.get(credential) or {}
    if row.get("verified_status"):
        evidence.append(
            Evidence(
                "flows_get",
                "credential",
                credential,
                "the stored verified_status is older than the probe and proves nothing",
                quote(row["verified_status"], 60),
            )
        )
    first = open_trouble.first if open_trouble else None
    if stage.kind == "source" and first is None:
        first = next((r for line in lines if (r := case.run_of(line))), None) or (
            case.silent_run if case.silent and not stage.paused else None
        )
    when = f", first seen in {at(first)}" if first else ""
    side = "reads with it" if stage.kind == "source" else "writes with it"
    why = (
        f"The external system behind credential {credential} refuses it{' in a probe just now' if probe else ''}; "
        f"{stage.label} {side}{when}."
    )
    if not failing and not before_pause:
        why += " No run has failed on it yet; the next one will."
    why += " The 403 is the external system's answer, not a missing Nexla role" if probe and probe.status == 403 else ""
    why = why.rstrip(".") + ("; an old verified_status says nothing." if probe else ". It could not be probed.")
    return Hypothesis(
        "credential_invalid",
        "credential",
        credential,
        score,
        verdict,
        why,
        evidence,
        _steps(case, credential),
        first,
        _consumers(case, credential),
        frozenset(
            {
                "no_new_data",
                "unknown",
                "permission_denied_at_target",
                "query_error",
                "path_not_found",
                "schedule_misconfigured",
                *(("paused",) if before_pause else ()),
            }
        ),
    )


def _repaired_since(case: Case, credential: int, stage: Stage, texts: tuple[str, str], trouble: Trouble) -> Hypothesis:
    """The login works by now, but the newest run failed on it: a run is missing, not a new secret."""
    source = case.source
    plan = [steps.look_again(case.flow.flow_id, "After that run: it must be clean.")]
    if source is not None and not source.paused:
        plan.insert(
            0, steps.on(case, "source", source.id, "run_now", "Run it now; the next scheduled run would show it as well.")
        )
    return Hypothesis(
        "credential_invalid",
        "credential",
        credential,
        72,
        "failing",
        f"The newest run of {stage.label} ({at(trouble.last)}) failed because credential {credential} was refused. "
        "A probe just now finds that the login works, so it was repaired since; no run has proved it yet.",
        [
            *said(stage, texts, f"error at {stage.label}"),
            counts(case, trouble),
            Evidence("credentials_probe", "credential", credential, "probe: the login works now"),
        ],
        plan,
        trouble.first,
        _consumers(case, credential),
        frozenset({"no_new_data", "unknown", "query_error", "path_not_found", "schedule_misconfigured"}),
        repaired=True,
    )


def _unreachable(case: Case, credential: int, stage: Stage, probe: Probe) -> Hypothesis:
    trouble = case.trouble_at(stage)
    failing = bool(trouble and not trouble.recovered and trouble.form in ("errors", "starved", "zero")) or (
        case.silent and stage.kind == "source"
    )
    cause = "upstream_throttled" if probe.outcome == "throttled" else "unknown"
    word = "limits the rate of requests" if probe.outcome == "throttled" else "cannot be reached"
    return Hypothesis(
        cause,
        stage.kind if cause == "upstream_throttled" else "credential",
        stage.id if cause == "upstream_throttled" else credential,
        66 if failing else 30,
        "failing" if failing else "degraded",
        f"The external system behind credential {credential} {word}; the login itself was not refused, so the credential "
        "need not be changed.",
        [Evidence("credentials_probe", "credential", credential, f"probe: the external system {word}", quote(probe.reason))]
        + ([counts(case, trouble)] if trouble and failing else []),
        [
            steps.on(
                case,
                "credential",
                credential,
                "probe",
                "Probe again in a few minutes; if it stays so, check the host, the network and allow lists.",
            )
        ],
        trouble.first if trouble and failing else None,
        explains=frozenset({"unknown", "no_new_data"}),
    )


def _open_trouble(case: Case, stage: Stage) -> Trouble | None:
    trouble = case.trouble_at(stage)
    return trouble if trouble and not trouble.recovered and trouble.form in ("errors", "starved", "zero") else None


def _failing(case: Case, stage: Stage) -> bool:
    trouble = case.trouble_at(stage)
    return bool(trouble and not trouble.recovered) or bool(case.error_lines(stage))


def _failed_before_pause(case: Case, stage: Stage) -> bool:
    """The stage, or what it reads, was paused only after the credential had failed: the order decides."""
    if not stage.paused:
        return False
    pause = next((c.at for c in reversed(case.changes(stage)) if c.status_to("PAUSED") and c.at), None)
    first = next((line.at for line in case.error_lines(stage) if line.at), None)
    trouble = case.trouble_at(stage)
    if first is None and trouble is not None and not trouble.recovered and trouble.form == "errors":
        first = run_moment(trouble.first)
    return first is not None and (pause is None or first < pause)


def _caller_is_weak(stage: Stage) -> bool:
    roles = stage.value("access_roles")
    return isinstance(roles, list) and bool(roles) and not {"owner", "admin", "operator"} & {str(r).lower() for r in roles}


def _consumers(case: Case, credential: int) -> list[Resource]:
    known = {(k, i): n for k, i, n in case.consumers.get(credential, [])}
    for stage in case.flow.stages:
        if stage.credential_id == credential:
            known[stage.key] = known.get(stage.key) or stage.name
    return [Resource(kind, resource_id, name) for (kind, resource_id), name in sorted(known.items())]


def _steps(case: Case, credential: int) -> list[Step]:
    return [
        steps.on(
            case,
            "credential",
            credential,
            "get",
            "See its type, owner and which fields belong to it before replacing the secret.",
        ),
        steps.describe(
            "nexla_rotate_credential",
            f"A new login without showing it to the model: call it with credential_id {credential} and, as secret_env, the name "
            "of the server's variable that holds the new login; dry_run first. It probes, moves and watches by itself.",
        ),
        steps.describe(
            "credentials_update",
            "Or send the whole new `credentials` object yourself (the model then reads it), then credentials_probe, then run "
            "the flow.",
        ),
    ]
