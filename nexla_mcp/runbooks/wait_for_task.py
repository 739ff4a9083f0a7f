"""nexla_wait_for_task: ask for a background task until it is done, at most for the time of a call.

    found = await wait_for_task(facts, {"task_id": 41})
    found.structured()["state"]      # done | failed | cancelled | running | unknown

Statuses are pending, running, completed, failed, cancelled; the seed document says success and error (QUIRKS 48, 49).
What a task carried out may have been refused by another system although the task itself completed (FACTS 1.4).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio

from nexla_mcp.client.errors import ValidationError
from nexla_mcp.runbooks.diagnosis import Step
from nexla_mcp.runbooks.endings import fenced, next_lines, not_checked_lines, span
from nexla_mcp.runbooks.explain_error import explain_error
from nexla_mcp.runbooks.facts import Facts, Fetched
from nexla_mcp.runbooks.shapes.lenient import as_object, moment, one_of, pick, quote, text_of, whole

LONGEST_S = 40.0
PAUSES_S = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0)
"""Between two looks; the last one repeats."""
STUCK_AFTER_S = 3600.0
FAILED_LOOKS = 3
MOST_RESULT = 8_000
_STATES = {
    "completed": "done",
    "complete": "done",
    "success": "done",
    "succeeded": "done",
    "done": "done",
    "failed": "failed",
    "failure": "failed",
    "error": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "pending": "running",
    "queued": "running",
    "running": "running",
    "processing": "running",
    "in_progress": "running",
}


@dataclass
class TaskAnswer:
    """The answer; ``state`` running means: go on with the first next step."""

    state: str
    summary: str
    task_id: int | None
    task_type: str
    status: str
    progress: int | None
    waited_s: float
    looks: int
    result: Any = None
    download_link: str | None = None
    error: str = ""
    cause: str | None = None
    advice: str = ""
    not_checked: list[str] = field(default_factory=list)
    next_steps: list[Step] = field(default_factory=list)

    def structured(self) -> dict[str, Any]:
        """All keys of the output schema."""
        return asdict(self)

    def text(self) -> str:
        """For a person."""
        lines = [f"**{self.state.upper()}** {self.summary}"]
        if self.error:
            lines.append(f"It said (untrusted): {fenced(self.error, 400)}")
        if self.result is not None:
            lines.append(f"Result (untrusted data): {fenced(json.dumps(self.result, default=str, ensure_ascii=False), 2_000)}")
        if self.download_link:
            lines.append(f"Download: {self.download_link}")
        return "\n".join([*lines, *next_lines(self.next_steps), *not_checked_lines(self.not_checked)])


async def wait_for_task(facts: Facts, arguments: Mapping[str, Any]) -> TaskAnswer:
    """Look until the task is done or the time is up.

    Raises:
        ValidationError: neither a task nor a read that answers with a request_id was named.
        NexlaError: the first look failed.
    """
    operation, asked = _question(facts, arguments)
    patience = min(float(arguments.get("wait_seconds", LONGEST_S)), LONGEST_S)
    began = anyio.current_time()
    looks, failures, body = 0, 0, dict[str, Any]()
    while True:
        fetched = await facts.fetch_again(operation, **asked)
        looks += 1
        if fetched.error is not None and looks == 1:
            raise fetched.error
        failures = failures + 1 if fetched.error is not None else 0
        body = body if fetched.error is not None else _envelope(fetched)
        if operation != "async_tasks_get" and (request := pick(body, "request_id")) is not None:
            asked["request_id"] = request
        state, waited = _state(body), anyio.current_time() - began
        if state != "running" or failures >= FAILED_LOOKS:
            break
        progress = whole(pick(body, "progress"))
        await facts.tell(f"{_name(arguments)}: {_word(body)}{'' if progress is None else f', {progress} %'}")
        pause = PAUSES_S[min(looks, len(PAUSES_S)) - 1]
        if waited + pause > patience:
            break
        await anyio.sleep(pause)
    answer = TaskAnswer(
        state="unknown" if failures >= FAILED_LOOKS else state,
        summary="",
        task_id=whole(arguments.get("task_id")),
        task_type=quote(pick(body, "type", "task_type") or "", 60),
        status=_word(body),
        progress=whole(pick(body, "progress")),
        waited_s=round(anyio.current_time() - began, 1),
        looks=looks,
    )
    if answer.task_id is not None:
        await _finish(facts, answer, body)
    else:
        answer.result = pick(body, "result", "response") or (body or None if answer.state == "done" else None)
    await _explain(facts, answer, body)
    answer.summary = _summary(facts, answer, body, _name(arguments))
    answer.next_steps = _steps(facts, answer, operation, asked)
    answer.not_checked = [*answer.not_checked, *facts.not_checked]
    return answer


def _question(facts: Facts, arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Which read tells how far it is."""
    task, operation = whole(arguments.get("task_id")), str(arguments.get("operation") or "")
    if task is not None:
        return "async_tasks_get", {"task_id": task}
    record = facts.catalog.operations.get(operation)
    wrong = None
    if not operation:
        wrong = "give task_id, or operation with the arguments of a read that was started with async."
    elif record is None or not record.reads or "request_id" not in record.parameters:
        named = sorted(n for n, o in facts.catalog.operations.items() if o.reads and "request_id" in o.parameters)
        wrong = f"operation {quote(operation, 40)!r} is no read with request_id. Those are {', '.join(named)}."
    if wrong is not None:
        raise ValidationError(
            wrong[0].upper() + wrong[1:],
            operation="nexla_wait_for_task",
            hint="nexla_read async_tasks_list shows the tasks there are.",
            sent=False,
        )
    given = arguments.get("arguments")
    return operation, {"async": True, **(given if isinstance(given, dict) else {})}


def _envelope(fetched: Fetched) -> dict[str, Any]:
    return one_of(as_object(fetched.body)) if fetched.body is not None else {}


def _word(body: Mapping[str, Any]) -> str:
    return quote(pick(body, "status", "state") or "", 40)


def _state(body: Mapping[str, Any]) -> str:
    word = _word(body).lower()
    if word in _STATES:
        return _STATES[word]
    if pick(body, "request_id") is None and body and pick(body, "type", "task_type") is None:
        return "done"  # the operation answered at once, with its own reply
    return "done" if pick(body, "stopped_at", "request_completed_at") else "running" if word else "unknown"


def _name(arguments: Mapping[str, Any]) -> str:
    task = whole(arguments.get("task_id"))
    return f"Task {task}" if task is not None else quote(arguments.get("operation") or "the request", 60)


async def _finish(facts: Facts, answer: TaskAnswer, body: Mapping[str, Any]) -> None:
    """The result and the link of a finished task; that there is none is an answer, not a gap."""
    if answer.state != "done":
        return
    result, link = await facts.fetch_all(
        ("async_tasks_result", {"task_id": answer.task_id}), ("async_tasks_download_link", {"task_id": answer.task_id})
    )
    for reply in (result, link):
        if reply.error is not None and reply.error.status_code in (400, 404):
            facts.unskip(reply.operation)
    found = pick(result.body, "result", "response") if isinstance(result.body, dict) else None
    answer.result = found if found is not None else result.body if result.body is not None else pick(body, "result", "response")
    if link.ok:
        url = link.body if isinstance(link.body, str) else pick(link.body, "url", "download_link", "link")
        answer.download_link = quote(url, 2_000) or None


async def _explain(facts: Facts, answer: TaskAnswer, body: Mapping[str, Any]) -> None:
    """What a failure means, also one inside the result of a task that completed."""
    if answer.state == "failed":
        answer.error = quote(pick(body, "error", "error_message", "message", "result", "response") or "it gives no reason", 600)
    inner = answer.result if isinstance(answer.result, dict) else {}
    code = whole(pick(inner, "statusCode", "status_code", "status")) or whole(pick(pick(inner, "output"), "statusCode"))
    if answer.state == "done" and code is not None and code >= 400:
        answer.error = quote(f"{code} {text_of(pick(inner, 'message', 'errorMessage', 'error', 'output') or '')}", 600)
    if answer.error:
        operation = "credentials_probe" if answer.task_type == "CallProbe" else None
        given: dict[str, Any] = {"error_text": answer.error} | ({"operation": operation} if operation else {})
        explained = await explain_error(facts, given)
        answer.cause = explained.cause
        answer.not_checked = [n for n in explained.not_checked if n not in facts.not_checked]
        answer.advice = explained.solution if explained.cause != "unknown" else ""


def _summary(facts: Facts, answer: TaskAnswer, body: Mapping[str, Any], name: str) -> str:
    kind = f" ({answer.task_type})" if answer.task_type else ""
    after = f"after {span(answer.waited_s)} and {answer.looks} look{'s' if answer.looks > 1 else ''}"
    match answer.state:
        case "done" if answer.error:
            return f"{name}{kind} finished, but what it carried out was refused{_because(answer)}"
        case "done":
            what = "its result is below" if answer.result is not None else "it left no result, or that was acknowledged"
            return f"{name}{kind} is finished {after}; {what}."
        case "failed":
            return f"{name}{kind} failed{_because(answer)}"
        case "cancelled":
            return f"{name}{kind} was cancelled; nothing more will come of it."
        case "running":
            far = "" if answer.progress is None else f", {answer.progress} % done"
            age = _age(facts, body)
            old = age is not None and age > STUCK_AFTER_S
            if old:
                answer.cause = "task_stuck"
            stuck = f" It was started {span(age)} ago, which is long: it may be stuck." if old else ""
            return f"{name}{kind} is still {answer.status or 'running'}{far} {after}. Call again to go on waiting.{stuck}"
        case _:
            return f"{name}{kind}: how it stands is not known {after}; its last known status is {answer.status or 'none'}."


def _because(answer: TaskAnswer) -> str:
    cause = f" ({answer.cause})" if answer.cause and answer.cause != "unknown" else ""
    return f"{cause}. {answer.advice}" if answer.advice else f"{cause}; the text below says why."


def _age(facts: Facts, body: Mapping[str, Any]) -> float | None:
    started = moment(pick(body, "created_at", "request_started_at", "started_at"))
    return ((facts.server_now or datetime.now(UTC)) - started).total_seconds() if started else None


def _steps(facts: Facts, answer: TaskAnswer, operation: str, asked: Mapping[str, Any]) -> list[Step]:
    task = answer.task_id
    again = {"task_id": task} if task is not None else {"operation": operation, "arguments": dict(asked)}
    steps = []
    if answer.state in ("running", "unknown"):
        steps.append(Step("nexla_wait_for_task", again, "Go on waiting.", "read"))
    if answer.error:
        steps.append(Step("nexla_explain_error", {"error_text": answer.error[:300]}, "What the error means.", "read"))
    if answer.state in ("failed", "cancelled") and task is not None:
        steps.append(_call(facts, "async_tasks_rerun", task, "Run it again, once the reason is gone."))
    if answer.state == "done" and task is not None and len(json.dumps(answer.result, default=str)) > MOST_RESULT:
        answer.result = None
        answer.summary += " The result is large and left out here."
        steps.append(_call(facts, "async_tasks_result", task, "The whole result."))
    return steps[:3]


def _call(facts: Facts, operation: str, task: int, why: str) -> Step:
    record = facts.catalog.operation(operation)
    tool = "nexla_read" if record.reads else "nexla_confirmed_write"
    return Step(tool, {"operation": operation, "arguments": {"task_id": task}}, why, record.risk.value)
