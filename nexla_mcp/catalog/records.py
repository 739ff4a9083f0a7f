"""The records a tool spec is read into: one frozen object per operation, and nothing else knows it.

    operation = Operation.model_validate({"name": "flows_pause", "title": "Pause a flow", ...})
    operation.risk            # Risk.DISRUPT
    operation.hints()         # the four MCP annotations

A record is the only source of an operation's schema, risk and wiring. Unknown keys are refused, so a
typing error in a spec file stops the start-up instead of changing what is sent. The JSON Schema that
editors use (``tool_specs/schema/``) is generated from these classes.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
TO_FILL_IN = "TO FILL IN"


class Risk(StrEnum):
    """What a call may do to the organisation; decides whether a person is asked first."""

    READ = "read"
    WRITE = "write"
    DISRUPT = "disrupt"
    DESTROY = "destroy"

    @property
    def gated(self) -> bool:
        """True when a person has to confirm the call."""
        return self in (Risk.DISRUPT, Risk.DESTROY)


class Record(BaseModel):
    """Frozen, strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ValueSchema(Record):
    """The part of JSON Schema that every MCP host accepts; deeper objects are shown by describe."""

    type: Literal["string", "integer", "number", "boolean", "array", "object"]
    description: str = Field(default="", max_length=400)
    enum: tuple[str, ...] = ()
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = Field(default=None, alias="maxLength")
    min_items: int | None = Field(default=None, alias="minItems")
    max_items: int | None = Field(default=None, alias="maxItems")
    items: ValueSchema | None = None
    properties: dict[str, ValueSchema] = Field(default_factory=dict)
    required: tuple[str, ...] = ()
    known_values: tuple[str, ...] = Field(
        default=(), description="Values seen in use; the API may take others, so they are shown, not enforced."
    )

    @model_validator(mode="after")
    def _array_names_its_items(self) -> Self:
        if self.type == "array" and self.items is None:
            raise ValueError("an array must say what its items are")
        return self


class Wire(StrEnum):
    """How a value leaves the process where that differs from the plain form."""

    PLAIN = "plain"
    FLAG = "flag"  # true -> 1, false -> left out
    SWITCH = "switch"  # true -> 1, false -> 0
    TRUE_TEXT = "true_text"  # true -> "true", false -> left out
    DATE = "date"  # ISO 8601 -> YYYY-MM-DD, UTC
    UNIX_SECONDS = "unix_seconds"  # ISO 8601 -> integer
    UNIX_MS = "unix_ms"  # ISO 8601 -> integer
    KEYS = "keys"  # list -> each key percent-encoded, joined with commas
    SEGMENT = "segment"  # source | nexset | destination -> data_sources | data_sets | data_sinks
    KIND = "kind"  # source | nexset | destination -> SOURCE | DATASET | SINK
    ABSOLUTE_URL = "absolute_url"  # a whole URL on an allowed host; sent without the session
    WEBHOOK_KEY = "webhook_key"  # in the query, or as Basic header when WEBHOOK_AUTH says header
    WEBHOOK_AUTH = "webhook_auth"  # query | header; steers the key and is not sent itself
    BARE = "bare"  # the value is the request body
    MERGE = "merge"  # the object's keys join the request body


class Parameter(ValueSchema):
    """One argument of an operation and the place it is sent to."""

    location: Literal["path", "query", "body", "header"] = Field(alias="in")
    wire: Wire = Wire.PLAIN
    wire_name: str | None = Field(default=None, description="The name on the wire when it is not the argument's.")
    sensitive: bool = Field(default=False, description="Masked in previews, receipts and errors.")
    listed: bool = Field(default=True, description="False for a rare argument: accepted and described, not in the tool list.")
    read_back: str | None = Field(
        default=None,
        description="Where the reply keeps what is stored, when it is neither the argument's name nor the undo's $before.",
    )


class Returns(Record):
    """What comes back, in words and in the fields worth showing first."""

    shape: Literal["object", "list", "untyped", "empty"]
    description: str = Field(default="", max_length=300)
    when_empty: str = Field(default="", max_length=200, description="What an empty reply means.")
    rows: str | None = Field(default=None, description="Dotted path of the list inside an object reply.")
    summary_fields: tuple[str, ...] = ()
    sensitive_fields: tuple[str, ...] = ()


class Call(Record):
    """Another operation with its arguments; ``$name`` takes an argument of the call at hand."""

    operation: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Undo(Record):
    """How to take a call back; ``$result.x`` reaches into the reply.

    ``$before.x`` reaches into what was there before (``preview.current``, else ``preview.target``), and a bare
    ``$before`` is all of it.
    """

    operation: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    note: str = ""


class Users(Record):
    """Where the users of a thing stand when no route tells them: rows of a list whose ``key`` holds its id."""

    listing: str
    key: str


class Preview(Record):
    """What to read before a person is asked, and how to word the change."""

    change: Literal["start", "stop", "update", "replace", "delete", "grant", "revoke", "send", "create", "other"]
    target: Call | None = Field(default=None, description="Reads the resource that is changed: its name, owner, state.")
    current: Call | None = Field(
        default=None, description="Reads the list that is replaced, where it is not the resource itself."
    )
    dependents: Call | None = Field(default=None, description="Reads what else is affected.")
    users: Users | None = Field(default=None, description="Who uses it, where dependents is missing or not to be had.")
    listed: str | None = Field(default=None, description="Dotted path of the replaced list in what was read; default: all of it.")
    targets: tuple[str, ...] = Field(default=(), description="Arguments whose lists name what is touched, each entry a target.")
    names: dict[str, str] = Field(
        default_factory=dict, description="Key of an id among the targets -> list operation with its name."
    )

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every read of this preview."""
        return tuple(call for call in (self.target, self.current, self.dependents) if call)


class Guard(Record):
    """Habits that a change is held to before it is made; a person can overrule each of them, nobody else."""

    same_name: str | None = Field(default=None, description="List operation where a create looks for its like first.")
    same_by: str = Field(default="name", description="The argument and field that make two things alike.")
    structural: tuple[str, ...] = Field(default=(), description="Arguments that change what an ACTIVE thing does while it runs.")
    child: Call | None = Field(default=None, description="What is proposed instead where other things read from the target.")
    destroy_unless: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Argument -> values that are harmless; with any other the call counts as destroy."
    )


class Hints(Record):
    """The four annotations of an MCP tool; all are always sent."""

    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool = True


class Operation(Record):
    """One request of the Nexla REST API.

    ``path`` is a template under the API base; every placeholder is a required parameter with
    ``in: path``. ``documented`` is false when the route is not in the published contract.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{2,39}$")
    title: str = Field(min_length=3, max_length=60)
    description: str = Field(min_length=20, max_length=1000)
    risk: Risk
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    required: tuple[str, ...] = ()
    returns: Returns
    undo: Undo | None = None
    preview: Preview | None = None
    guard: Guard = Field(default_factory=Guard)
    timeout_s: float = Field(default=30.0, gt=0, le=45)
    idempotent: bool | None = Field(default=None, description="Set where the HTTP method misleads.")
    creates: bool = Field(default=False, description="Makes a new thing: never sent twice.")
    synonyms: tuple[str, ...] = ()
    examples: tuple[dict[str, Any], ...] = ()
    documented: bool = True
    in_sdk: bool = True
    draft: bool = Field(default=False, description="Not finished: checked as the others are, and not offered.")
    sources: tuple[str, ...] = Field(default=(), description="Where the facts come from: OAS, SDK, GUIDE, GIT-LOG.")
    notes: str = Field(default="", max_length=600, description="Shown by describe, not in the tool list.")
    aliases: tuple[str, ...] = ()
    needs_one_of: tuple[str, ...] = Field(
        default=(), description="At least one of these arguments has to be given, where a request without any would do harm."
    )
    instead: tuple[str, ...] = Field(
        default=(), description="Operations to use where an instance lacks this route; named in the error of a 404 or 405."
    )

    @model_validator(mode="after")
    def _wiring_is_complete(self) -> Self:
        in_path = {name for name, p in self.parameters.items() if p.location == "path"}
        if (placeholders := set(PLACEHOLDER.findall(self.path))) != in_path:
            raise ValueError(f"path has {sorted(placeholders)}, parameters with in: path are {sorted(in_path)}")
        if missing := (in_path | set(self.required)) - set(self.parameters):
            raise ValueError(f"required names no parameter: {sorted(missing)}")
        if hidden := [name for name in self.required if not self.parameters[name].listed]:
            raise ValueError(f"a required argument must be listed: {hidden}")
        if unknown := set(self.needs_one_of) - set(self.parameters):
            raise ValueError(f"needs_one_of names no parameter: {sorted(unknown)}")
        if not in_path <= set(self.required):
            raise ValueError(f"path parameters must be required: {sorted(in_path - set(self.required))}")
        if self.risk.gated and self.preview is None:
            raise ValueError(f"a {self.risk} operation needs a preview")
        words = (self.title, self.description, self.returns.description, self.undo.note if self.undo else "")
        if not self.draft and any(TO_FILL_IN in text for text in words):
            raise ValueError(f"{TO_FILL_IN} is still in its texts: fill them in, or leave draft true")
        if sum(p.wire is Wire.BARE for p in self.parameters.values()) > 1:
            raise ValueError("only one parameter can be the whole body")
        return self

    @property
    def reads(self) -> bool:
        """True when the call changes nothing."""
        return self.risk is Risk.READ

    @property
    def at_least_one(self) -> tuple[str, ...]:
        """Arguments of which one has to be given: as the spec says, else every field of a PUT, which is empty without."""
        fields = tuple(name for name, p in self.parameters.items() if p.location == "body")
        if self.needs_one_of or self.method != "PUT" or set(fields) & set(self.required):
            return self.needs_one_of
        return fields

    def hints(self) -> Hints:
        """The MCP annotations, derived from risk and method so that they cannot disagree with them."""
        repeatable = self.idempotent if self.idempotent is not None else self.method != "POST" or self.reads
        return Hints(
            read_only=self.reads,
            destructive=self.risk.gated,
            idempotent=repeatable and not self.creates,
        )


class Toolset(Record):
    """One file of ``tool_specs/``: the operations of one part of the platform."""

    schema_ref: str = Field(default="", alias="$schema")
    toolset: str = Field(pattern=r"^[a-z][a-z0-9_]{2,39}$")
    title: str
    description: str = Field(max_length=400)
    operations: tuple[Operation, ...]


class ToolSpec(Record):
    """A tool with its own handler in Python: a catalogue tool, a runbook, or an operation of this server itself.

    ``uses`` names the toolsets it reads, so that ``--toolsets`` can bring it along. A ``local`` tool stands in a
    ``toolset`` as Nexla's operations do and is reached like them, by executor or by its own name.
    """

    schema_ref: str = Field(default="", alias="$schema")
    name: str = Field(pattern=r"^nexla_[a-z][a-z0-9_]{2,33}$")
    title: str = Field(min_length=3, max_length=60)
    description: str = Field(min_length=20, max_length=1000)
    kind: Literal["catalogue", "runbook", "local"]
    toolset: str = ""
    hints: Hints
    parameters: dict[str, ValueSchema] = Field(default_factory=dict)
    required: tuple[str, ...] = ()
    output_schema: dict[str, Any] = Field(default_factory=dict)
    answers_as: str = Field(default="", description="The tool whose output_schema this one shares.")
    uses: tuple[str, ...] = ()
    lean: bool = False
    synonyms: tuple[str, ...] = ()
    examples: tuple[dict[str, Any], ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def risk(self) -> Risk:
        """What it may do, as its hints say it; a person is asked by the operations behind it."""
        if self.hints.read_only:
            return Risk.READ
        return Risk.DISRUPT if self.hints.destructive else Risk.WRITE
