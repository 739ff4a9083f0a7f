/**
 * Next steps as rows with a button each.
 *
 * A step that only reads is carried out through the host and its answer shown below it. A step that changes
 * something is put to the person as words for the chat: the server's own confirmation comes after that.
 */

import { h, put, rich } from "./dom";
import type { Answer, Call, Host } from "./host";
import { icon } from "./icons";
import { prose } from "./prose";
import { list, record, text, type Json } from "./read";
import { humane, number, sentence } from "./words";

export interface Step extends Call {
  why: string;
  risk: string;
}

/** Opens an answer as a page of its own when it is one; false leaves it to be shown as text. */
export type Open = (answer: Answer, call: Call) => boolean;

export function stepsOf(value: unknown): Step[] {
  return list(value)
    .map(record)
    .map((step) => ({ tool: text(step["tool"]), arguments: record(step["arguments"]), why: text(step["why"]), risk: text(step["risk"]) }))
    .filter((step) => step.tool !== "");
}

const EXECUTORS: ReadonlySet<string> = new Set(["nexla_read", "nexla_write", "nexla_confirmed_write"]);

/** The operation a call is about: the inner one for the three executors. */
export function operationOf(call: Call): { name: string; arguments: Json } {
  const inner = EXECUTORS.has(call.tool) ? text(call.arguments["operation"]) : "";
  return inner === "" ? { name: call.tool, arguments: call.arguments } : { name: inner, arguments: record(call.arguments["arguments"]) };
}

function shortValue(value: unknown): string {
  if (typeof value === "number") return String(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** `sources activate` and `source_id 3003`, for the line below a step's reason. */
export function callWords(call: Call): { name: string; details: string } {
  const { name, arguments: given } = operationOf(call);
  const details = Object.entries(given).map(([key, value]) => (key === "name" || key === "operation" ? shortValue(value) : `${key} ${shortValue(value)}`));
  return { name: name.replace(/^nexla_/, "").replaceAll("_", " "), details: details.join(" · ") };
}

/** True when every value is short and plain, so that nothing from data can speak in the person's name. */
export function plain(value: unknown): boolean {
  if (typeof value === "string") return value.length <= 80 && /^[\w .:@/+-]*$/.test(value);
  if (Array.isArray(value)) return value.every(plain);
  if (typeof value === "object" && value !== null) return Object.entries(value).every(([key, inner]) => plain(key) && plain(inner));
  return true;
}

/** The words that propose a change; they ask for the preview and leave the decision where it belongs. */
export function proposal(step: Call): string {
  return `Please prepare this change and show me its preview first: ${step.tool} ${JSON.stringify(step.arguments)}. Carry it out only after I have confirmed it.`;
}

export function stepRow(host: Host, step: Step, open: Open): HTMLElement {
  const { name, details } = callWords(step);
  const outcome = h("div", { class: "outcome" });
  const changes = step.risk !== "read" || !host.reads(step);
  const row = h(
    "li",
    { class: "step", "data-risk": step.risk },
    h(
      "div",
      { class: "step-words" },
      step.why === "" ? null : h("p", {}, ...rich(sentence(humane(step.why)))),
      h("p", { class: "call" }, h("b", {}, name), details === "" ? null : ` ${details}`),
    ),
  );
  row.append(changes ? proposeButton(host, step, name, outcome) : lookButton(host, step, name, outcome, open), outcome);
  return row;
}

function lookButton(host: Host, step: Step, name: string, outcome: HTMLElement, open: Open): HTMLElement {
  if (!host.canRead) return sayButton(host, `Please call ${step.tool} ${JSON.stringify(step.arguments)}`, "Ask", name, outcome, plain(step.arguments));
  const button = h("button", { class: "act", type: "button" }, icon("eye"), "Look", h("span", { class: "unseen" }, `: ${name}`));
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    busy(button, true);
    host.announce(`Reading ${name}.`);
    void host.read(step).then((answer) => {
      busy(button, false);
      if (!answer.failed && open(answer, step)) return;
      showAnswer(outcome, answer, name);
      host.announce(answer.failed ? `${name} failed.` : `${name} is shown below the step.`);
    });
  });
  return button;
}

function proposeButton(host: Host, step: Step, name: string, outcome: HTMLElement): HTMLElement {
  return sayButton(host, proposal(step), "Propose", name, outcome, plain(step.arguments));
}

/** A button that puts words into the chat; without a host that takes them, the words themselves. */
function sayButton(host: Host, words: string, label: string, name: string, outcome: HTMLElement, safe: boolean): HTMLElement {
  if (!host.canSay || !safe) return h("p", { class: "words" }, "Ask in the chat: ", h("q", {}, words));
  const button = h("button", { class: "act ask", type: "button" }, icon("say"), label, h("span", { class: "unseen" }, `: ${name}`));
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    busy(button, true);
    void host.say(words).then((taken) => {
      busy(button, false);
      const note = taken ? "Sent to the chat. Nothing was changed from here." : "The client did not take the message. Nothing was changed. Ask in the chat:";
      put(outcome, h("p", { class: "note" }, note), taken ? null : h("p", { class: "words" }, h("q", {}, words)));
      host.announce(note);
    });
  });
  return button;
}

function busy(button: HTMLElement, on: boolean): void {
  button.toggleAttribute("data-busy", on);
  button.setAttribute("aria-disabled", String(on));
}

function showAnswer(outcome: HTMLElement, answer: Answer, name: string): void {
  const rows = answer.data === null ? null : list(answer.data["data"]).length;
  const label = `Answer of ${name}${rows ? `, ${number(rows)} rows` : ""}`;
  put(
    outcome,
    h("div", { class: answer.failed ? "answer failed" : "answer", role: "region", tabindex: 0, "aria-label": label }, prose(answer.text || "No text came back.")),
  );
}
