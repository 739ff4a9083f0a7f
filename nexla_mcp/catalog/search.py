"""Find an operation or a runbook by what somebody wants to do: ranked, never empty.

    SearchIndex(catalog).search("stop ingesting", limit=5)     # [Hit("flows_pause", ...), ...]

How ranking works. Two kinds of evidence are weighed and added up.
*Words*: those of the request, and those alike, are looked up with SQLite's FTS5 and bm25, over name, title, synonyms and
description. *Meaning*: the vocabulary finds things (flow, credential, run...) and actions (pause, share, list...) in the
request and, in the same way, in the name of every operation. What they have in common counts for the operation, the rarer
the more; a resource that was not named, or a topic nobody asked for, counts against it. A question counts against what
changes something, a bare plural for the list; an undocumented or deprecated route comes after its twin.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import mul

from nexla_mcp.catalog.catalog import PREFIX, Catalog
from nexla_mcp.catalog.records import Operation, ToolSpec
from nexla_mcp.catalog.vocabulary import Request, Vocabulary, load_vocabulary, stems

COLUMNS = {"name": 3.0, "title": 3.0, "synonyms": 4.0, "description": 1.0}
WEIGHTS = {
    "words": 0.5,
    "resource": 0.5,
    "topic": 0.4,
    "action": 0.7,
    "topic not asked for": -0.2,
    "resource not named": -2.0,
    "plural for a list": 2.5,
    "question for a change": -4.5,
    "runbook": 4.0,
}
UNDOCUMENTED, DEPRECATED = -0.4, -3.0
_COMMON_ACTION = 4.0  # an action is not worth more than this, however rare
_CLAUSE = re.compile(r"[.;:,]\s")
_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_SHARING = frozenset({"share", "unshare", "set_access", "access_list"})
_PEOPLE = frozenset({"user", "member", "team", "organization", "current_user"})
_TROUBLE = frozenset({"debug", "broken", "sla", "flow_health", "error_text", "org_health"})
_READING = frozenset({"list", "get", "search", "count"})


@dataclass(frozen=True, slots=True)
class Hit:
    """One result; a lower ``score`` is a better match."""

    name: str
    title: str
    risk: str
    toolset: str
    sentence: str
    score: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What an operation or a runbook is about, in concepts of the vocabulary; ``also`` is what its name does not say."""

    resources: frozenset[str]
    topics: frozenset[str]
    actions: frozenset[str]
    also: frozenset[str]
    reads: bool
    runbook: bool
    prior: float


class SearchIndex:
    """An index over all that a catalogue has, but for the catalogue tools, which every client sees anyway."""

    def __init__(self, catalog: Catalog, vocabulary: Vocabulary | None = None) -> None:
        self._catalog = catalog
        self._vocabulary = vocabulary or load_vocabulary()
        tools = {name: tool for name, tool in catalog.tools.items() if tool.kind != "catalogue"}
        self._records: dict[str, Operation | ToolSpec] = {**catalog.operations, **tools}
        self._resources = frozenset[str]().union(*map(self._things, catalog.toolsets))
        self._entries = {name: self._about(record) for name, record in self._records.items()}
        used = Counter(c for e in self._entries.values() for c in e.resources | e.topics | e.actions | e.also)
        self._rarity = {concept: math.log(1 + len(self._entries) / count) for concept, count in used.items()}
        self._db = self._text_index()

    def search(self, query: str, *, limit: int = 8, toolset: str | None = None) -> list[Hit]:
        """The best matches; a toolset that nobody has is ignored, so that there always is a result."""
        asked = self._in_focus(self._vocabulary.understand(query))
        words = self._word_scores(asked.words)
        exact = self._catalog.resolve(query[:80])
        scores = {
            name: sum(map(mul, WEIGHTS.values(), self.evidence(entry, asked, words.get(name, 0.0)))) + entry.prior
            for name, entry in self._entries.items()
        }
        if exact is not None and exact.name in scores:
            scores[exact.name] += 1000
        inside = [n for n, r in self._records.items() if toolset in (None, self._toolset(r))] or list(scores)
        if not words and not asked.things and not asked.actions:  # nothing was understood: where one may start
            scores = {name: float(entry.runbook) for name, entry in self._entries.items()}
        ranked = sorted(inside, key=lambda name: (-scores[name], name))
        return [self._hit(name, -scores[name]) for name in ranked[:limit]]

    def evidence(self, entry: Entry, asked: Request, words: float) -> tuple[float, ...]:
        """What speaks for and against one entry, in the order of ``WEIGHTS``."""
        things, actions, rarity = asked.things.keys(), asked.actions.keys(), self._rarity
        resources = (entry.resources | entry.also) & self._resources & things
        topics = (entry.topics | entry.also - self._resources) & things
        done = (entry.actions | entry.also) & actions
        others = entry.topics - things
        wanted = entry.runbook and bool(topics or (not entry.topics and done))
        lists = entry.reads and "list" in entry.actions | entry.also and not others
        bare = not asked.numbered and all(w < 0.6 for a, w in asked.actions.items() if a not in _READING)
        return (
            words,
            math.fsum(rarity[c] * asked.things[c] for c in resources & entry.resources),
            math.fsum(rarity[c] * asked.things[c] for c in topics),
            math.fsum(min(_COMMON_ACTION, rarity[c]) * asked.actions[c] for c in done),
            math.fsum(rarity[c] for c in others),
            float(not (wanted if entry.runbook else resources)),
            float(lists and bare and bool((entry.topics | entry.resources) & asked.plurals)),
            float(asked.question and not entry.reads),
            float(wanted),
        )

    def _in_focus(self, asked: Request) -> Request:
        """Leave out what is only mentioned: people who get or lose access to something, and what an alert should be about."""
        aside: frozenset[str] = frozenset()
        if asked.actions.keys() & _SHARING and (self._resources & asked.things.keys()) - _PEOPLE:
            aside |= _PEOPLE
        if asked.things.get("notification_setting", 0.0) > 1:
            aside |= _TROUBLE
        return replace(asked, things={c: w for c, w in asked.things.items() if c not in aside})

    def _word_scores(self, words: Iterable[str]) -> dict[str, float]:
        terms = [w for w in dict.fromkeys(words) if w not in self._vocabulary.ignored and not w.isdigit()][:60]
        if not terms:
            return {}
        alike = [self._vocabulary.alike[w] for w in terms if w in self._vocabulary.alike]
        match = " OR ".join(f'"{term}"' for term in dict.fromkeys([*terms, *alike]))
        weights = ", ".join(map(str, (0.0, *COLUMNS.values())))
        query = f"SELECT record, -bm25(docs, {weights}) FROM docs WHERE docs MATCH ?"  # noqa: S608
        return dict(self._db.execute(query, (match,)).fetchall())

    def _text_index(self) -> sqlite3.Connection:
        """One row a record: stems and the groups they are in; clauses that refer to another operation are left out."""
        rows = []
        for name, record in self._records.items():
            clauses = [c for c in _CLAUSE.split(record.description) if not self._records.keys() & set(_NAME.findall(c))]
            texts = (name.removeprefix(PREFIX), record.title, " ".join(record.synonyms), " ".join(clauses))
            rows.append((name, *map(self._indexed, texts)))
        db = sqlite3.connect(":memory:", check_same_thread=False)
        db.execute(f"CREATE VIRTUAL TABLE docs USING fts5(record UNINDEXED, {', '.join(COLUMNS)}, tokenize='unicode61')")
        db.executemany(f"INSERT INTO docs VALUES (?{', ?' * len(COLUMNS)})", rows)  # noqa: S608
        return db

    def _indexed(self, text: str) -> str:
        words = [word for word in stems(text) if word not in self._vocabulary.ignored]
        self._vocabulary.known.update(words)
        return " ".join([*words, *(self._vocabulary.alike[w] for w in words if w in self._vocabulary.alike)])

    def _about(self, record: Operation | ToolSpec) -> Entry:
        """The concepts in the name of a record; those of its toolset are its resources."""
        things, name = self._vocabulary.things, record.name.removeprefix(PREFIX)
        named = frozenset(self._vocabulary.concepts(stems(name)))
        also = self._vocabulary.meanings.get(record.name, frozenset())
        actions = (named - things) & set(name.split("_")) or named - things
        if isinstance(record, ToolSpec):
            topics, runbook = named & things - self._resources, record.kind == "runbook"
            return Entry(frozenset(), topics, frozenset() if topics else actions, also, record.hints.read_only, runbook, 0.0)
        resources = self._things(self._catalog.toolset_of(record))
        if record.reads and not actions:
            actions |= {"get"}
        if record.reads and "get" in actions and (record.returns.shape == "list" or name.endswith("s")):
            also |= {"list"}
        prior = 0.0 if record.documented else UNDOCUMENTED
        if name.endswith("_legacy") or name.startswith("data_flows_"):
            prior += DEPRECATED
        return Entry(resources, named & things - resources, actions, also, record.reads, False, prior)

    def _things(self, toolset: str) -> frozenset[str]:
        return frozenset(self._vocabulary.concepts(stems(toolset))) & self._vocabulary.things

    def _toolset(self, record: Operation | ToolSpec) -> str:
        return self._catalog.toolset_of(record) if isinstance(record, Operation) else record.kind

    def _hit(self, name: str, score: float) -> Hit:
        record = self._records[name]
        return Hit(
            name=name,
            title=record.title,
            risk=str(record.risk) if isinstance(record, Operation) else ("read" if record.hints.read_only else "write"),
            toolset=self._toolset(record),
            sentence=record.description.split(". ")[0].rstrip(".") + ".",
            score=round(score, 3),
        )
