"""Find an operation or a runbook by what somebody wants to do: ranked, never empty.

    SearchIndex(catalog).search("stop ingesting", limit=5)     # [Hit("flows_pause", ...), ...]

SQLite's FTS5 with bm25 over names, titles, synonyms, descriptions and argument names, in memory, built on
the first search. A word that no spec contains is replaced by the nearest one that does, for typing errors.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from difflib import get_close_matches

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.records import Operation, ToolSpec

_WEIGHTS = (6.0, 5.0, 6.0, 1.0, 0.5, 3.0)
_COLUMNS = ("words", "title", "synonyms", "description", "arguments", "toolset")
_WORD = re.compile(r"[a-z0-9]+")
_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "could",
        "do",
        "does",
        "did",
        "for",
        "from",
        "get",
        "give",
        "had",
        "has",
        "have",
        "hello",
        "help",
        "hey",
        "hi",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "know",
        "let",
        "like",
        "look",
        "me",
        "my",
        "need",
        "now",
        "of",
        "on",
        "or",
        "our",
        "out",
        "please",
        "pls",
        "show",
        "so",
        "some",
        "tell",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "thing",
        "this",
        "to",
        "up",
        "us",
        "want",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whom",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "im",
        "ive",
        "id",
        "dont",
    ]
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One result; a lower ``score`` is a better match."""

    name: str
    title: str
    risk: str
    toolset: str
    sentence: str
    score: float


class SearchIndex:
    """An index over every operation, runbook and catalogue tool of a catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute(
            f"CREATE VIRTUAL TABLE docs USING fts5(name UNINDEXED, {', '.join(_COLUMNS)}, tokenize='porter unicode61')"
        )
        records: list[Operation | ToolSpec] = [*catalog.operations.values(), *catalog.tools.values()]
        self._db.executemany(f"INSERT INTO docs VALUES (?{', ?' * len(_COLUMNS)})", [self._row(r) for r in records])  # noqa: S608
        self._words = sorted(
            {word for record in records for text in self._row(record)[1:] for word in _WORD.findall(text.lower())}
        )
        self._known = frozenset(self._words)

    def search(self, query: str, *, limit: int = 8, toolset: str | None = None) -> list[Hit]:
        """The best matches; when nothing matches at all, the catalogue's starting points."""
        words = self._query_words(query)
        names: list[tuple[str, float]] = []
        if words:
            match = " OR ".join(f'"{w}"' if len(w) < 4 else f'"{w}"*' for w in words)
            weights = ", ".join(map(str, (0.0, *_WEIGHTS)))
            names = self._db.execute(
                f"SELECT name, bm25(docs, {weights}) AS score FROM docs WHERE docs MATCH ? ORDER BY score, name LIMIT 200",  # noqa: S608
                (match,),
            ).fetchall()
        hits = [hit for name, score in names if (hit := self._hit(name, score)) and toolset in (None, hit.toolset)]
        if not hits:
            hits = [
                h for name in self._catalog.nearest(query, limit) if (h := self._hit(name, 0.0)) and toolset in (None, h.toolset)
            ]
        if not hits and toolset in self._catalog.toolsets:
            hits = [self._hit(o.name, 0.0) for o in self._catalog.toolsets[toolset].operations]
        if not hits:
            hits = [self._hit(t.name, 0.0) for t in self._catalog.tools.values()]
        return hits[:limit]

    def _query_words(self, query: str) -> list[str]:
        words = _WORD.findall(query.lower().replace("'", ""))[:60]
        kept = [w for w in words if w not in _STOP] or words
        return [w if w in self._known else self._nearest(w) for w in dict.fromkeys(kept)]

    def _nearest(self, word: str) -> str:
        if len(word) < 4 or word.isdigit():
            return word
        near = get_close_matches(
            word, [w for w in self._words if w[:1] == word[:1] and abs(len(w) - len(word)) < 3], n=1, cutoff=0.75
        )
        return near[0] if near else word

    def _row(self, record: Operation | ToolSpec) -> tuple[str, ...]:
        name = record.name.removeprefix("nexla_")
        toolset = self._catalog.toolset_of(record) if isinstance(record, Operation) else record.kind
        return (
            record.name,
            name.replace("_", " "),
            record.title,
            " . ".join(record.synonyms),
            record.description,
            " ".join(record.parameters).replace("_", " "),
            toolset.replace("_", " "),
        )

    def _hit(self, name: str, score: float) -> Hit:
        record = self._catalog.operations.get(name) or self._catalog.tools[name]
        return Hit(
            name=name,
            title=record.title,
            risk=str(record.risk) if isinstance(record, Operation) else ("read" if record.hints.read_only else "write"),
            toolset=self._catalog.toolset_of(record) if isinstance(record, Operation) else record.kind,
            sentence=record.description.split(". ")[0].rstrip(".") + ".",
            score=round(score, 3),
        )
