/**
 * From a tool's structured answer to what is drawn: stages, links, findings.
 *
 * Two shapes come in: a diagnosis (`stages`, `root_cause`, ...) and a lineage (`nodes`, `edges`). Nothing is
 * made up here: a number that was not fetched stays null and is drawn as such, and links that the answer does
 * not name are marked as drawn by order.
 */

import { list, record, strings, text, whole, type Json } from "../shared/read";
import { stepsOf, type Step } from "../shared/steps";
import { CALM, number, plural, statusWords } from "../shared/words";

export type State = "ok" | "errors" | "quiet" | "low" | "paused" | "unknown";

export interface Finding {
  cause: string;
  kind: string;
  id: number | null;
  confidence: string;
  explanation: string;
}

export interface Evidence {
  operation: string;
  kind: string;
  id: number | null;
  fact: string;
  quote: string;
}

export interface Stage {
  key: string;
  kind: string;
  id: number | null;
  name: string;
  status: string;
  runtime: string;
  records: number | null;
  errors: number | null;
  usual: number | null;
  note: string;
  /** stage: part of the flow; cause: a resource that a finding names; other: outside the flow, hit as well. */
  role: "stage" | "cause" | "other";
  root: Finding | null;
  contributing: Finding[];
}

export interface Link {
  from: string;
  to: string;
  /** data: records move along it; cause: it ties a finding to what it hits. */
  role: "data" | "cause";
}

export interface Flow {
  verdict: string;
  summary: string;
  id: number | null;
  title: string;
  root: Finding | null;
  contributing: Finding[];
  since: string;
  stages: Stage[];
  links: Link[];
  /** True when the answer names no links and they follow the order of the stages. */
  ordered: boolean;
  others: { kind: string; id: number | null; name: string }[];
  evidence: Evidence[];
  notChecked: string[];
  steps: Step[];
  facts: { label: string; value: string }[];
  issues: string[];
}

/** What hangs on which kind of stage. */
const HANGS_ON: Record<string, readonly string[]> = {
  credential: ["source", "destination"],
  transform: ["nexset"],
  lookup: ["nexset"],
};

export const keyOf = (kind: string, id: number | null): string => `${kind}:${id ?? ""}`;

function findingOf(value: unknown): Finding | null {
  const from = record(value);
  const cause = text(from["cause"]);
  if (cause === "") return null;
  const kind = text(from["resource_type"]) || "flow";
  return { cause, kind, id: whole(from["resource_id"]), confidence: text(from["confidence"]), explanation: text(from["explanation"]) };
}

function stageOf(value: unknown, role: Stage["role"] = "stage"): Stage {
  const from = record(value);
  const kind = text(from["resource_type"]) || text(from["type"]) || text(from["kind"]) || "other";
  const id = whole(from["resource_id"]) ?? whole(from["id"]);
  return {
    key: keyOf(kind, id),
    kind,
    id,
    name: text(from["name"]),
    status: text(from["status"]),
    runtime: text(from["runtime_status"]),
    records: whole(from["records"]),
    errors: whole(from["errors"]),
    usual: whole(from["baseline_records"]),
    note: text(from["note"]),
    role,
    root: null,
    contributing: [],
  };
}

/** True when an answer can be drawn as a flow. */
export function drawable(data: Json): boolean {
  return list(data["stages"]).length > 0 || list(record(data["lineage"])["nodes"]).length > 0 || list(data["nodes"]).length > 0;
}

export function readFlow(data: Json): Flow {
  const lineage = Array.isArray(data["nodes"]) ? data : record(data["lineage"]);
  const nodes = list(lineage["nodes"]);
  const rows = list(data["stages"]).length > 0 ? list(data["stages"]) : nodes;
  const stages = unique(rows.map((row) => stageOf(row)));
  const named = namedLinks(rows, nodes, list(lineage["edges"] ?? data["edges"]), stages);
  const root = findingOf(data["root_cause"]);
  const others = list(data["blast_radius"]).map(record).map((o) => ({ kind: text(o["resource_type"]), id: whole(o["resource_id"]), name: text(o["name"]) }));
  const flow: Flow = {
    verdict: text(data["verdict"]),
    summary: text(data["summary"]),
    id: whole(data["flow_id"]),
    title: titleOf(stages),
    root,
    contributing: list(data["contributing"]).map(findingOf).filter((f) => f !== null),
    since: text(data["first_bad_run_at"]),
    links: named ?? linksByOrder(stages),
    stages,
    ordered: named === null && stages.length > 1,
    others,
    evidence: list(data["evidence"]).map(record).map((e) => ({
      operation: text(e["operation"]),
      kind: text(e["resource_type"]),
      id: whole(e["resource_id"]),
      fact: text(e["fact"]),
      quote: text(e["quote"]),
    })),
    notChecked: strings(data["not_checked"]),
    steps: stepsOf(data["next_steps"]),
    facts: healthFacts(data),
    issues: strings(data["issues"]),
  };
  placeFindings(flow);
  return flow;
}

function unique(stages: Stage[]): Stage[] {
  return [...new Map(stages.map((stage) => [stage.key, stage])).values()];
}

/** `orders-s3 to orders-to-snowflake`: where the data comes from and where it goes. */
function titleOf(stages: readonly Stage[]): string {
  const from = stages.find((stage) => stage.kind === "source")?.name ?? "";
  const into = stages.filter((stage) => stage.kind === "destination");
  const last = into.length === 1 ? into[0]!.name : into.length > 1 ? plural(into.length, "destination") : "";
  return [from, last].filter((part) => part !== "").join(" → ");
}

/** The links an answer names itself: edges between nodes, or a parent in each stage. Null when it names none. */
function namedLinks(rows: readonly unknown[], nodes: readonly unknown[], edges: readonly unknown[], stages: readonly Stage[]): Link[] | null {
  const known = new Map<string, string>();
  for (const row of [...rows, ...nodes]) {
    const { key, kind, id } = stageOf(row);
    const from = record(row);
    for (const alias of [from["key"], from["node_id"], from["node"], `${kind} ${id}`, from["id"], from["resource_id"], key]) {
      if (text(alias) !== "") known.set(text(alias), key);
    }
  }
  const end = (value: unknown): string | undefined => known.get(typeof value === "object" ? stageOf(value).key : text(value));
  const found: Link[] = [];
  const add = (from: string | undefined, to: string | undefined) => {
    if (from !== undefined && to !== undefined && from !== to) found.push({ from, to, role: "data" });
  };
  for (const edge of edges) {
    const given = record(edge);
    const [a, b] = Array.isArray(edge) ? edge : [given["from"] ?? given["source"] ?? given["parent"], given["to"] ?? given["target"] ?? given["child"]];
    add(end(a), end(b));
  }
  rows.forEach((row) => {
    const parent = record(row)["parent"];
    if (parent !== undefined && parent !== null) add(end(parent), stageOf(row).key);
  });
  return found.length > 0 || stages.length < 2 ? found : null;
}

/** Links by the order of the stages: a destination hangs on the nexset before it, a later nexset on the first one. */
function linksByOrder(stages: readonly Stage[]): Link[] {
  const links: Link[] = [];
  let head: Stage | undefined;
  let first: Stage | undefined;
  let branched = false;
  for (const stage of stages) {
    const parent = stage.kind === "nexset" && branched ? first : head;
    if (parent && stage.kind !== "source") links.push({ from: parent.key, to: stage.key, role: "data" });
    if (stage.kind === "destination") branched = true;
    else {
      head = stage;
      branched = false;
    }
    if (stage.kind === "nexset") first ??= stage;
  }
  return links;
}

/** Ties each finding to its stage, or adds the resource it names beside the stages it hangs on. */
function placeFindings(flow: Flow): void {
  const stage = (kind: string, id: number | null) => flow.stages.find((s) => s.key === keyOf(kind, id));
  const place = (finding: Finding, isRoot: boolean) => {
    let at = stage(finding.kind, finding.id);
    if (!at && finding.id !== null) {
      at = stageOf({ resource_type: finding.kind, resource_id: finding.id }, "cause");
      for (const hit of hits(flow, finding)) flow.links.push({ from: at.key, to: hit.key, role: "cause" });
      flow.stages.push(at);
    }
    if (at && isRoot) at.root = finding;
    else if (at) at.contributing.push(finding);
    return at;
  };
  flow.contributing.forEach((finding) => place(finding, false));
  const at = flow.root ? place(flow.root, true) : undefined;
  for (const other of at ? flow.others : []) {
    if (stage(other.kind, other.id)) continue;
    const outside = stageOf({ resource_type: other.kind, resource_id: other.id, name: other.name }, "other");
    flow.stages.push(outside);
    flow.links.push({ from: at!.key, to: outside.key, role: "cause" });
  }
}

/** The stages of this flow that a finding at another resource reaches: named as affected, else named in the evidence. */
function hits(flow: Flow, finding: Finding): Stage[] {
  const fits = (stage: Stage) => stage.role === "stage" && (HANGS_ON[finding.kind]?.includes(stage.kind) ?? false);
  const within = (list: readonly { kind: string; id: number | null }[]) => flow.stages.filter((s) => fits(s) && list.some((o) => keyOf(o.kind, o.id) === s.key));
  const affected = within(flow.others);
  return affected.length > 0 ? affected : within(flow.evidence).slice(0, 1);
}

function healthFacts(data: Json): Flow["facts"] {
  const facts: Flow["facts"] = [];
  if (text(data["last_run"]) !== "") facts.push({ label: "Last run", value: text(data["last_run"]) });
  const rate = data["error_rate"];
  if (typeof rate === "number") facts.push({ label: "Failed runs, of the last ten", value: number(Math.round(rate * 10)) });
  return facts;
}

/** Causes first, then the flow, then what else is hit: the order of Tab and of the table. */
export function inReadingOrder(flow: Flow): Stage[] {
  return (["cause", "stage", "other"] as const).flatMap((role) => flow.stages.filter((stage) => stage.role === role));
}

/** How a stage stands, judged by its own numbers, its status and what was found there. */
export function stateOf(stage: Stage): State {
  const paused = /^PAUSED/i.test(stage.status);
  if (stage.root) return stage.root.cause === "paused" || paused ? "paused" : CALM.has(stage.root.cause) ? "quiet" : "errors";
  if (paused) return "paused";
  if ((stage.errors ?? 0) > 0 || stage.contributing.some((finding) => !CALM.has(finding.cause))) return "errors";
  if (stage.usual !== null && stage.usual > 0) {
    if (stage.records === null || stage.records === 0) return "quiet";
    if (stage.records < stage.usual / 2) return "low";
  }
  return stage.records !== null || /^(ACTIVE|RUNNING|OK|GREEN)/i.test(stage.status) ? "ok" : "unknown";
}

/** The state in a word or two. */
export function stateWords(stage: Stage): string {
  switch (stateOf(stage)) {
    case "errors":
      return (stage.errors ?? 0) > 0 ? plural(stage.errors!, "error") : "Problem";
    case "quiet":
      return stage.records === null && stage.usual !== null ? "No rows" : "Nothing new";
    case "low":
      return "Below usual";
    case "paused":
      return "Paused";
    default:
      return stage.status === "" ? "Not known" : statusWords(stage.status);
  }
}

/** `0 · usual 10,388`, as far as it is known. */
export function countWords(stage: Stage): string {
  const usual = stage.usual === null ? "" : `usual ${number(stage.usual)}`;
  if (stage.records === null) return usual;
  return usual === "" ? plural(stage.records, "record") : `${number(stage.records)} · ${usual}`;
}
