"""The source reads with errors: query, path, rights, rate, files."""

from __future__ import annotations

from collections import Counter

from nexla_mcp.runbooks import steps
from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes.wording import counts, number, said
from nexla_mcp.runbooks.connectors import FILES
from nexla_mcp.runbooks.diagnosis import Evidence, Hypothesis, Step
from nexla_mcp.runbooks.error_texts import Kind, kinds_of
from nexla_mcp.runbooks.flow_map import Stage
from nexla_mcp.runbooks.shapes.lenient import pick, quote, text_of, whole

_BAD_FILE = ("ERROR", "FAILED", "PARTIAL")


def errors(case: Case) -> list[Hypothesis]:
    """Errors that the source logged or counted, by what their text speaks of and where it came from."""
    source = case.source
    if source is None or source.paused:
        return []
    trouble = case.trouble_at(source)
    trouble = trouble if trouble and not trouble.recovered and trouble.form in ("errors", "zero", "drop") else None
    lines = case.error_lines(source)
    sampled = _sampled_error(case)
    if not ((trouble and trouble.form == "errors") or lines or sampled):
        return []
    text = case.texts(source)
    found = text[0] if text else None
    kinds = [k for _, t in text for k in kinds_of(t)] + list(kinds_of(sampled or ""))
    probe = case.probes.get(source.credential_id or -1)
    login_good = probe is not None and probe.outcome == "good"
    is_file = any(word in source.connector for word in FILES)
    first = trouble.first if trouble else next((r for line in lines if (r := case.run_of(line))), None)
    evidence = said(source, found, f"error at {source.label}") + ([counts(case, trouble)] if trouble else [])
    if login_good:
        evidence.append(Evidence("credentials_probe", "credential", source.credential_id, "probe: the login works"))
    lost = trouble is None or trouble.records == 0 or trouble.form == "zero"
    verdict = "failing" if lost else "degraded"
    look = steps.on(case, "source", source.id, "get", "See the stored configuration that is used for reading.")
    fix = steps.describe(
        "sources_update", "Correct source_config: pause first, send the whole object, activate again (that starts a run)."
    )

    def cause(
        name: str, score: int, explanation: str, more: frozenset[str] = frozenset(), plan: list[Step] | None = None
    ) -> Hypothesis:
        return Hypothesis(
            name,
            "source",
            source.id,
            score,
            verdict,
            explanation,
            evidence,
            plan or [look, fix],
            first,
            explains=frozenset({"no_new_data", "unknown"}) | more,
        )

    sure = 12 if login_good else 0
    if sampled:
        evidence.append(
            Evidence(
                "credentials_probe_sample",
                "credential",
                source.credential_id,
                "the stored query is refused although HTTP says 200",
                quote(sampled),
            )
        )
        sure += 6
    if Kind.THROTTLED in kinds or (Kind.CAPPED in kinds and source.status != "RATE_LIMITED"):
        return [
            cause(
                "upstream_throttled",
                80,
                f"The external system limits the rate of {source.label}'s requests; that is no refusal of its login, and Nexla "
                "itself is not throttled.",
                plan=[
                    look,
                    steps.describe(
                        "sources_update", "Read less often or in smaller pages: the whole source_config, after a pause."
                    ),
                ],
            )
        ]
    if Kind.MISSING_PATH in kinds and (is_file or Kind.MISSING_COLUMN not in kinds):
        return [
            cause(
                "path_not_found",
                72 + sure,
                f"What {source.label} is told to read is not there any more{_path(source)}; the login "
                f"{'works' if login_good else 'is not the point'}.",
                frozenset({"bad_input_file"}),
            )
        ]
    if not is_file and {Kind.MISSING_COLUMN, Kind.MISSING_TARGET, Kind.QUERY} & set(kinds) and Kind.AUTH not in kinds[:1]:
        return [
            cause(
                "query_error",
                74 + sure,
                f"The external system refuses the query or request stored in {source.label}: it names something that does "
                "not exist (any more) or is not valid. The login is not what is refused, so the credential is not "
                "the cause.",
            )
        ]
    if Kind.MISSING_TARGET in kinds:
        return [
            cause(
                "path_not_found",
                66 + sure,
                f"The bucket, container or object that {source.label} reads does not exist{_path(source)}; this is not a "
                "matter of the login.",
            )
        ]
    if Kind.PERMISSION in kinds and (login_good or Kind.AUTH not in kinds):
        return [
            cause(
                "permission_denied_at_target",
                70 + sure,
                f"The login of {source.label} works, but the external system does not let that account read what is "
                "configured. Grant the right there; the credential need not be renewed.",
            )
        ]
    if Kind.AUTH in kinds:
        return []  # credentials.refused has it
    if Kind.NETWORK in kinds:
        return [
            cause(
                "unknown",
                48,
                f"{source.label} could not reach the external system; neither the login nor the configuration was refused.",
                plan=[look],
            )
        ]
    if is_file and case.files is None and Kind.PARSE in kinds:
        return [
            cause(
                "bad_input_file",
                58,
                f"{source.label} could not parse what it read; the file list could not be read, so the file is not known.",
            )
        ]
    return [
        cause(
            "unknown", 35, f"{source.label} reports errors, of a kind that is not recognised; see the quoted text.", plan=[look]
        )
    ]


def files(case: Case) -> list[Hypothesis]:
    """Single files that could not be read, or only in part."""
    source = case.source
    if source is None or not case.files:
        return []
    trouble = case.trouble_at(source)
    names: dict[str, str] = {}
    for row in case.files:
        names.setdefault(row.name, row.status)  # newest row of a file counts: a later success heals it
    bad = [
        r
        for r in case.files
        if names.get(r.name) == r.status and (r.status in _BAD_FILE or ((r.errors or 0) > 0 and r.status != "COMPLETE"))
    ]
    bad = list({r.name: r for r in reversed(bad)}.values())
    if not bad or trouble is None or (trouble.recovered and not bad):
        return []
    good = sum(1 for status in names.values() if status not in _BAD_FILE)
    partial = all(r.status == "PARTIAL" for r in bad)
    listed = ", ".join(quote(r.name, 100) for r in bad[:3])
    explanation = (
        f"{len(bad)} of {len(bad) + good} files of {source.label} could not be read{' completely' if partial else ''}: {listed}. "
    )
    explanation += f"The other {good} were loaded, so source and login work." if good else "None was loaded."
    evidence = [
        Evidence(
            "sources_get_file_metrics",
            "source",
            source.id,
            f"file {quote(r.name, 120)}: {r.status}, records {number(r.records)}, errors {number(r.errors)}",
            quote(r.error),
        )
        for r in bad[:3]
    ]
    evidence.append(counts(case, trouble))
    plan = [
        steps.call(
            case, "sources_get_file_metrics", "All files with their state and error.", source_id=source.id, file_metric="files"
        ),
        steps.call(
            case,
            "sources_reingest_file",
            "Only after the file was corrected at its origin: read it again.",
            source_id=source.id,
            file=bad[0].name,
        ),
    ]
    return [
        Hypothesis(
            "partial_file" if partial else "bad_input_file",
            "source",
            source.id,
            90 if good else 70,
            "degraded" if good or trouble.records else "failing",
            explanation,
            evidence,
            plan,
            trouble.first,
            explains=frozenset({"unknown", "volume_drop", "query_error", "path_not_found", "type_mismatch_at_destination"}),
        )
    ]


def repeated_files(case: Case) -> list[str]:
    """Files that were read more than once."""
    return [name for name, count in Counter(r.name for r in case.files or [] if r.status == "COMPLETE").items() if count > 1]


def _sampled_error(case: Case) -> str | None:
    """The error inside a probe sample: output.statusCode decides, not HTTP (QUIRKS 43)."""
    fetched = case.listings.get("source_sample")
    if fetched is None:
        return None
    if fetched.error is not None:
        text = fetched.error.server_message
        return text if text and Kind.WRONG_KEYS not in kinds_of(text) and fetched.error.status_code != 404 else None
    output = pick(fetched.body, "output", "result", "response")
    code = whole(pick(output, "statusCode", "status_code"))
    text = text_of(pick(output, "response", "errorMessage", "error", "message"))
    return text if (code or 200) >= 400 and Kind.WRONG_KEYS not in kinds_of(text) else None


def _path(source: Stage) -> str:
    config = source.detail.get("source_config")
    path = pick(config, "path", "prefix", "bucket", "folder") if isinstance(config, dict) else None
    return f" ({quote(path, 120)})" if isinstance(path, str) else ""
