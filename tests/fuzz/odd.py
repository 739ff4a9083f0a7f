"""Values that nobody expects, and how many are tried: fixed ones, so that a failure today is one tomorrow.

    @given(value=odd.JSON)
    @odd.examples(150)                  # times FUZZ_FACTOR of the environment

A larger run is ``FUZZ_FACTOR=20 pytest tests/fuzz``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

FACTOR = int(os.environ.get("FUZZ_FACTOR", "1"))
HALF = "\ud83d"
"""Half a character: valid in JSON as an escape, and in no encoding."""
TEXTS = (
    *(
        "",
        " ",
        "0",
        "-1",
        "null",
        "NaN",
        "[]",
        "{}",
        "{",
        "true",
        "5059",
        "1e999",
        "../../token",
        "%00",
        "a/b?c=d#e",
        "\x00",
        HALF,
    ),
    *(
        "x" * 70_000,
        "\u202etxt.exe",
        "\x1b[2J",
        "2026-11-01",
        "9999-99-99",
        "{{facts}}",
        "${jndi:x}",
        "' OR 1=1 --",
        "ACTIVE",
        "owner",
    ),
)
NUMBERS = (
    0,
    -1,
    1,
    2,
    5059,
    6010,
    2**31,
    2**53 + 1,
    2**63,
    -(2**64),
    10**40,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
)


def nested(depth: int, inside: Any = None, *, key: str | None = None) -> Any:
    """A list in a list in a list, or an object in an object."""
    value = inside
    for _ in range(depth):
        value = [value] if key is None else {key: value}
    return value


DEEP = (nested(60), nested(60, key="a"), nested(200, "x"), nested(400, key="properties"))
LEAVES = st.one_of(
    st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.integers(), st.floats(), st.text(max_size=12)
)
_KEYS = st.one_of(
    st.sampled_from(("id", "name", "data", "status", "metrics", "message", "", "__proto__", "a.b", HALF)), st.text(max_size=6)
)
JSON = st.one_of(
    LEAVES,
    st.sampled_from(DEEP),
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=6),
)
"""Whatever Python's JSON writes: NaN and half characters too."""

OTHER_TYPES = st.sampled_from(
    (True, 7, -1, 0.5, "text", "", None, [], {}, [None], [7], [[]], ["text"], [{}], {"id": {}}, {"name": []})
)
"""What stands in place of another type."""


def examples(count: int) -> Callable[[Any], Any]:
    """So many examples, always the same ones."""
    return settings(
        max_examples=count * FACTOR,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    )


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything inside a JSON value, the value itself first."""
    found = [path]
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        found += places(inner, (*path, key))
    return found


def alike(value: Any, path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The places (40 at most) that have the same key as ``path``, as ``status`` has in every row of a list."""
    keys = [key for key in path if isinstance(key, str)]
    return [p for p in places(value) if keys and p and p[-1] == keys[-1]][:40] or [path]


def swapped(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """A copy of ``value`` with ``other`` at ``path``."""
    if not path:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = swapped(copy[path[0]], path[1:], other)
    return copy
