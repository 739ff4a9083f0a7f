/** The organisation's state: one card per cause, with the resources and flows it hits. */

import { fold, h, s } from "../shared/dom";
import type { Host } from "../shared/host";
import { icon } from "../shared/icons";
import { list, record, strings, text, whole, type Json } from "../shared/read";
import { stepRow, stepsOf, type Open } from "../shared/steps";
import { CALM, causeWords, humane, number, place, plural, sentence } from "../shared/words";
import { againButton, expandButton, verdictPill, type Bar } from "./page";

interface Finding {
  cause: string;
  kind: string;
  id: number | null;
  confidence: string;
  explanation: string;
  flows: number[];
}

/** True when an answer is a triage. */
export function isBoard(data: Json): boolean {
  return Array.isArray(data["findings"]);
}

export function boardPage(host: Host, data: Json, bar: Bar, open: Open): HTMLElement {
  const findings = list(data["findings"]).map(findingOf);
  const paused = findings.filter((f) => f.cause === "paused");
  const problems = findings.filter((f) => f.cause !== "paused");
  const gaps = strings(data["not_checked"]);
  const steps = stepsOf(data["next_steps"]);
  return h(
    "main",
    { class: "page board" },
    h(
      "header",
      { class: "top" },
      bar.back ? h("button", { class: "tool", type: "button", onclick: bar.back }, icon("back"), "Back") : null,
      h("h1", {}, "What is broken"),
      verdictPill(text(data["verdict"])),
      h("div", { class: "tools" }, againButton(bar), expandButton(host)),
    ),
    tally(problems, paused, whole(data["healthy_count"]), whole(data["checked_count"])),
    problems.length > 0 ? grid("Problems by cause", groups(problems), host, open) : h("p", { class: "summary" }, humane(text(data["summary"]))),
    paused.length > 0 ? grid("Paused, not failures", groups(paused), host, open) : null,
    h(
      "div",
      { class: "rest" },
      steps.length > 0 ? h("section", {}, h("h2", {}, "Next safe steps"), h("ul", { class: "steps" }, ...steps.map((step) => stepRow(host, step, open)))) : null,
      gaps.length > 0 ? fold("Could not be checked", gaps.length, h("ul", { class: "gaps" }, ...gaps.map((gap) => h("li", {}, sentence(gap))))) : null,
    ),
  );
}

function findingOf(value: unknown): Finding {
  const from = record(value);
  return {
    cause: text(from["cause"]),
    kind: text(from["resource_type"]),
    id: whole(from["resource_id"]),
    confidence: text(from["confidence"]),
    explanation: sentence(humane(text(from["explanation"]))),
    flows: list(from["flows"]).map(whole).filter((id) => id !== null),
  };
}

function groups(findings: readonly Finding[]): Finding[][] {
  const by = new Map<string, Finding[]>();
  for (const finding of findings) by.set(finding.cause, [...(by.get(finding.cause) ?? []), finding]);
  return [...by.values()];
}

const flowsOf = (findings: readonly Finding[]): number => new Set(findings.flatMap((f) => f.flows)).size;

/** One bar for the whole organisation, and the same in words. */
function tally(problems: readonly Finding[], paused: readonly Finding[], healthy: number | null, checked: number | null): HTMLElement {
  const parts = [
    { state: "errors", count: flowsOf(problems), words: "with a problem" },
    { state: "paused", count: flowsOf(paused), words: "paused" },
    { state: "ok", count: healthy ?? 0, words: "healthy" },
  ];
  const known = parts.reduce((sum, part) => sum + part.count, 0);
  const whole = Math.max(checked ?? known, known, 1);
  if (whole > known && known > 0) parts.push({ state: "unknown", count: whole - known, words: "not judged" });
  let x = 0;
  const bars = parts.map(({ state, count }) => {
    const part = (count / whole) * 100;
    const bar = s("rect", { class: `part ${state}`, x, width: Math.max(0, part - (x + part < 99.9 ? 0.5 : 0)), height: 6 });
    x += part;
    return bar;
  });
  return h(
    "div",
    { class: "tally" },
    s("svg", { class: "tally-bar", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" }, ...bars),
    h(
      "p",
      {},
      h("b", {}, plural(checked ?? known, "flow")),
      ...parts.filter((part) => part.count > 0).map(({ state, count, words }) => h("span", { class: "tally-part", "data-state": state }, h("i", { "aria-hidden": "true" }), `${number(count)} ${words}`)),
    ),
  );
}

function grid(title: string, causes: readonly Finding[][], host: Host, open: Open): HTMLElement {
  return h("section", { "aria-label": title }, h("h2", {}, title, h("span", { class: "count" }, causes.length)), h("div", { class: "grid" }, ...causes.map((group) => causeCard(group, host, open))));
}

function causeCard(group: readonly Finding[], host: Host, open: Open): HTMLElement {
  const { cause } = group[0]!;
  const state = cause === "paused" ? "paused" : CALM.has(cause) ? "quiet" : "errors";
  return h(
    "article",
    { class: "cause-card", "data-state": state, "aria-label": causeWords(cause) },
    h("h3", {}, icon(state), causeWords(cause)),
    ...group.map((finding) =>
      h(
        "div",
        { class: "hit" },
        h("p", { class: "where" }, icon(finding.kind), sentence(place(finding.kind, finding.id)), ["", "high"].includes(finding.confidence) ? null : h("span", { class: "muted" }, ` · confidence ${finding.confidence}`)),
        explanation(finding.explanation),
        h("ul", { class: "chips", "aria-label": "Flows it hits" }, ...finding.flows.map((flow) => h("li", {}, flowChip(flow, host, open)))),
      ),
    ),
  );
}

/** The explanation, cut to a few lines until asked for. */
function explanation(words: string): HTMLElement | null {
  if (words === "") return null;
  const paragraph = h("p", { class: "cut" }, words);
  const button = h("button", { class: "link", type: "button", "aria-expanded": "false" }, "More");
  const fits = () => paragraph.classList.contains("cut") && paragraph.scrollHeight <= paragraph.clientHeight + 1;
  new ResizeObserver(() => (button.hidden = fits())).observe(paragraph);
  button.addEventListener("click", () => {
    const cut = paragraph.classList.toggle("cut");
    button.textContent = cut ? "More" : "Less";
    button.setAttribute("aria-expanded", String(!cut));
  });
  return h("div", {}, paragraph, button);
}

/** A flow that opens as a graph, by the host's leave; a plain label where it cannot. */
function flowChip(flow: number, host: Host, open: Open): HTMLElement {
  const call = { tool: "nexla_debug_flow", arguments: { flow_id: flow } };
  if (!host.canRead) return h("span", { class: "chip" }, icon("flow"), `Flow ${flow}`);
  const button = h("button", { class: "chip", type: "button" }, icon("flow"), `Flow ${flow}`, h("span", { class: "unseen" }, ": show why"));
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.toggleAttribute("data-busy", true);
    button.setAttribute("aria-disabled", "true");
    host.announce(`Looking at flow ${flow}.`);
    void host.read(call).then((answer) => {
      button.toggleAttribute("data-busy", false);
      button.setAttribute("aria-disabled", "false");
      if (answer.failed || !open(answer, call)) {
        button.parentElement!.parentElement!.after(h("p", { class: "note", role: "alert" }, answer.text));
      }
    });
  });
  return button;
}
