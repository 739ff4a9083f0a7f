/** The facts of one stage, and what may be done about it next. */

import { fold, h, rich } from "../shared/dom";
import type { Host } from "../shared/host";
import { icon } from "../shared/icons";
import { operationOf, stepRow, type Open, type Step } from "../shared/steps";
import { causeWords, humane, number, place, sentence, statusWords } from "../shared/words";
import calls from "./calls.json";
import { stateOf, stateWords, type Evidence, type Finding, type Flow, type Stage } from "./model";

interface Offer {
  tool: string;
  operation: string;
  id: string;
  with?: Record<string, unknown>;
  risk: string;
  why: string;
}

const OFFERS: Record<string, Offer[]> = calls;
/** Kinds that nexla_get takes, and those that nexla_debug_flow finds a flow by. */
const GETTABLE: ReadonlySet<string> = new Set(["flow", "source", "nexset", "destination", "credential", "transform", "lookup"]);
const TRACEABLE: ReadonlySet<string> = new Set(["source", "nexset", "destination", "credential"]);

export function details(host: Host, flow: Flow, stage: Stage, open: Open): HTMLElement {
  const state = stateOf(stage);
  const evidence = flow.evidence.filter((e) => e.kind === stage.kind && e.id === stage.id);
  const findings = [...(stage.root ? [stage.root] : []), ...stage.contributing];
  return h(
    "section",
    { class: "details", id: "details", "aria-labelledby": "details-title" },
    h(
      "header",
      {},
      h("h2", { id: "details-title" }, icon(stage.kind), sentence(place(stage.kind, stage.id)), stage.name === "" ? null : h("span", { class: "name" }, stage.name)),
      stage.role === "stage" ? h("span", { class: "pill", "data-state": state }, icon(state), stateWords(stage)) : null,
    ),
    h(
      "div",
      { class: "halves" },
      h("div", {}, ...findings.map((finding) => findingBox(finding, finding === stage.root)), factsOf(stage), evidence.length > 0 ? evidenceList(evidence) : null),
      stepsBox(host, flow, stage, open),
    ),
  );
}

/** What was found; the root cause's headline stands above the graph already. */
export function findingBox(finding: Finding, root: boolean): HTMLElement {
  return h(
    "div",
    { class: "finding" },
    root ? null : h("p", { class: "lead" }, h("b", {}, "Also found"), ` ${causeWords(finding.cause)}`, confidence(finding)),
    finding.explanation === "" ? null : h("p", {}, ...rich(sentence(humane(finding.explanation)))),
  );
}

export function confidence(finding: Finding): HTMLElement | null {
  return finding.confidence === "" ? null : h("span", { class: "muted" }, ` · confidence ${finding.confidence}`);
}

function factsOf(stage: Stage): HTMLElement | null {
  const facts: [string, string][] = [];
  if (stage.status !== "") facts.push(["Status", statusWords(stage.status) + (stage.runtime === "" ? "" : ` · ${statusWords(stage.runtime).toLowerCase()}`)]);
  if (stage.records !== null) facts.push(["Records in the newest run", number(stage.records)]);
  else if (stage.usual !== null) facts.push(["Records in the newest run", "None"]);
  if (stage.usual !== null) facts.push(["Usual", number(stage.usual)]);
  if (stage.errors !== null) facts.push(["Errors", number(stage.errors)]);
  if (stage.note !== "") facts.push(["Note", sentence(humane(stage.note))]);
  if (stage.role === "other") facts.push(["Why it is here", "The same cause hits it; it is outside this flow."]);
  if (facts.length === 0) return null;
  return h("dl", { class: "facts" }, ...facts.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))));
}

/** Facts with the words of the API beside them, set apart as a quotation. */
export function evidenceList(evidence: readonly Evidence[], where = false): HTMLElement {
  return h(
    "ul",
    { class: "evidence" },
    ...evidence.map((e) =>
      h(
        "li",
        {},
        h("span", {}, sentence(humane(e.fact))),
        e.quote === "" ? null : h("q", { class: "quote", title: "Quoted from the API" }, e.quote),
        h("span", { class: "muted" }, `${e.operation.replaceAll("_", " ")}${where ? ` · ${place(e.kind, e.id)}` : ""}`),
      ),
    ),
  );
}

function stepsBox(host: Host, flow: Flow, stage: Stage, open: Open): HTMLElement | null {
  const named = stage.root && stage.role === "cause" ? flow.steps : flow.steps.filter((step) => concerns(step, stage));
  const said = new Set(named.map((step) => operationOf(step).name));
  const more = offersOf(stage).filter((step) => !said.has(operationOf(step).name));
  const rows = (steps: readonly Step[]) => h("ul", { class: "steps" }, ...steps.map((step) => stepRow(host, step, open)));
  if (named.length + more.length === 0) return null;
  return h(
    "div",
    { class: "next" },
    h("h3", {}, named.length > 0 ? "Next safe steps" : "Look closer"),
    rows(named.length > 0 ? named : more),
    named.length > 0 && more.length > 0 ? fold("Look closer", null, rows(more)) : null,
  );
}

/** True when a step's arguments name this stage. */
export function concerns(step: Step, stage: Stage): boolean {
  const { name, arguments: given } = operationOf(step);
  const about = `${stage.kind}s_`;
  const own = name.startsWith(about) || name.startsWith("quarantine_") || given["resource_type"] === stage.kind;
  return own && Object.values(given).includes(stage.id);
}

/** What is always safe to offer for a kind of resource, beside the answer's own steps. */
function offersOf(stage: Stage): Step[] {
  if (stage.id === null) return [];
  const steps: Step[] = [];
  const add = (offers: readonly Offer[] | undefined) => {
    for (const offer of offers ?? []) {
      const inner = { [offer.id]: stage.id, ...offer.with };
      steps.push({ tool: offer.tool, arguments: { operation: offer.operation, arguments: inner }, risk: offer.risk, why: offer.why });
    }
  };
  const paused = stateOf(stage) === "paused";
  if (paused) add(OFFERS[`paused ${stage.kind}`]);
  if (stage.role === "other" && TRACEABLE.has(stage.kind)) {
    const given = { resource_type: stage.kind, resource_id: stage.id };
    steps.push({ tool: "nexla_debug_flow", arguments: given, risk: "read", why: "See the flow it belongs to." });
  }
  if ((stage.errors ?? 0) > 0) add(OFFERS[`rejected ${stage.kind}`]);
  add(OFFERS[stage.kind]);
  if (GETTABLE.has(stage.kind)) {
    steps.push({ tool: "nexla_get", arguments: { resource_type: stage.kind, id: stage.id }, risk: "read", why: "Read its settings, owner and status." });
  }
  return steps;
}
