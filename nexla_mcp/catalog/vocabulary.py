"""Words people use, and the things and actions of the platform they stand for.

    vocabulary = load_vocabulary()
    vocabulary.understand("who may pause this pipeline?").actions     # {"access_list": 1.6, ...}

Everything about the language stands in ``tool_specs/search/vocabulary.json``: phrases of things and actions (``*`` stands
for a few words, ``^`` and ``$`` for the ends of a clause), meanings that the name of an operation does not tell, groups of
words that are alike, fillers, names of foreign systems. Here is only the reading of it: stems, repair of typing errors, of
overlapping phrases the longest.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from nexla_mcp.catalog.loader import data_root

_FURTHER_WORD = 0.7  # what every further word of a phrase adds to its weight of 1
_LATER_ACTION = 0.6  # for an action that is not the first of its clause
_TOLD = 0.3  # for a verb that tells ("failed") instead of asking
_GAP = 4  # words that a * may stand for
_MAX_CHARS = 1500

_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_VOWELS = re.compile("[aeiouy]+")
_CLAUSE = re.compile(r"[,.;:!?]+(?:\s+|$)|\s+-+\s+|\b(?:and|but|because|so that)\b")
_QUESTION = re.compile(
    r"^\W*(?:which|what|whats|who|whos|whose|is|are|did|does|has|have|was|were|when|where|wheres"
    r"|how (?:many|much|far|often|old|long|big|is|are))\b(?! (?:do|can|should|must) (?:i|we)\b)"
    r"|\b(?:is|are) there\b"
)
_ERROR = re.compile(r"""[{"']\s*(?:error|message|status)\b|\w+(?:Error|Exception)\b|^\W*[45]\d\d\b|[Tt]raceback""")
_WHO_DID = re.compile(
    r"\bwho (?:else |has |have |had |just |last |recently )*"
    r"(?:(?!need|want|allow|call|nam)\w+ed|set|put|made|did|broke|wrote|took|cut|shut)\b"
)
_QUOTED = (  # what stands for a thing instead of naming it
    (re.compile(r"\S+@\S+\.\w+"), " somebody "),
    (re.compile(r"\b(?:https?|s3a?|gs|sftp|ftp|abfss?)://\S+"), " path "),
    (re.compile(r"\b[\w/.-]+\.(?:csv|tsv|txt|json|jsonl|parquet|avro|orc|xlsx?|xml|gz|zip)\b"), " file "),
    (re.compile(r"\{[^{}]{3,}\}"), " json "),
)
_NOT = re.compile(r"\b(do|does|did|is|are|was|were|has|have|ca|could|should|would|must|need|wo)n'?t\b")
_READING = frozenset({"list", "get", "search", "count"})
_NEGATIONS = frozenset({"not", "never", "without", "no"})


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for: the stems of every word, and the concepts with their weights (1 and more).

    ``gives`` and ``takes`` say that only one of the two is asked for: a share or a start, a removal or a stop; ``changes``
    that anything is to be changed; ``bare`` that nothing is said but what to look at.
    """

    words: tuple[str, ...]
    things: dict[str, float]
    actions: dict[str, float]
    plurals: frozenset[str]
    question: bool
    numbered: bool
    gives: bool
    takes: bool
    changes: bool
    bare: bool


class Vocabulary:
    """The data file in the form that reading needs; texts that are indexed add their words to ``known``."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.known: Counter[str] = Counter()
        self.alike: dict[str, str] = {}
        for group in data["alike"]:
            words = stems(group)
            self.known.update(words)
            for word in words:
                self.alike.setdefault(word, f"x{words[0]}")
        fillers = stems(" ".join(data["fillers"]))
        self.known.update(fillers)
        self.ignored = frozenset(fillers) - self.alike.keys() | frozenset(stems(" ".join(data["systems"])))
        self.things = frozenset(data["things"])
        self.gives, self.takes = frozenset(data["gives"].split()), frozenset(data["takes"].split())
        self.changes = self.gives | self.takes | frozenset(data["changes"].split())
        self.meanings = {name: frozenset(concepts.split()) for name, concepts in data["meanings"].items()}
        self._phrases: dict[str, dict[str, list[tuple[tuple[str, ...], str]]]] = {}  # by the first word and the second, if any
        for concept, phrases in [*data["things"].items(), *data["actions"].items()]:
            for phrase in dict.fromkeys([concept.replace("_", " "), *", ".join(phrases).split(", ")]):
                words = [_stem(word) for word in phrase.split()]
                seconds = self._phrases.setdefault(words[0], {})
                seconds.setdefault(" ".join(words[1:2]), []).append((tuple(words), concept))
                self.known.update(words)

    def understand(self, text: str) -> Request:
        """Read a request; any text at all will do."""
        lower = _plain(text)
        words: list[str] = []
        plurals: set[str] = set()
        weights: dict[str, float] = {}
        for clause in _CLAUSE.split(lower):
            raw = self._words(clause)
            repaired = [self.repair(word) for word in raw]
            words += repaired
            plurals |= self._plurals(repaired, raw)
            for concept, weight in self._asked(["^", *repaired, "$"], ["", *raw, ""]).items():
                weights[concept] = max(weights.get(concept, 0.0), weight)
        if _ERROR.search(text[:_MAX_CHARS]):
            weights["error_text"] = 2.0
        if _WHO_DID.search(lower):
            weights["audit"] = max(weights.get("audit", 0.0), 1.6)
        actions = {c: w for c, w in weights.items() if c not in self.things}
        strong = {action for action, weight in actions.items() if weight >= 1}
        question, numbered = bool(_QUESTION.search(lower)), bool(re.search(r"\b\d{1,7}\b", lower))
        return Request(
            words=tuple(words),
            things={c: w for c, w in weights.items() if c in self.things},
            actions=actions,
            plurals=frozenset(plurals),
            question=question,
            numbered=numbered,
            gives=bool(strong & self.gives and not strong & self.takes),
            takes=bool(strong & self.takes and not strong & self.gives),
            changes=bool(strong & self.changes and not question),
            bare=not numbered and all(w < 0.6 for a, w in actions.items() if a not in _READING),
        )

    def marks(self, text: str) -> frozenset[str]:
        """What can be counted in a text: its words, their groups, pairs of neighbours, and concepts (``C:pause``)."""
        words = ["#" if word.isdigit() else self.repair(word) for word in self._words(_plain(text))]
        pairs = map(" ".join, pairwise(["^", *words, "$"]))
        groups = (self.alike[word] for word in words if word in self.alike)
        return frozenset((*words, *groups, *pairs, *(f"C:{concept}" for concept in self.concepts(["^", *words, "$"]))))

    def concepts(self, words: Sequence[str]) -> dict[str, list[int]]:
        """The concepts that stems stand for, with the positions of their words; of overlapping phrases the longest."""
        present = frozenset(words)
        found = [
            (positions, concept)
            for start, word in enumerate(words)
            if (seconds := self._phrases.get(word))
            for second in ("", "*", *words[start + 1 : start + 2])
            for phrase, concept in seconds.get(second, ())
            if phrase[-1] in present and (positions := _match(words, start, phrase))
        ]
        found.sort(key=lambda f: (-len(f[0]), f[0][0]))
        covered = [0] * len(words)
        out: dict[str, list[int]] = {}
        for positions, concept in found:
            if all(covered[p] <= len(positions) for p in positions):
                for p in positions:
                    covered[p] = len(positions)
                out.setdefault(concept, positions)
        return out

    def _asked(self, words: Sequence[str], raw: Sequence[str]) -> dict[str, float]:
        """The concepts of one clause, weighed: denied actions are left out, told and later ones count less."""
        denied = [i for i, word in enumerate(raw) if word in _NEGATIONS]
        out, first = {}, len(raw)
        for concept, positions in sorted(self.concepts(words).items(), key=lambda item: item[1][0]):
            weight, at = 1 + _FURTHER_WORD * (len(positions) - 1), positions[0]
            if concept not in self.things:
                if any(0 < at - d <= 3 and d not in positions for d in denied):
                    continue
                if len(positions) == 1 and _told(raw, at):
                    weight *= _TOLD
                elif at <= first:
                    first = at
                if at > first:
                    weight *= _LATER_ACTION
            out[concept] = weight
        return out

    def _plurals(self, words: Sequence[str], raw: Sequence[str]) -> set[str]:
        """The things that a clause names in the plural, by one word or two."""
        return {
            concept
            for end, word in enumerate(raw)
            if word.endswith("s") and _stem(word) != word
            for start in (end, end - 1)
            if start >= 0
            for phrase, concept in self._phrases.get(words[start], {}).get(" ".join(words[start + 1 : end + 1]), ())
            if concept in self.things and phrase == tuple(words[start : end + 1])
        }

    def _words(self, text: str) -> list[str]:
        """The words of small letters; two that were run together ("healthcheck") are taken apart."""
        return [part for word in _WORD.findall(text) for part in self._parts(word)]

    def _parts(self, word: str) -> tuple[str, ...]:
        if len(word) < 7 or word.isdigit() or self.known[_stem(word)] > 2:
            return (word,)
        splits = ((word[:i], word[i:]) for i in range(3, len(word) - 2))
        return next((two for two in splits if all(self.known[_stem(part)] > 3 for part in two)), (word,))

    def repair(self, word: str) -> str:
        """The stem of ``word``; for an unknown word that of the known one a single slip of the fingers away."""
        stem = _stem(word)
        if stem in self.known or len(word) < 3 or word.isdigit():
            return stem
        typed = {stem, word}
        near = {known for t in typed for cut in _cuts(t) for known in self._by_cut.get(cut, ()) if _one_slip(t, known)}
        if len(word) < 5:
            near = {known for known in near if sorted(known) in (sorted(stem), sorted(word))}
        bones = _VOWELS.sub("", stem)
        return min(near or {stem}, key=lambda w: (_VOWELS.sub("", w) != bones, -self.known[w], w))

    @cached_property
    def _by_cut(self) -> dict[str, list[str]]:
        """Known words by each form that lacks one letter: two words a slip apart share such a form."""
        out: dict[str, list[str]] = defaultdict(list)
        for word, seen in self.known.items():
            if len(word) > 2 and seen > 1:
                for cut in _cuts(word):
                    out[cut].append(word)
        return out


def load_vocabulary() -> Vocabulary:
    """The vocabulary that comes with the package."""
    return Vocabulary(json.loads((data_root("tool_specs") / "search" / "vocabulary.json").read_bytes()))


def stems(text: str) -> list[str]:
    """The stems of the words of ``text``; CamelCase and snake_case are taken apart."""
    return [_stem(word) for word in _WORD.findall(_CAMEL.sub(" ", text.replace("'", "")).lower())]


def _plain(text: str) -> str:
    """Small ASCII letters; CamelCase taken apart, "isn't" written out."""
    plain = unicodedata.normalize("NFKD", text[:_MAX_CHARS]).encode("ascii", "ignore").decode()
    if plain.islower() and plain.replace(" ", "").isalnum():
        return plain
    for pattern, words in _QUOTED:
        plain = pattern.sub(words, plain)
    return _NOT.sub(r"\1 not", _CAMEL.sub(" ", plain).lower()).replace("'", "")


def _match(words: Sequence[str], start: int, phrase: Sequence[str]) -> list[int]:
    """Where the words of ``phrase`` stand when it begins at ``start``; empty when it does not."""
    positions, gap = [start], 0
    for word in phrase[1:]:
        if word == "*":
            gap = _GAP
            continue
        after = positions[-1] + 1
        if word not in words[after : after + gap + 1]:
            return []
        positions.append(words.index(word, after))
        gap = 0
    return positions


def _told(raw: Sequence[str], at: int) -> bool:
    """True for "deleted" and "fails", not for "delete" and "must be deleted"."""
    return raw[at].endswith(("s", "ed")) and not raw[at].endswith(("ss", "need")) and raw[at - 1] not in ("be", "get", "being")


def _one_slip(typed: str, known: str) -> bool:
    """True when one letter was missed, doubled or mistaken, but not the first, or two neighbours were swapped."""
    if len(typed) != len(known):
        long, short = sorted((typed, known), key=len, reverse=True)
        return typed[0] == known[0] and any(long[:i] + long[i + 1 :] == short for i in range(len(long)))
    wrong = [i for i, (a, b) in enumerate(zip(typed, known, strict=True)) if a != b]
    if len(wrong) == 2:
        return wrong[1] == wrong[0] + 1 and sorted(typed) == sorted(known)
    return len(wrong) == 1 and wrong[0] > 0


def _cuts(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    """A light stem: plural, -ing, -ed and a last e or y are taken off."""
    if len(word) < 4 or word.isdigit():
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "xes", "ches", "shes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= 3 and re.search("[aeiouy]", root):
            word = root[:-1] if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz" else root
            break
    if word.endswith("e") and len(word) > 3:
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 else word
