"""Learn what each kind of evidence weighs in a search, from the labelled questions that are not held out.

    python -m benchmarks.search_weights            # shows R@1 and R@3, on questions it was not fitted to as well
    python -m benchmarks.search_weights --update   # writes tool_specs/search/weights.json

A linear softmax over the best candidates of each question, fitted by gradient descent; five-fold cross-validation says what
to expect of questions nobody has seen.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from hashlib import sha256
from operator import mul
from pathlib import Path

from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.catalog.search import EVIDENCE, SearchIndex

ROOT = Path(__file__).parents[1]
QUESTIONS = ROOT / "tests" / "catalog" / "search_questions.json"
WEIGHTS = ROOT / "tool_specs" / "search" / "weights.json"
CANDIDATES, ROUNDS, RATE, DECAY, FOLDS = 30, 250, 1.0, 0.0005, 5

Example = list[tuple[bool, tuple[float, ...]]]
"""The candidates of one question, the best first: right or not, and the evidence."""


def examples() -> list[tuple[int, Example]]:
    """Each question with its fold; what has no answer in the catalogue yet is left out."""
    catalog = load_catalog()
    index, names = SearchIndex(catalog), catalog.operations.keys() | catalog.tools.keys()
    out = []
    for question in json.loads(QUESTIONS.read_text())["questions"]:
        right = names & set(question["answers"])
        if question["held_out"] or not right:
            continue
        text, evidence = question["question"], index.evidence(question["question"])
        best = [hit.name for hit in index.search(text, limit=CANDIDATES)]
        best += [name for name in sorted(right) if name not in best and name in evidence]
        fold = int(sha256(text.encode()).hexdigest(), 16) % FOLDS
        out.append((fold, [(name in right, evidence[name]) for name in best]))
    return out


def fit(data: list[Example]) -> list[float]:
    """The weights that make the right candidates likely; evidence is scaled to like size first."""
    rows = [of for example in data for _, of in example]
    scale = [math.sqrt(math.fsum(of[i] ** 2 for of in rows) / len(rows)) or 1.0 for i in range(len(EVIDENCE))]
    scaled = [[(right, [x / s for x, s in zip(of, scale, strict=True)]) for right, of in example] for example in data]
    weights, speed = [0.0] * len(EVIDENCE), [0.0] * len(EVIDENCE)
    for _ in range(ROUNDS):
        slope = [-2 * DECAY * w for w in weights]
        for example in scaled:
            likely = [math.exp(min(math.fsum(map(mul, weights, of)), 500)) for _, of in example]
            total, hit = math.fsum(likely), math.fsum(p for p, (right, _) in zip(likely, example, strict=True) if right)
            for p, (right, of) in zip(likely, example, strict=True):
                pull = (p / hit if right else 0.0) - p / total
                slope = [g + pull * x / len(scaled) for g, x in zip(slope, of, strict=True)]
        speed = [0.9 * v + RATE * g for v, g in zip(speed, slope, strict=True)]
        weights = [w + v for w, v in zip(weights, speed, strict=True)]
    return [w / s for w, s in zip(weights, scale, strict=True)]


def found(data: list[Example], weights: list[float], first: int) -> float:
    """The share of questions with a right answer among the first ``first``."""
    hits = 0
    for example in data:
        ranked = sorted(example, key=lambda e: -math.fsum(map(mul, weights, e[1])))
        hits += any(right for right, _ in ranked[:first])
    return hits / len(data)


def main() -> int:
    """Print the figures; with --update write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true")
    update = parser.parse_args().update
    data = examples()
    for fold in range(FOLDS):
        rest, kept = [e for f, e in data if f != fold], [e for f, e in data if f == fold]
        weights = fit(rest)
        print(f"fold {fold + 1}: {len(kept)} questions, R@1 {found(kept, weights, 1):.3f}, R@3 {found(kept, weights, 3):.3f}")
    everything = [e for _, e in data]
    learned = dict(zip(EVIDENCE, (round(w, 3) for w in fit(everything)), strict=True))
    print(json.dumps(learned, indent=2))
    if update:
        WEIGHTS.write_text(json.dumps(learned, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
