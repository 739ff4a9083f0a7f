"""The stored schedule: lost, wrong, or over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.wording import at, status_of
from nexla_mcp.runbooks.connectors import PUSHED
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis, Step
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.quartz import Schedule, ScheduleError
from nexla_mcp.runbooks.shapes.lenient import iso, pick, quote, run_moment
from nexla_mcp.runbooks.shapes.messages import Change

_FAR = timedelta(days=40)


def schedule(case: Case) -> list[Hypothesis]:
    """Compare the schedule with the rhythm the flow had, and with what an update changed."""
    source = case.source
    config = source.detail.get("source_config") if source else None
    if source is not None and not isinstance(config, dict) and (told := _last_change(case, source)):
        config = told.fields["source_config"][1]  # the source could not be read: what the last update left
    if (
        source is None
        or not isinstance(config, dict)
        or source.paused
        or source.status == "RATE_LIMITED"
        or not case.history.known
    ):
        return []
    change = _last_change(case, source)
    lost = _lost(change, config) if change else []
    if change and lost and _trouble_since(case, change):
        return [_config_lost(case, source, change, lost), *_cron(case, source, config, change)]
    return _cron(case, source, config, change)


def _cron(case: Case, source: Stage, config: dict[str, Any], change: Change | None) -> list[Hypothesis]:
    cron, last, rhythm = config.get("start.cron"), run_moment(case.history.newest), case.history.rhythm_s
    if source.connector in PUSHED or last is None:
        return []
    changed = change if change and _crons(change)[0] != _crons(change)[1] and change.at and change.at > last else None
    if not cron:
        if not case.silent or case.upstream or rhythm is None or source.value("data_sink_id") is not None:
            return []
        return [
            _hypothesis(
                case,
                source,
                "schedule_misconfigured",
                55,
                f"{source.label} has no schedule (start.cron) although it used to run regularly; which update removed it is "
                "not in what could be read",
                None,
                changed,
            )
        ]
    try:
        parsed = Schedule.parse(str(cron))
        following, previous = parsed.next_after(last), parsed.last_before(case.now + timedelta(seconds=1))
    except (ScheduleError, ValueError) as error:
        if not (case.silent or changed):
            return []
        return [
            _hypothesis(
                case,
                source,
                "schedule_misconfigured",
                88,
                f"the schedule {quote(cron, 60)!r} of {source.label} is no valid Quartz expression ({error}), so it never fires",
                None,
                changed,
            )
        ]
    if following is None:
        one_time = (
            parsed.years is not None
            and previous is not None
            and previous <= last + timedelta(hours=1)
            and last - previous < timedelta(days=2)
        )
        if one_time and not changed:
            return [
                _hypothesis(
                    case,
                    source,
                    "schedule_ended",
                    86,
                    f"{source.label} has a one-time schedule ({quote(cron, 60)}) that fired at {iso(previous)}, and it has "
                    "run; nothing more is due",
                    None,
                    None,
                )
            ]
        if case.silent or changed:
            return [
                _hypothesis(
                    case,
                    source,
                    "schedule_misconfigured",
                    92 if changed else 76,
                    f"the schedule {quote(cron, 60)!r} of {source.label} will not fire any more",
                    None,
                    changed,
                )
            ]
        return []
    gap = following - last
    odd = rhythm is not None and gap.total_seconds() > 3 * rhythm
    if changed and odd:
        score = 93
    elif odd and gap > _FAR and (case.silent or case.clock_doubtful):
        score = 78
    elif odd and case.silent and rhythm is not None and gap.total_seconds() > 8 * rhythm and following > case.now:
        score = 66
    else:
        return []
    return [
        _hypothesis(
            case,
            source,
            "schedule_misconfigured",
            score,
            f"the schedule {quote(cron, 60)!r} of {source.label} fires next at {iso(following)}, while it ran about every "
            f"{_span(rhythm)} before",
            following,
            changed,
        )
    ]


def _hypothesis(
    case: Case, source: Stage, cause: str, score: int, fact: str, following: Any, changed: Change | None
) -> Hypothesis:
    config = source.detail.get("source_config")
    evidence = [
        Evidence(
            "sources_get",
            "source",
            source.id,
            f"start.cron {'next fires ' + (iso(following) or '') if following else 'as stored'}",
            quote(pick(config, "start.cron"), 80),
        ),
        status_of(source),
    ]
    who = ""
    if changed:
        before, after = _crons(changed)
        who = f" It was changed from {quote(before, 60)!r} by {quote(changed.who, 80)} at {iso(changed.at)}."
        evidence.insert(
            0,
            Evidence(
                "sources_get_audit_log",
                "source",
                source.id,
                f"start.cron {quote(before, 60)} -> {quote(after, 60)} by {quote(changed.who, 80)} at {iso(changed.at)}",
            ),
        )
    evidence.append(
        Evidence("metrics_get_resource_metrics_by_run", "source", source.id, f"newest run: {at(case.history.newest)}, no errors")
    )
    ended = cause == "schedule_ended"
    why = fact[0].upper() + fact[1:] + "." + who
    why += "" if ended else " The source is active and nothing failed, so it is neither paused nor waiting for data."
    restore = steps.describe(
        "sources_update",
        "Restore the schedule: pause, send the whole source_config with the right start.cron, activate (which also catches "
        "up at once).",
    )
    plan: list[Step] = [
        steps.call(case, "sources_get_audit_log", "The earlier schedule and who changed it.", source_id=source.id)
    ]
    plan += (
        [steps.on(case, "source", source.id, "get", "The stored source_config, to send back whole."), restore]
        if not ended
        else [restore]
    )
    return Hypothesis(
        cause,
        "source",
        source.id,
        score,
        "stopped",
        why,
        evidence,
        plan,
        None if ended else case.silent_run,
        explains=frozenset({"no_new_data", "unknown", "schedule_misconfigured"} - {cause}),
    )


def _config_lost(case: Case, source: Stage, change: Change, lost: list[str]) -> Hypothesis:
    schedule_too = "start.cron" in lost
    names = ", ".join(lost[:6])
    why = (
        f"An update by {quote(change.who, 80)} at {iso(change.at)} sent only part of source_config, which Nexla replaces "
        f"whole: {names} {'is' if len(lost) == 1 else 'are'} gone"
    )
    why += (
        ", and without a schedule the source does not run. "
        if schedule_too
        else ", and the flow has not worked as before since. "
    )
    why += "The source is active; it is not a lack of new data. Restore the old object from the audit entry, whole."
    before = change.fields["source_config"][0]
    evidence = [
        Evidence(
            "sources_get_audit_log",
            "source",
            source.id,
            f"source_config lost {names} by {quote(change.who, 80)} at {iso(change.at)}"
            + ("; start.cron was as quoted" if schedule_too else ""),
            quote(before.get("start.cron"), 80) if schedule_too else "",
        ),
        Evidence(
            "sources_get",
            "source",
            source.id,
            f"source_config now has: {quote(', '.join(_names(source)), 150)}",
        ),
        Evidence("metrics_get_resource_metrics_by_run", "source", source.id, f"newest run: {at(case.history.newest)}"),
        status_of(source),
    ]
    plan = [
        steps.call(case, "sources_get_audit_log", "The whole object before the update, to restore from.", source_id=source.id),
        steps.fix(
            case,
            "sources_update",
            "Put the whole old source_config back and watch the next run.",
            {"source_id": source.id, "source_config": before},
        )
        or steps.describe(
            "sources_update",
            "Send the whole old source_config (from the audit entry), after a pause; then activate, which starts a run.",
        ),
    ]
    trouble = case.trouble_at(source)
    first = trouble.first if trouble and not trouble.recovered else case.silent_run
    return Hypothesis(
        "config_lost",
        "source",
        source.id,
        94 if schedule_too else 72,
        "stopped" if schedule_too or case.silent else "degraded",
        why,
        evidence,
        plan,
        first,
        explains=frozenset({"no_new_data", "unknown", "schedule_misconfigured", "path_not_found", "volume_drop"}),
    )


def _last_change(case: Case, source: Stage) -> Change | None:
    return next((c for c in reversed(case.changes(source)) if "source_config" in c.fields), None)


def _names(source: Stage) -> list[str]:
    """The names in the stored source_config."""
    config = source.detail.get("source_config")
    return sorted(config) if isinstance(config, dict) else []


def _lost(change: Change, config: dict[str, Any]) -> list[str]:
    """Keys that an update dropped and that are still missing."""
    before, after = change.fields["source_config"]
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    gone = [k for k in before if k not in after and k not in config and before[k] not in (None, "", {}, [])]
    return sorted(gone, key=lambda k: k != "start.cron")


def _trouble_since(case: Case, change: Change) -> bool:
    """Nothing good has come through since the update."""
    last = run_moment(case.history.newest)
    if last is None or change.at is None:
        return False
    trouble = case.trouble_at(case.source)
    begun = run_moment(trouble.first) if trouble and not trouble.recovered else None
    return change.at > last or (begun is not None and begun >= change.at - timedelta(minutes=5))


def _crons(change: Change) -> tuple[Any, Any]:
    before, after = change.fields.get("source_config", (None, None))
    return (before.get("start.cron") if isinstance(before, dict) else None), (
        after.get("start.cron") if isinstance(after, dict) else None
    )


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            count = round(seconds / unit, 1)
            return f"{count:g} {name}{'s' if count != 1 else ''}"
    return f"{seconds:.0f} s"
