/**
 * The flow as a graph: one button per stage, lines between them.
 *
 *     const graph = drawGraph(flow, { onChoose: (stage) => ... });
 *     graph.choose(stage.key);
 *
 * Every card is reached by Tab in the order of the flow, and by the arrow keys to its neighbour on that side.
 */

import { h, put, s } from "../shared/dom";
import { icon } from "../shared/icons";
import { causeWords, place, sentence } from "../shared/words";
import { arrange, planFor, type Placed } from "./layout";
import { countWords, inReadingOrder, stateOf, stateWords, type Flow, type Stage } from "./model";

export interface GraphView {
  element: HTMLElement;
  choose(key: string | null): void;
}

/** Room for the focus ring on both sides, as in the style. */
const MARGIN = 3;
const SIDES: Record<string, [number, number]> = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

export function drawGraph(flow: Flow, onChoose: (stage: Stage) => void): GraphView {
  const lines = s("svg", { class: "lines", "aria-hidden": "true", focusable: "false" });
  const canvas = h("div", { class: "canvas" }, lines);
  const element = h("div", { class: "graph", role: "group", "aria-label": graphWords(flow) }, canvas);
  const cards = new Map<string, HTMLButtonElement>();
  let placed: Placed | undefined;

  for (const stage of inReadingOrder(flow)) {
    const card = cardOf(stage);
    card.addEventListener("click", () => onChoose(stage));
    cards.set(stage.key, card);
    canvas.append(card);
  }

  element.addEventListener("keydown", (event) => {
    const here = [...cards].find(([, card]) => card === document.activeElement)?.[0];
    if (here === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const keys = [...cards].filter(([, card]) => !card.hidden).map(([key]) => key);
    const to =
      event.key === "Home" ? keys[0] : event.key === "End" ? keys.at(-1) : SIDES[event.key] && placed ? neighbour(placed, here, SIDES[event.key]!) : undefined;
    if (to === undefined) return;
    event.preventDefault();
    cards.get(to)?.focus();
  });

  const draw = () => {
    const room = element.clientWidth - 2 * MARGIN;
    if (room <= 0) return;
    // In a narrow window there is no room for what lies outside the flow; it is listed under the graph.
    const inside = flow.stages.filter((stage) => stage.role !== "other");
    const wide = planFor(flow.stages, flow.links, room);
    const plan = wide.way === "across" ? wide : planFor(inside, flow.links, room);
    const stages = plan.way === "across" ? fitting(flow.stages, plan.columns) : inside;
    if (placed && placed.cardWidth === plan.cardWidth && placed.way === plan.way) return;
    for (const [key, card] of cards) {
      card.hidden = !stages.some((stage) => stage.key === key);
      card.style.setProperty("width", `${plan.cardWidth}px`);
      card.style.removeProperty("min-height");
    }
    const heights = level(stages, new Map([...cards].map(([key, card]) => [key, card.offsetHeight])));
    placed = arrange(stages, flow.links, heights, plan);
    show(placed, stages, heights, canvas, lines, cards);
  };
  new ResizeObserver(draw).observe(element);

  return {
    element,
    choose: (key) => cards.forEach((card, own) => card.setAttribute("aria-pressed", String(own === key))),
  };
}

function graphWords(flow: Flow): string {
  const count = flow.stages.filter((stage) => stage.role === "stage").length;
  return `The flow as a graph, ${count} stages. Arrow keys move between the cards, Enter shows the facts of one.`;
}

/** The stages, and as many of the cards beside them as there are columns. */
function fitting(stages: readonly Stage[], columns: number): Stage[] {
  const causes = stages.filter((stage) => stage.role === "cause").length;
  let room = columns - Math.max(1, causes);
  return stages.filter((stage) => stage.role !== "other" || room-- > 0);
}

/** Cards of one role are equally high, so that rows look like rows. */
function level(stages: readonly Stage[], heights: ReadonlyMap<string, number>): Map<string, number> {
  const most = (flow: boolean) => Math.max(0, ...stages.filter((s) => (s.role === "stage") === flow).map((s) => heights.get(s.key) ?? 0));
  const [stage, other] = [most(true), most(false)];
  return new Map(stages.map((s) => [s.key, s.role === "stage" ? stage : other]));
}

function show(
  placed: Placed,
  stages: readonly Stage[],
  heights: ReadonlyMap<string, number>,
  canvas: HTMLElement,
  lines: SVGSVGElement,
  cards: ReadonlyMap<string, HTMLElement>,
): void {
  canvas.style.setProperty("width", `${placed.width}px`);
  canvas.style.setProperty("height", `${placed.height}px`);
  const named = new Map(stages.map((stage) => [stage.key, stage]));
  for (const [key, at] of placed.cards) {
    const style = cards.get(key)!.style;
    style.setProperty("left", `${at.x}px`);
    style.setProperty("top", `${at.y}px`);
    style.setProperty("min-height", `${heights.get(key) ?? 0}px`);
  }
  lines.setAttribute("viewBox", `0 0 ${placed.width} ${placed.height}`);
  put(
    lines,
    s("defs", {}, arrow("tip"), arrow("tip-bad"), arrow("tip-idle")),
    ...placed.paths.map(({ link, d }) => {
      const target = named.get(link.to);
      const idle = target !== undefined && ["quiet", "paused"].includes(stateOf(target));
      const kind = link.role === "cause" ? "bad" : idle ? "idle" : "";
      return s("path", { class: `line ${kind}`, d, "marker-end": `url(#tip${kind === "" ? "" : `-${kind}`})` });
    }),
  );
}

function arrow(id: string): SVGMarkerElement {
  const box = { id, class: id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" };
  return s("marker", box, s("path", { d: "M1 1 7 4 1 7" }));
}

/** The nearest card on that side; what lies straight ahead wins over what lies aside. */
function neighbour(placed: Placed, here: string, [dx, dy]: [number, number]): string | undefined {
  const from = placed.cards.get(here)!;
  let best: { key: string; far: number } | undefined;
  for (const [key, at] of placed.cards) {
    const ahead = (at.x - from.x) * dx + (at.y - from.y) * dy;
    const aside = Math.abs((at.x - from.x) * dy + (at.y - from.y) * dx);
    if (key === here || ahead <= 1) continue;
    const far = ahead + aside * 2;
    if (!best || far < best.far) best = { key, far };
  }
  return best?.key;
}

function cardOf(stage: Stage): HTMLButtonElement {
  const state = stateOf(stage);
  const name = stage.name || (stage.root ? causeWords(stage.root.cause) : stage.contributing[0] ? causeWords(stage.contributing[0].cause) : place(stage.kind, stage.id));
  const count = stage.role === "stage" ? countWords(stage) : "";
  const foot = stage.role === "other" ? ["Hit as well"] : stage.role === "cause" ? [] : [icon(state), stateWords(stage)];
  return h(
    "button",
    { class: `card ${stage.role}`, type: "button", "data-key": stage.key, "data-state": state, "data-root": stage.root !== null, "aria-pressed": "false", "aria-label": cardWords(stage, name, count) },
    stage.root ? h("span", { class: "flag" }, "Root cause") : null,
    h("span", { class: "kind" }, icon(stage.kind), h("span", {}, sentence(place(stage.kind, stage.id)))),
    h("span", { class: "name" }, name),
    stage.role === "stage" && count !== "" ? meter(stage) : null,
    foot.length === 0 ? null : h("span", { class: "foot" }, count === "" ? null : h("span", { class: "figures" }, count), h("span", { class: "state" }, ...foot)),
  );
}

/** Records against the usual; empty when either is not known. */
function meter(stage: Stage): SVGSVGElement {
  const part = stage.records === null || !stage.usual ? 0 : Math.min(1, stage.records / stage.usual);
  const known = stage.usual !== null && stage.records !== null;
  return s(
    "svg",
    { class: "meter", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
    s("rect", { class: "track", width: 100, height: 4 }),
    known ? s("rect", { class: "bar", width: Math.round(part * 1000) / 10, height: 4 }) : null,
  );
}

function cardWords(stage: Stage, name: string, count: string): string {
  const said = stage.role === "other" ? "outside this flow, hit as well" : stage.role === "cause" ? "" : stateWords(stage);
  const parts = [stage.root ? `Root cause: ${causeWords(stage.root.cause)}` : "", place(stage.kind, stage.id), name, count, said];
  return parts.filter((part, i) => part !== "" && parts.indexOf(part) === i).join(", ");
}
