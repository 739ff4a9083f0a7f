"""No data and no error: the producer has nothing, nothing has come yet, or the reason is not visible."""

from __future__ import annotations

from datetime import timedelta

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.states import WEBHOOKS
from nexla_mcp.runbooks.causes.wording import at, counts, status_of
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis, Step
from nexla_mcp.runbooks.error_texts import Kind, kinds_of
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.shapes.lenient import iso, moment, pick, quote, run_moment
from nexla_mcp.runbooks.shapes.states import Health


def nothing_new(case: Case) -> list[Hypothesis]:
    """The source looked and found nothing."""
    source = case.source
    if source is None or source.paused or source.status == "RATE_LIMITED" or not case.history.known or case.error_lines(source):
        return []
    trouble = case.trouble_at(source)
    nothing = trouble is not None and not trouble.recovered and trouble.records == 0 and trouble.errors == 0
    zero = nothing and trouble is not None and trouble.form in ("zero", "errors")  # errors: a FAILED status alone
    if not case.silent and not zero:
        return []
    last = run_moment(case.history.newest)
    notice = next(
        (
            n
            for n in case.notices or []
            if (n.kind, n.resource_id) == source.key and _empty(n.event, n.text) and (zero or not n.at or not last or n.at > last)
        ),
        None,
    )
    line = next(
        (
            e
            for e in reversed(case.logs or [])
            if not e.is_error
            and Kind.NO_DATA in kinds_of(e.text)
            and e.kind in (None, "source")
            and (zero or not e.at or not last or e.at > last)
        ),
        None,
    )
    evidence = []
    if notice:
        evidence.append(
            Evidence(
                "notifications_list",
                "source",
                source.id,
                f"{notice.event or notice.level} at {iso(notice.at)}",
                quote(notice.text),
            )
        )
    if line:
        evidence.append(Evidence(case.log_operation, "source", source.id, f"log of {at(case.run_of(line))}", quote(line.text)))
    if zero and trouble:
        evidence.append(counts(case, trouble))
    if case.file_counts is not None:
        evidence.append(
            Evidence(
                "sources_get_file_metrics",
                "source",
                source.id,
                "files by state: "
                + (", ".join(f"{k} {v}" for k, v in list(case.file_counts.items())[:6]) or "none")
                + "; no new one counted",
            )
        )
    probe = case.probes.get(source.credential_id or -1)
    good = probe is not None and probe.outcome == "good"
    if good:
        evidence.append(Evidence("credentials_probe", "credential", source.credential_id, "probe: the login works"))
    if not (notice or line or zero):
        return []
    score = 70 + (12 if notice or line else 0) + (8 if good else 0)
    tried = case.attempted_after_last if not zero else trouble.first if trouble else None
    why = (
        f"{source.label} is active{', its login works' if good else ''} and it did "
        f"look{f' in {at(tried)}' if tried else ''}, but the producer had nothing new."
    )
    why += " It is neither paused nor wrongly scheduled, and no error was logged; there is nothing to change in Nexla."
    return [
        Hypothesis(
            "no_new_data",
            "source",
            source.id,
            score,
            "degraded",
            why,
            [status_of(source), *evidence],
            _ask_producer(case, source),
            tried or case.silent_run,
            explains=frozenset(
                {"unknown", "volume_drop", "schedule_misconfigured"}
                - ({"schedule_misconfigured"} if not (notice or line) else set())
            ),
        )
    ]


def never_any_data(case: Case) -> list[Hypothesis]:
    """Nothing has ever arrived: a new flow, not a broken one."""
    source = case.source
    if source is None or case.history.known or source.paused:
        return []
    if case.counts_unread and not (source.detail.get("data_sets") == [] and not case.listed_runs):
        return []
    nexsets = source.detail.get("data_sets")
    bare = nexsets == [] or not case.flow.of("nexset")
    created = moment(source.value("created_at"))
    age = case.now - created if created else None
    webhook = source.connector in WEBHOOKS
    evidence = [status_of(source)]
    evidence.append(
        Evidence(
            "sources_get",
            "source",
            source.id,
            ("data_sets [] and no run" if bare else "no run has left a count") + ("; created as quoted" if created else ""),
            quote(source.value("created_at"), 60) if created else "",
        )
    )
    tree = case.listings.get("tree")
    if tree is not None and tree.ok:
        found = pick(tree.body, "object", "output") if isinstance(tree.body, dict) else None
        evidence.append(
            Evidence(
                "credentials_probe_tree",
                "credential",
                source.credential_id,
                "nothing to read at the configured path yet" if not found else "the configured path holds something to read",
            )
        )
    wait = "its first payload" if webhook else "its first data"
    idle = " It has never been activated (status INIT)." if source.status == "INIT" else ""
    why = (
        f"{source.label} exists and is {source.status or 'there'}, but nothing has arrived: a nexset appears only after "
        f"{wait} was read and a schema detected.{idle} The creation did not fail and there is nothing to repair."
    )
    old = age is not None and age > timedelta(days=2)
    plan = [
        steps.on(case, "source", source.id, "get", f"Look again after {wait} was delivered: data_sets and run_ids fill then.")
    ]
    if source.status == "INIT":
        plan.append(steps.on(case, "source", source.id, "activate", "Start it for the first time; it reads at once."))
    return [
        Hypothesis(
            "no_data_detected",
            "source",
            source.id,
            86 if bare else 60,
            "degraded" if old else "unknown",
            why,
            evidence,
            plan,
            explains=frozenset({"unknown", "no_new_data", "schedule_misconfigured"}),
        )
    ]


def unexplained(case: Case) -> list[Hypothesis]:
    """Something is unusual and nothing says why: named as such instead of being called healthy."""
    source = case.source
    found = []
    if case.history.known and source is not None and not source.paused and case.overdue:
        last = case.history.newest
        found.append(
            Hypothesis(
                "unknown",
                "source",
                source.id,
                44,
                "degraded",
                f"Nothing has run since {at(last)} although one was due at {iso(case.history.due())}; the source is "
                f"{source.status or 'there'}, and nothing that could be read says why.",
                [
                    Evidence(
                        "metrics_get_resource_metrics_by_run",
                        "source",
                        source.id,
                        f"newest run: {at(last)}; usual distance {(case.history.rhythm_s or 0) / 60:.0f} min",
                    ),
                    status_of(source),
                ],
                _ask_producer(case, source),
                case.history.expected_id(),
            )
        )
    elif case.history.known and case.attempted_after_last and source is not None and not source.paused:
        found.append(
            Hypothesis(
                "unknown",
                "source",
                source.id,
                42,
                "degraded",
                f"The {at(case.attempted_after_last)} was started and left no counts; nothing that could be read says why.",
                [status_of(source)],
                _ask_producer(case, source),
                case.attempted_after_last,
            )
        )
    health = case.health
    if health and health.colour in ("RED", "YELLOW") and not _outdated(case, health) and not _usual(case, health):
        named = next((a for a in health.affected if a.kind), None)
        kind = named.kind if named and named.kind in ("source", "nexset", "destination") else "flow"
        found.append(
            Hypothesis(
                "unknown",
                kind or "flow",
                named.resource_id if named and kind != "flow" else case.flow.flow_id,
                41 if not case.history.known else 36,
                "failing" if health.colour == "RED" and not case.history.known else "degraded",
                f"Nexla shows the flow as {health.colour}{f' because of {kind} {named.resource_id}' if named else ''}, but "
                "the newest runs and logs that could be read show no error.",
                [
                    Evidence(
                        "flows_get_flow_health",
                        "flow",
                        case.flow.flow_id,
                        f"healthStatus {health.colour}",
                        quote(named.text) if named else "",
                    )
                ],
                [steps.call(case, "flows_get_flow_logs", "Look through the logs.", flow_id=case.flow.flow_id)],
                named.run_id if named else None,
            )
        )
    lines = [
        line
        for line in case.logs or []
        if line.is_error and (r := case.run_of(line)) is not None and case.history.newest is not None and r >= case.history.newest
    ]
    lines = [line for line in lines if (line.kind, line.resource_id) not in case.history.rejects]
    if lines and not case.troubles_open():
        line = lines[-1]
        found.append(
            Hypothesis(
                "unknown",
                line.kind if line.kind in ("source", "nexset", "destination") else "flow",
                line.resource_id if line.resource_id else case.flow.flow_id,
                40,
                "degraded",
                "The newest run logged errors although its counts show none; see the quoted text.",
                [
                    Evidence(
                        case.log_operation,
                        line.kind or "flow",
                        line.resource_id,
                        f"{len(lines)} ERROR lines in the newest run",
                        quote(line.text),
                    )
                ],
                [steps.call(case, "flows_get_flow_logs", "Look through the logs.", flow_id=case.flow.flow_id, severity="ERROR")],
                case.run_of(line),
            )
        )
    return found


def _outdated(case: Case, health: Health) -> bool:
    """The colour stems from a run that newer, clean ones have followed."""
    runs = [a.run_id for a in health.affected if a.run_id]
    newest = case.history.newest
    return bool(runs) and newest is not None and max(runs) < newest


def _usual(case: Case, health: Health) -> bool:
    """The colour stems from the few records that a stage has always rejected."""
    named = {(a.kind, a.resource_id) for a in health.affected}
    return bool(named) and named <= set(case.history.rejects)


def _empty(event: str, text: str) -> bool:
    return event == "EMPTY_DATA" or Kind.NO_DATA in kinds_of(text)


def _ask_producer(case: Case, source: Stage) -> list[Step]:
    plan = [steps.on(case, "source", source.id, "get", "Path, query and schedule: what to ask the producer about.")]
    config = source.detail.get("source_config")
    path = pick(config, "path") if isinstance(config, dict) else None
    if source.credential_id is not None and isinstance(path, str):
        plan.append(
            steps.call(
                case,
                "credentials_probe_tree",
                "Is there something new at the configured path?",
                credential_id=source.credential_id,
                depth=1,
                path=path,
            )
        )
    plan.append(steps.look_again(case.flow.flow_id, "After the next run was due."))
    return plan
