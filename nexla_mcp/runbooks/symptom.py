"""What a person says they saw, as leads to check: never facts.

leads = read_symptom("DELETE /data_sinks/5029 gives 405 must be paused")
leads.refused_delete, leads.statuses, leads.resources    # True, {405}, [("destination", 5029)]
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from nexla_mcp.runbooks.error_texts import Kind, kinds_of
from nexla_mcp.runbooks.shapes.lenient import kind_of

_STATUS = re.compile(r"(?<![\d/.,#])(4\d\d|5\d\d)(?![\d.,]*\d|\s*(records|rows|errors|files|flows))")
_RESOURCE = re.compile(
    r"(?P<kind>data[_ ]sources?|data[_ ]sets?|data[_ ]sinks?|data[_ ]credentials?|sources?|sinks?|destinations?|nexsets?|"
    r"datasets?|credentials?|flows?)"
    r"(?:\s+(?:with\s+)?(?:id|number|no\.?))?[\s/#:=]*(?P<id>\d{2,})",
    re.I,
)
_PARAMETER = re.compile(r"(?:[?&]|parameter |filter |propert(?:y|ies) )\W*(?P<name>[a-z][a-z_]+)", re.I)


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.I)


_THING = r"(sources?|sinks?|destinations?|nexsets?|data ?sets?|credentials?|flows?|data_\w+|it)\b"

_ACTIVATE = _words(
    r"activat\w*",
    r"\bresum\w*",
    r"\bun-?paus\w*",
    r"\bstart(ing|ed)? (the |it|source|flow|again)",
    r"switch\w* (it )?on",
    r"turn\w* on",
)
_PAUSE = _words(
    r"\bpaus(e|ing)\b.{0,40}(refus|fail|reject|40|not allowed|denied)", r"(refus|fail|reject|cannot|can't).{0,40}\bpaus(e|ing)\b"
)
_DELETE = _words(
    r"\bDELETE\s+/?\w+/",
    rf"\bdelet(e|ing)\b.{{0,40}}\b{_THING}",
    rf"\bremov(e|ing)\b.{{0,30}}\b{_THING}",
    r"(cannot|can't|could not|not) be (deleted|removed)",
    r"delet(e|ion|ing) (is |was |gets |got )?(refus|reject|fail|den|not allowed)\w*",
    r"refus\w* to (delete|remove)",
)
_UPDATE = _words(
    r"\bPUT\s+/?\w+/\d+(?!/(activate|pause))",
    r"(cannot|can't|could not|couldn't|unable to|not allowed to|not able to|refus\w* to|won't let me) (update|change|edit|"
    r"save|modify)",
    r"\b(updat|chang|edit|sav|modif)\w*\b.{0,60}(\b(refused|rejected|denied|not (allowed|permitted|possible)|400|403|405|"
    r"409)\b|cannot be)",
    r"(config\w*|settings) .{0,30}cannot be (changed|updated|edited)",
)
_REFUSED = _words(
    r"refus\w*",
    r"reject\w*",
    r"fail\w*",
    r"den(y|ied)",
    r"not (allowed|permitted|possible)",
    r"cannot|can't|could not|couldn't|won't|unable",
    r"\b(400|403|405|409|422)\b",
    r"\berrors?\b",
    r"conflict",
    r"must be paused",
    r"in use|still used",
)
_MISSING = _words(
    r"\bflows?\b.{0,60}\b(vanish\w*|disappear\w*|gone|missing|not (in|on|there|found|listed|shown|visible)|no longer (there|"
    r"listed|shown|visible))",
    r"(can't|cannot|can not|don't|do not|could not) (find|see|list)\b.{0,40}\bflow",
    r"\bflow\b.{0,40}(can't|cannot|don't) be (found|seen)",
    r"where (is|did) (my |the )?flow",
    r"\b(vanish\w*|disappear\w*)",
    r"not (in|part of|among) (the|my|that) (list|page|flows)",
    r"flow.{0,40}does(n't| not) (show|appear|exist)",
    r"(flow|it)\b.{0,20}\b(was|been) (it )?deleted",
    r"only (see|sees|get|gets|lists?|shows?) \w+ flows?",
    r"list\w* (only )?(shows|has|gives|contains) only",
)
_PAGE = _words(r"\bpage\b", r"per_page", r"first (10|ten|page)", r"X-Total-Count", r"\bonly (10|ten|20|25|50|100)\b")
_NO_LOGS = _words(
    r"\bno (flow )?logs?\b",
    r"logs? (is|are|look|looks|come|comes|came)?.{0,30}\b(empty|blank|missing)",
    r"empty logs?",
    r"\blogs\b.{0,60}\b(nothing|no entries|zero|0 entries|no rows|none)",
    r"(without|finds? no|found no|see no|shows? no).{0,12}logs?",
)
_DOCS = _words(
    r"docs?.?recommend\w*",
    r"recommend\w*.{0,30}(doc|description)",
    r"gen.?ai\b",
    r"(generat|suggest)\w* .{0,30}(doc|description)\w*",
    r"\bAI.{0,20}(doc|description)\w*",
)
_PROBE_SAMPLE = _words(
    r"probe.?(/|_|-)?.?sample", r"sample.{0,30}(probe|credential)", r"varInfo", r"preview.{0,30}(fail|error|500)"
)
_WEBHOOK = _words(
    r"web.?hooks?",
    r"\bsenders?\b",
    r"\bposts?(ing)?\b.{0,40}\b(500|403|fail|error|source #?\d+)",
    r"source #?\d+ is paused",
    r"api_key=",
    r"ingest url",
)
_REJECTED = _words(
    r"quarantine",
    r"what (was|were|got|did).{0,30}(reject|drop|lost|fail)",
    r"reject\w+ (record|row)s?",
    r"which (records|rows)",
    r"error records?",
    r"bad records?",
)
_NO_NEXSET = _words(
    r"no (nexset|data ?set)",
    r"(nexset|data ?set)s? (is|are|does|do|did|was|were|has)?.{0,20}(missing|not (appear|there|created|detected|exist)|empty)",
    r"new(ly)? (created )?source",
    r"just created",
    r"created .{0,30}(minutes|hour) ago",
)
_UNKNOWN_PARAMETER = _words(
    r"additional propert",
    r"outside of the schema",
    r"(unknown|unsupported|invalid) (query )?param",
    r"query (param\w*|string|filter)\b.{0,60}\b(refus|reject|ignor|fail|400|not (known|supported))",
    r"\?[a-z_]+=.*\b400\b",
    r"\b400\b.*\?[a-z_]+=",
    r"GET /\w+\?.*ignored",
)
_DUPLICATES = _words(
    r"\bduplicat\w*", r"\btwice\b", r"double(d)? (count|record|row)?", r"same (rows|records|data) (again|several)"
)
_TRUNCATED = _words(
    r"truncat\w*",
    r"only (the )?first (page|\d+)",
    r"(always|exactly|constantly?) (the same|\d[\d,.]*) (records|rows)",
    r"\bincomplete\b",
    r"paginat\w*",
    r"capped at",
)
_UNTRANSFORMED = _words(
    r"transform\w*.{0,60}\b(nothing|no effect|not (appl|work|chang|run)|ignored|silently|unchanged|skipped)",
    r"(data|records|output|fields?).{0,40}\b(unchanged|not transformed|untransformed|raw|same as (the )?input)",
)
_KEY = _words(r"(wrong|bad|rotated|invalid|old) (api )?key", r"key (was |got |has been )?rotated")
_TASK = _words(
    r"async\w* task",
    r"\btask\b.{0,40}\b(stuck|pending|running|never|hang)",
    r"(stuck|hang\w*|pending).{0,20}\btask\b",
    r"(bulk|export|job).{0,30}(stuck|never (finish|end)|hang)",
)
_API_401 = _words(
    r"(GET|PUT|POST|DELETE) /.{0,80}\b401\b",
    r"\b(every|all|any) (call|request)s?\b.{0,40}\b401\b",
    r"\b401\b.{0,40}\b(every|all|any) (call|request)",
    r"(my|our) (session|token|service key).{0,40}(401|expired)",
)
_SLOW = _words(r"\bslow(er|ly)?\b", r"\blag(s|ging)?\b", r"behind", r"delay\w*", r"late\b", r"back ?log")
_LOOKUP = _words(r"\blookups?\b", r"data.?maps?\b", r"enrich\w*")


@dataclass(frozen=True, slots=True)
class Leads:
    """What a symptom suggests looking at."""

    text: str = ""
    statuses: frozenset[int] = frozenset()
    resources: tuple[tuple[str, int], ...] = ()
    parameters: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    flags: frozenset[str] = field(default_factory=frozenset)

    def __contains__(self, flag: str) -> bool:
        return flag in self.flags

    def named(self, *kinds: str) -> tuple[str, int] | None:
        """The first resource of one of these kinds that the text names."""
        return next((r for r in self.resources if r[0] in kinds), None)


def read_symptom(text: str | None) -> Leads:
    """The leads in a person's words."""
    said = (text or "").strip()[:4000]
    if not said:
        return Leads()
    refused = bool(_REFUSED.search(said))
    flags = {
        "refused_activate": refused and bool(_ACTIVATE.search(said)) and not _NO_LOGS.search(said),
        "refused_pause": bool(_PAUSE.search(said)),
        "refused_delete": refused and bool(_DELETE.search(said)) and not _MISSING.search(said),
        "refused_update": refused and bool(_UPDATE.search(said)),
        "missing": bool(_MISSING.search(said)),
        "page": bool(_PAGE.search(said)),
        "no_logs": bool(_NO_LOGS.search(said)),
        "docs": bool(_DOCS.search(said)),
        "probe_sample": bool(_PROBE_SAMPLE.search(said)),
        "webhook": bool(_WEBHOOK.search(said)),
        "rejected": bool(_REJECTED.search(said)),
        "no_nexset": bool(_NO_NEXSET.search(said)),
        "unknown_parameter": bool(_UNKNOWN_PARAMETER.search(said)),
        "duplicates": bool(_DUPLICATES.search(said)),
        "truncated": bool(_TRUNCATED.search(said)),
        "untransformed": bool(_UNTRANSFORMED.search(said)),
        "wrong_key": bool(_KEY.search(said)),
        "task": bool(_TASK.search(said)),
        "slow": bool(_SLOW.search(said)),
        "lookup": bool(_LOOKUP.search(said)),
        "api_401": bool(_API_401.search(said)),
        "throttled": Kind.THROTTLED in kinds_of(said),
    }
    resources = tuple(dict.fromkeys((kind_of(m["kind"]) or m["kind"].lower(), int(m["id"])) for m in _RESOURCE.finditer(said)))
    return Leads(
        text=said,
        statuses=frozenset(int(s[0]) for s in _STATUS.findall(said)),
        resources=resources,
        parameters=tuple(m["name"] for m in _PARAMETER.finditer(said)),
        kinds=kinds_of(said),
        flags=frozenset(name for name, found in flags.items() if found),
    )
