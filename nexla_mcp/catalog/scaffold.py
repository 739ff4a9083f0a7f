"""A draft of a spec entry from a method and a path: names, wiring and risk as the neighbours have them.

    draft = propose(read_toolsets(root), "PUT", "/data_sources/{source_id}/reset")
    draft.toolset, draft.entry["name"], draft.entry["risk"]     # "sources", "sources_reset", "destroy"

What can be known from method, path and the entries there are is filled in; the rest says TO FILL IN. A draft is read
and checked with the others and not offered until ``draft`` is taken out. Unknown is destroy: a risk is only
lower where every operation of the same method and ending has the same one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nexla_mcp.catalog.records import PLACEHOLDER, TO_FILL_IN

UNDOCUMENTED = "Undocumented: may answer 404."
METHODS = ("GET", "POST", "PUT", "DELETE")
Toolsets = Mapping[str, dict[str, Any]]
_HOLE = re.compile(r"\{[^}]*\}")
_ACTIONS = {
    ("GET", False): "list",
    ("GET", True): "get",
    ("POST", False): "create",
    ("PUT", True): "update",
    ("DELETE", True): "delete",
}
_CHANGES = {"PUT": "update", "DELETE": "delete", "POST": "other"}


class ScaffoldError(Exception):
    """No draft can be made; the text says why and what would help."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed entry and the toolset whose file it belongs to; ``reasons`` say where a guess comes from."""

    toolset: str
    entry: dict[str, Any]
    reasons: tuple[str, ...]


def read_toolsets(root: Path) -> dict[str, dict[str, Any]]:
    """The toolset files as they are written, by toolset, drafts included."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(root.glob("*.json"))}


def propose(toolsets: Toolsets, method: str, path: str, *, toolset: str | None = None, name: str | None = None) -> Draft:
    """A draft for one route.

    Raises:
        ScaffoldError: the method or path is no route, it is there already, no toolset fits, or the name is taken.
    """
    method, path = method.upper(), "/" + path.strip().strip("/")
    if method not in METHODS or not re.fullmatch(r"(/([\w.-]+|\{[a-z_]+\}))+", path):
        raise ScaffoldError(
            f"{method} {path} is no route: give a method of {', '.join(METHODS)} and a path as /things/{{thing_id}}."
        )
    everything = [(name_, o) for name_, t in toolsets.items() for o in t["operations"]]
    for where, other in everything:
        if other["method"] == method and _HOLE.sub("{}", other["path"]) == _HOLE.sub("{}", path):
            raise ScaffoldError(f"{method} {path} is there already: {other['name']} in {where}.json.")
    chosen = toolset or _toolset_of(path, everything)
    if chosen is None or chosen not in toolsets:
        said = f"there is no toolset {chosen!r}" if chosen else f"no operation starts with {path.split('{')[0]}"
        raise ScaffoldError(f"{said}. Name one with --toolset: {', '.join(toolsets)}. Or write a new file of that form first.")
    siblings = [o for o in toolsets[chosen]["operations"] if o["path"].split("/")[1] == path.split("/")[1]]
    path, parameters = _path_parameters(path, siblings)
    alike = [o for _, o in everything if o["method"] == method and _ending(o["path"]) == _ending(path)]
    risk, why_risk = _risk(method, path, alike)
    proposed = name or _name(chosen, method, path, everything)
    if any(o["name"] == proposed for _, o in everything):
        raise ScaffoldError(f"The name {proposed} is taken. Choose another with --name.")
    entry = _entry(proposed, method, path, risk, parameters, siblings)
    return Draft(chosen, entry, (f"risk {risk}: {why_risk}",))


def insert(root: Path, draft: Draft) -> int:
    """Write the draft to the end of its toolset's file; returns the line where it begins."""
    from nexla_mcp.catalog.spec_errors import line_of

    file = root / f"{draft.toolset}.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["operations"].append(draft.entry)
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    file.write_text(text, encoding="utf-8")
    return line_of(text, ["operations", len(content["operations"]) - 1])


def _toolset_of(path: str, everything: list[tuple[str, dict[str, Any]]]) -> str | None:
    """The toolset with most operations under the longest beginning that any path shares with this one."""
    words = _HOLE.sub("{}", path).split("/")[1:]
    for length in range(len(words), 0, -1):
        found = Counter(t for t, o in everything if _HOLE.sub("{}", o["path"]).split("/")[1 : length + 1] == words[:length])
        if found and words[:length] != ["{}"]:
            return found.most_common(1)[0][0]
    return None


def _path_parameters(path: str, siblings: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The path with the names that neighbours have for the same places, and the parameters of these places."""
    parameters: dict[str, Any] = {}
    for hole in PLACEHOLDER.findall(path):
        before = path.split("{" + hole + "}")[0]
        twin = next((o for o in siblings if o["path"].startswith(before + "{")), None)
        known = PLACEHOLDER.findall(twin["path"][len(before) :])[0] if twin else hole
        path = path.replace("{" + hole + "}", "{" + known + "}")
        shape = dict(twin["parameters"][known]) if twin else {"in": "path", "type": "integer", "description": TO_FILL_IN}
        parameters[known] = shape
    return path, parameters


def _ending(path: str) -> tuple[str, ...]:
    """What stands behind the first id, or behind the collection where there is none: ``("activate",)``."""
    words = [word if not word.startswith("{") else "{}" for word in path.split("/")[2:]]
    return tuple(words)


def _risk(method: str, path: str, alike: list[dict[str, Any]]) -> tuple[str, str]:
    if method == "GET":
        return "read", "GET"
    risks = {o["risk"] for o in alike}
    if len(risks) == 1 and len(alike) > 1:
        return risks.pop(), f"as {alike[0]['name']} and all {len(alike)} operations of this form"
    return "destroy", "unknown is destroy; lower it when you know what it stops, deletes or exposes"


def _name(toolset: str, method: str, path: str, everything: list[tuple[str, dict[str, Any]]]) -> str:
    """``<toolset>_<action>``, with the action that the same method and ending have elsewhere."""
    ending = _ending(path)
    actions = Counter(
        o["name"].removeprefix(f"{t}_")
        for t, o in everything
        if o["method"] == method and _ending(o["path"]) == ending and o["name"].startswith(f"{t}_")
    )
    if actions:
        return f"{toolset}_{actions.most_common(1)[0][0]}"[:40]
    words = [re.sub(r"\W+", "_", word).lower() for word in ending if word != "{}"]
    action = _ACTIONS.get((method, ending[-1:] == ("{}",)), "")
    verb = [action] if action and (method != "POST" or not words) else []
    return "_".join([toolset, *verb, *words] if words or verb else [toolset, "run"])[:40]


def _entry(
    name: str, method: str, path: str, risk: str, parameters: dict[str, Any], siblings: list[dict[str, Any]]
) -> dict[str, Any]:
    required = list(parameters)
    entry: dict[str, Any] = {
        "name": name,
        "title": f"{TO_FILL_IN}: a title",
        "description": f"{TO_FILL_IN}: what it does and what it does not touch, first sentence standing alone. {UNDOCUMENTED}",
        "risk": risk,
        "method": method,
        "path": path,
        "parameters": parameters,
        "required": required,
        "returns": {"shape": "list" if method == "GET" and not path.endswith("}") else "object", "description": TO_FILL_IN},
        "draft": True,
        "documented": False,
        "in_sdk": False,
        "synonyms": [],
        "examples": [{p: _example(shape) for p, shape in parameters.items()}],
        "sources": [],
    }
    if risk != "read":
        entry["undo"] = {"note": f"{TO_FILL_IN}: the operation that takes it back, or that nothing does."}
    if risk in ("disrupt", "destroy"):
        entry["preview"] = {"change": _CHANGES.get(method, "other")} | _target(required, siblings)
    if method == "POST" and risk == "write":
        entry["creates"] = True
    return entry


def _target(required: list[str], siblings: list[dict[str, Any]]) -> dict[str, Any]:
    """What to read before asking: the get of the resource in the path."""
    for other in siblings:
        if other["method"] == "GET" and other["path"].endswith("}") and other.get("required") == required[:1]:
            return {"target": {"operation": other["name"], "arguments": {required[0]: f"${required[0]}"}}}
    return {}


def _example(shape: dict[str, Any]) -> Any:
    if shape.get("enum"):
        return shape["enum"][0]
    return max(1, shape.get("minimum", 1)) if shape["type"] == "integer" else "example"
