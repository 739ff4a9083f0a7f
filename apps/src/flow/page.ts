/** A diagnosis or a lineage as a page: verdict, root cause, graph or table, facts of the chosen stage. */

import { fold, h, put } from "../shared/dom";
import type { Host } from "../shared/host";
import { icon } from "../shared/icons";
import type { Json } from "../shared/read";
import { stepRow, type Open } from "../shared/steps";
import { CALM, causeWords, humane, moment, place, sentence, verdictWords } from "../shared/words";
import { confidence, concerns, details, evidenceList, findingBox } from "./details";
import { drawGraph } from "./graph";
import { readFlow, stateOf, type Finding, type Flow, type Stage } from "./model";
import { drawTable } from "./table";

export interface Bar {
  /** Goes back to the page before; absent on the first one. */
  back?: () => void;
  /** Calls the tool again. */
  again?: () => void;
}

export function flowPage(host: Host, data: Json, bar: Bar, open: Open): HTMLElement {
  const flow = readFlow(data);
  const below = h("div", { class: "below" });
  const picture = h("div", { class: "picture" });
  const choose = (stage: Stage, byPerson = true) => {
    graph.choose(stage.key);
    put(below, details(host, flow, stage, open));
    if (!byPerson) return;
    host.announce(`The facts of ${place(stage.kind, stage.id)} are shown below.`);
    host.mention(stage.kind, stage.id, flow.id);
  };
  const graph = drawGraph(flow, choose);
  put(picture, graph.element);
  const start = flow.stages.find((stage) => stage.root !== null);
  if (start) choose(start, false);
  return h(
    "main",
    { class: "page" },
    header(host, flow, bar, (asTable) => put(picture, asTable ? drawTable(flow, choose) : graph.element)),
    flow.root ? leadBox(flow, flow.root, start) : flow.summary === "" ? null : h("p", { class: "summary" }, humane(flow.summary)),
    flow.root && !start ? findingBox(flow.root, true) : null,
    picture,
    flow.ordered && flow.stages.filter((s) => s.role === "stage").length > 4 ? h("p", { class: "muted small" }, "Links are drawn in the order of the stages.") : null,
    below,
    rest(host, flow, start, open),
  );
}

export function verdictPill(verdict: string): HTMLElement {
  return h("span", { class: "verdict", "data-verdict": verdict }, verdictWords(verdict));
}

function header(host: Host, flow: Flow, bar: Bar, onTable: (asTable: boolean) => void): HTMLElement {
  const name = flow.id === null ? "Flow" : `Flow ${flow.id}`;
  const choice = (label: string, asTable: boolean) => {
    const button = h("button", { type: "button", "aria-pressed": String(!asTable) }, label);
    button.addEventListener("click", () => {
      for (const other of button.parentElement!.children) other.setAttribute("aria-pressed", String(other === button));
      onTable(asTable);
    });
    return button;
  };
  return h(
    "header",
    { class: "top" },
    bar.back ? h("button", { class: "tool", type: "button", onclick: bar.back }, icon("back"), "Back") : null,
    h("h1", {}, name),
    flow.verdict === "" ? null : verdictPill(flow.verdict),
    flow.title === "" ? null : h("p", { class: "subtitle", title: flow.title }, flow.title),
    h("div", { class: "tools" }, h("div", { class: "choice", role: "group", "aria-label": "Show as" }, choice("Graph", false), choice("Table", true)), againButton(bar), expandButton(host)),
  );
}

export function againButton(bar: Bar): HTMLElement | null {
  return bar.again ? h("button", { class: "tool", type: "button", onclick: bar.again, "aria-label": "Check again", title: "Check again" }, icon("again")) : null;
}

export function expandButton(host: Host): HTMLElement | null {
  if (!host.canExpand) return null;
  const button = h("button", { class: "tool", type: "button", "aria-label": "Show on the full screen", title: "Full screen" }, icon("expand"));
  button.addEventListener("click", () => host.expand());
  return button;
}

/** The headline of the root cause; `at` is its card, when it is a resource that can be drawn. */
function leadBox(flow: Flow, root: Finding, at: Stage | undefined): HTMLElement {
  const state = at ? stateOf(at) : CALM.has(root.cause) ? "quiet" : "errors";
  return h(
    "section",
    { class: "lead-box", "data-state": state, "aria-label": "Root cause" },
    h("p", { class: "cause" }, causeWords(root.cause)),
    h(
      "p",
      { class: "muted" },
      [sentence(place(root.kind, root.id)), at?.name ?? "", flow.since === "" ? "" : `since ${moment(flow.since)}`].filter((part) => part !== "").join(" · "),
      confidence(root),
    ),
  );
}

/** What concerns the flow as a whole, below the chosen stage. */
function rest(host: Host, flow: Flow, start: Stage | undefined, open: Open): HTMLElement {
  const others = flow.steps.filter((step) => !(start?.role === "cause") && !flow.stages.some((stage) => concerns(step, stage)));
  const facts = flow.facts.map(({ label, value }) => h("div", {}, h("dt", {}, label), h("dd", {}, /^\d{4}-/.test(value) ? moment(value) : value)));
  return h(
    "div",
    { class: "rest" },
    facts.length > 0 ? h("dl", { class: "facts" }, ...facts) : null,
    flow.issues.length > 0 ? h("ul", { class: "issues" }, ...flow.issues.map((issue) => h("li", {}, sentence(humane(issue))))) : null,
    others.length > 0 ? h("section", {}, h("h2", {}, "Next safe steps"), h("ul", { class: "steps" }, ...others.map((step) => stepRow(host, step, open)))) : null,
    flow.notChecked.length > 0 ? fold("Could not be checked", flow.notChecked.length, h("ul", { class: "gaps" }, ...flow.notChecked.map((gap) => h("li", {}, sentence(humane(gap)))))) : null,
    flow.contributing.length > 0 ? fold("Found as well", flow.contributing.length, ...flow.contributing.map((f) => findingBox(f, false))) : null,
    flow.others.length > 0 ? fold("Hit by the same cause", flow.others.length, othersList(flow)) : null,
    flow.evidence.length > 0 ? fold("Evidence", flow.evidence.length, evidenceList(flow.evidence, true)) : null,
  );
}

function othersList(flow: Flow): HTMLElement {
  return h("ul", { class: "chips" }, ...flow.others.map((o) => h("li", { class: "chip" }, icon(o.kind), `${sentence(place(o.kind, o.id))}${o.name === "" ? "" : ` ${o.name}`}`)));
}
