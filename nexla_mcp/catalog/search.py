"""Find an operation or a runbook by what somebody wants to do: ranked, never empty.

    SearchIndex(catalog).search("stop ingesting", limit=5)     # [Hit("flows_pause", ...), ...]

How ranking works. Three kinds of evidence are weighed and added up.
*Words*: those of the request, and those alike, are looked up with SQLite's FTS5 and bm25, over name, title, synonyms and
description. *Wordings*: how likely it is that an operation is asked for in these words (``wordings.py``). *Meaning*: the
vocabulary finds things (flow, credential, run...) and actions (pause, share, list...) in the request and, in the same way,
in the name of every operation. What they have in common counts for the operation, the rarer the more; a resource that was
not named counts against it. A question counts against what changes something, a bare plural
for the list, a number against it; an undocumented or deprecated route comes after its twin. What each weighs stands in
``tool_specs/search/weights.json``, learned by ``benchmarks/search_weights.py``.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import mul

from nexla_mcp.catalog.catalog import PREFIX, Catalog
from nexla_mcp.catalog.loader import data_root
from nexla_mcp.catalog.records import Operation, ToolSpec
from nexla_mcp.catalog.vocabulary import Request, Vocabulary, load_vocabulary, stems
from nexla_mcp.catalog.wordings import Family, Wordings

COLUMNS = {"name": 3.0, "title": 3.0, "synonyms": 4.0, "description": 1.0}
EVIDENCE = (
    "words",
    "wordings",
    "resource",
    "topic",
    "action",
    "resource not named",
    "plural for a list",
    "number for a list",
    "question for a change",
    "read for a change",
    "opposite action",
    "long name",
    "undocumented",
    "deprecated",
    "tool of this server",
)
_COMMON_ACTION = 4.0  # an action is not worth more than this, however rare
_CLAUSE = re.compile(r"[.;:,]\s")
_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_SHARING = frozenset({"share", "unshare", "set_access", "access_list"})
_PEOPLE = frozenset({"user", "member", "team", "organization", "current_user"})
_TROUBLE = frozenset({"debug", "broken", "sla", "flow_health", "error_text", "org_health"})


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
    """What an operation or a runbook is about, in concepts of the vocabulary.

    ``resources`` and ``topics`` are those of its name; ``also`` are the resources, ``about`` the topics and ``does`` the
    actions when what its name does not say is counted in.
    """

    resources: frozenset[str]
    topics: frozenset[str]
    also: frozenset[str]
    about: frozenset[str]
    does: frozenset[str]
    reads: bool
    lists: bool
    gives: bool
    takes: bool
    tool: bool
    length: float
    undocumented: bool
    deprecated: bool


class SearchIndex:
    """An index over all that a catalogue has, but for the catalogue tools, which every client sees anyway."""

    def __init__(self, catalog: Catalog, vocabulary: Vocabulary | None = None) -> None:
        self._catalog = catalog
        self._vocabulary = vocabulary or load_vocabulary()
        tools = {name: tool for name, tool in catalog.tools.items() if tool.kind != "catalogue"}
        self._records: dict[str, Operation | ToolSpec] = {**catalog.operations, **tools}
        self._resources = frozenset[str]().union(*map(self._things, catalog.toolsets))
        self._entries = {name: self._about(record) for name, record in self._records.items()}
        used = Counter(c for e in self._entries.values() for c in e.resources | e.also | e.about | e.does)
        self._rarity = {concept: math.log(1 + len(self._entries) / count) for concept, count in used.items()}
        texts = {name: self._texts(record) for name, record in self._records.items()}
        self._db = self._text_index(texts)
        family = {name: self._family(record) for name, record in self._records.items()}
        self._wordings = Wordings(self._vocabulary, {n: [t for column in cs for t in column] for n, cs in texts.items()}, family)
        weights = json.loads((data_root("tool_specs") / "search" / "weights.json").read_bytes())
        self._weights = [float(weights[evidence]) for evidence in EVIDENCE]

    def search(self, query: str, *, limit: int = 8, toolset: str | None = None) -> list[Hit]:
        """The best matches; a toolset that nobody has is ignored, so that there always is a result."""
        evidence = self.evidence(query)
        scores = {name: sum(map(mul, self._weights, of)) for name, of in evidence.items()}
        exact = self._catalog.resolve(query[:80])
        if exact is not None and exact.name in scores:
            scores[exact.name] += 1000
        elif not any(any(of[:5]) for of in evidence.values()):  # nothing was understood: where one may start
            scores = {name: float(self._catalog.toolset_of(record) == "runbook") for name, record in self._records.items()}
        inside = [n for n, r in self._records.items() if toolset in (None, self._catalog.toolset_of(r))] or list(scores)
        ranked = sorted(inside, key=lambda name: (-scores[name], name))
        return [self._hit(name, -scores[name]) for name in ranked[:limit]]

    def evidence(self, query: str) -> dict[str, tuple[float, ...]]:
        """What speaks for and against every entry, in the order of ``EVIDENCE``."""
        asked = self._in_focus(self._vocabulary.understand(query))
        words, wordings = self._word_scores(asked.words), self._wordings.scores(self._vocabulary.marks(query))
        return {
            name: (words.get(name, 0.0), wordings.get(name, 0.0), *self._meaning(entry, asked))
            for name, entry in self._entries.items()
        }

    def _meaning(self, entry: Entry, asked: Request) -> tuple[float, ...]:
        things, actions, rarity = asked.things, asked.actions, self._rarity
        topics = entry.about & things.keys()
        done = entry.does & actions.keys()
        wanted = entry.tool and bool(topics or (not entry.about and done))
        listed = entry.lists and entry.topics <= things.keys()
        return (
            sum(rarity[c] * things[c] for c in sorted(entry.resources & things.keys())),
            sum(rarity[c] * things[c] for c in sorted(topics)),
            sum(min(_COMMON_ACTION, rarity[c]) * actions[c] for c in sorted(done)),
            not (wanted if entry.tool else entry.also & things.keys()),
            listed and asked.bare and not asked.plurals.isdisjoint(entry.topics | entry.resources),
            listed and asked.numbered,
            asked.question and not entry.reads,
            asked.changes and entry.reads,
            (asked.gives and entry.takes) or (asked.takes and entry.gives),
            entry.length,
            entry.undocumented,
            entry.deprecated,
            wanted,
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

    def _texts(self, record: Operation | ToolSpec) -> tuple[list[str], ...]:
        """What is written about a record, by column; clauses that refer to another operation are left out."""
        clauses = [c for c in _CLAUSE.split(record.description) if not self._records.keys() & set(_NAME.findall(c))]
        return [record.name.removeprefix(PREFIX)], [record.title], list(record.synonyms), clauses

    def _family(self, record: Operation | ToolSpec) -> Family:
        if isinstance(record, ToolSpec):
            return Family(record.toolset or record.name, record.name)
        toolset = self._catalog.toolset_of(record)
        return Family(toolset, record.name.removeprefix(f"{toolset}_"))

    def _text_index(self, texts: dict[str, tuple[list[str], ...]]) -> sqlite3.Connection:
        """One row a record: the stems of its texts and the groups they are in."""
        rows = [(name, *(self._indexed(" ".join(column)) for column in columns)) for name, columns in texts.items()]
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
        tool = isinstance(record, ToolSpec)
        if isinstance(record, ToolSpec):
            resources, reads = frozenset[str](), record.hints.read_only
            topics = named & things - self._resources if record.kind == "runbook" else also & things
            actions = frozenset() if record.kind == "runbook" and topics else actions
        else:
            resources, reads = self._things(self._catalog.toolset_of(record)), record.reads
            topics = named & things - resources
            if reads and not actions:
                actions |= {"get"}
            if reads and "get" in actions and (record.returns.shape == "list" or name.endswith("s")):
                also |= {"list"}
        does, gives, takes = (actions | also) - things, self._vocabulary.gives, self._vocabulary.takes
        return Entry(
            resources=resources,
            topics=topics,
            also=(resources | also) & self._resources,
            about=topics | also & things - self._resources,
            does=does,
            reads=reads,
            lists=reads and "list" in does,
            gives=bool(does & gives) and not does & takes,
            takes=bool(does & takes) and not does & gives,
            tool=tool,
            length=0.0 if tool else math.log(len(self._family(record).action.split("_"))),
            undocumented=isinstance(record, Operation) and not record.documented,
            deprecated=name.endswith("_legacy") or name.startswith("data_flows_"),
        )

    def _things(self, toolset: str) -> frozenset[str]:
        return frozenset(self._vocabulary.concepts(stems(toolset))) & self._vocabulary.things

    def _hit(self, name: str, score: float) -> Hit:
        record = self._records[name]
        return Hit(
            name=name,
            title=record.title,
            risk=str(record.risk) if isinstance(record, Operation) else ("read" if record.hints.read_only else "write"),
            toolset=self._catalog.toolset_of(record),
            sentence=record.description.split(". ")[0].rstrip(".") + ".",
            score=round(score, 3),
        )
