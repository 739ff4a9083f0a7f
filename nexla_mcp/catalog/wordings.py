"""How people ask for an operation, counted over all that is written about it and about its like.

    wordings = Wordings(vocabulary, texts, family)
    wordings.scores(vocabulary.marks("stop the nightly load"))      # {"flows_pause": 9.1, "sources_pause": 7.2, ...}

A language model of the plainest kind. An operation belongs to a resource (``flows``) and does an action (``pause``), and
both are shared with others: what is said of one pause is said of every pause, and any word about flows leads to flows. So a
mark (a word, its group, a pair of neighbours, a concept) is as likely as in the texts of the operation, of its resource, of
its action and of everything, mixed by ``MIXTURE``; the score is how much likelier than in everything. Marks that nobody has
written, and those that stand everywhere, weigh nothing: the noise of long sentences falls away by itself.

``tool_specs/search/wordings.json`` has ways of asking beside the synonyms: for an operation, a resource, an action.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from nexla_mcp.catalog.loader import data_root
from nexla_mcp.catalog.vocabulary import Vocabulary, stems

MIXTURE = {"operation": 0.3, "resource": 0.2, "action": 0.2, "everything": 0.3}

Level = tuple[str, str]
"""A key of ``MIXTURE`` and one of its members: ``("action", "pause")``."""


class Family(NamedTuple):
    """What an operation has in common with others."""

    resource: str
    action: str


class Wordings:
    """The counts of one catalogue; what a mark weighs is worked out when it is first asked for."""

    def __init__(self, vocabulary: Vocabulary, texts: Mapping[str, Iterable[str]], family: Mapping[str, Family]) -> None:
        self._family = family
        self._members: dict[Level, list[str]] = defaultdict(list)
        for name in family:
            for level in self._levels(name):
                self._members[level].append(name)
        self._counts: dict[str, list[tuple[Level, int]]] = defaultdict(list)
        self._gains: dict[str, dict[str, float]] = {}
        sizes: dict[Level, int] = defaultdict(int)
        more = json.loads((data_root("tool_specs") / "search" / "wordings.json").read_bytes())
        written = [("operation", name, phrases) for name, phrases in texts.items()]
        written += [(kind[:-1], key, "; ".join(lines).split("; ")) for kind, keys in more.items() for key, lines in keys.items()]
        vocabulary.known.update(word for *_, phrases in written for phrase in phrases for word in stems(phrase))
        for kind, key, phrases in written:
            level = (kind, key)
            if level in self._members:
                seen = Counter(mark for phrase in phrases for mark in vocabulary.marks(phrase))
                sizes[level] += seen.total()
                for mark, count in seen.items():
                    self._counts[mark].append((level, count))
        self._size = sum(sizes.values())
        self._sizes = self._spread(sizes.items())

    def scores(self, marks: Iterable[str]) -> dict[str, float]:
        """How much likelier the marks are for each name than in general, as a logarithm; a name left out has 0."""
        out: dict[str, float] = defaultdict(float)
        for mark in sorted(marks):
            if mark in self._counts:
                for name, gain in self._gain(mark).items():
                    out[name] += gain
        return out

    def _gain(self, mark: str) -> dict[str, float]:
        if mark not in self._gains:
            counts = self._counts[mark]
            share: dict[str, float] = defaultdict(float)
            for level, count in self._spread(counts).items():
                for name in self._members[level]:
                    share[name] += MIXTURE[level[0]] * count / self._sizes[level]
            usual = MIXTURE["everything"] * sum(count for _, count in counts) / self._size
            self._gains[mark] = {name: math.log1p(part / usual) for name, part in share.items()}
        return self._gains[mark]

    def _spread(self, counts: Iterable[tuple[Level, int]]) -> dict[Level, int]:
        """Let what is counted for an operation count for its resource and its action as well."""
        out: dict[Level, int] = defaultdict(int)
        for level, count in counts:
            for each in self._levels(level[1]) if level[0] == "operation" else (level,):
                out[each] += count
        return out

    def _levels(self, name: str) -> tuple[Level, Level, Level]:
        return ("operation", name), ("resource", self._family[name].resource), ("action", self._family[name].action)
