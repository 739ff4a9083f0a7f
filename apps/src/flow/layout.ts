/**
 * Where each card stands, in one of three ways.
 *
 * - across: the stages in columns (dagre's layers), resources that a finding names in a row above the stage
 *   they hang on; when the window is wide enough.
 * - down: everything in layers from top to bottom; for a narrow window and a flow that hardly branches.
 * - tree: one card below the other, indented by depth; for a narrow window and many branches.
 */

import { graphlib, layout as layers, type GraphLabel } from "@dagrejs/dagre";
import type { Link, Stage } from "./model";

export interface Point {
  x: number;
  y: number;
}

export type Way = "across" | "down" | "tree";

export interface Plan {
  way: Way;
  cardWidth: number;
  columns: number;
}

export interface Placed extends Plan {
  width: number;
  height: number;
  cards: Map<string, Point>;
  /** The line of each link, as an SVG path. */
  paths: { link: Link; d: string }[];
}

const CARD = { least: 150, most: 212, mostDown: 340 } as const;
const GAP = { across: 36, down: 30, side: 16, above: 34, tree: 12, indent: 21 } as const;
/** Room for the flag on a card's upper edge. */
const HEADROOM = 12;

type Sizes = ReadonlyMap<string, number>;

/** The way that fits `room`, and the width of a card on it. */
export function planFor(stages: readonly Stage[], links: readonly Link[], room: number): Plan {
  const flow = stages.filter((stage) => stage.role === "stage");
  const depth = 1 + Math.max(0, ...columns(flow, links).values());
  const each = Math.floor((room - (depth - 1) * GAP.across) / depth);
  if (each >= CARD.least) return { way: "across", cardWidth: Math.min(each, CARD.most), columns: depth };
  const column = columns(stages, links);
  const layers = new Map<number, number>();
  for (const at of column.values()) layers.set(at, (layers.get(at) ?? 0) + 1);
  const most = Math.max(1, ...layers.values());
  const side = Math.floor((room - (most - 1) * GAP.side) / most);
  if (side >= CARD.least) return { way: "down", cardWidth: Math.min(side, CARD.mostDown), columns: most };
  const indent = Math.max(0, ...column.values()) * GAP.indent;
  return { way: "tree", cardWidth: Math.min(Math.max(room - indent, CARD.least), CARD.mostDown), columns: 1 };
}

/** The longest way to each stage, in links. */
function columns(stages: readonly Stage[], links: readonly Link[]): Map<string, number> {
  const column = new Map(stages.map((stage) => [stage.key, 0]));
  for (let round = 0; round < stages.length; round++) {
    let moved = false;
    for (const { from, to } of links) {
      const next = (column.get(from) ?? 0) + 1;
      if (column.has(from) && column.has(to) && next > column.get(to)! && next < stages.length) {
        column.set(to, next);
        moved = true;
      }
    }
    if (!moved) break;
  }
  return column;
}

/** Places the cards; `heights` are measured at the plan's width. */
export function arrange(stages: readonly Stage[], links: readonly Link[], heights: Sizes, plan: Plan): Placed {
  const draw = { across, down, tree }[plan.way];
  const { cards, paths } = draw(stages, links, heights, plan.cardWidth);
  return {
    ...plan,
    cards,
    paths,
    width: Math.max(...stages.map(({ key }) => cards.get(key)!.x + plan.cardWidth)),
    height: Math.max(...stages.map(({ key }) => cards.get(key)!.y + (heights.get(key) ?? 0))),
  };
}

type Drawn = Pick<Placed, "cards" | "paths">;

interface Layers {
  cards: Map<string, Point>;
  /** Bends of links that pass a layer, by `from to`. */
  bends: Map<string, Point[]>;
}

/** dagre's layers; top-left corners of the cards, in the order of the stages where that is free. */
function layered(stages: readonly Stage[], links: readonly Link[], heights: Sizes, cardWidth: number, label: GraphLabel): Layers {
  const dag = new graphlib.Graph();
  dag.setGraph(label);
  dag.setDefaultEdgeLabel(() => ({}));
  for (const stage of stages) dag.setNode(stage.key, { width: cardWidth, height: heights.get(stage.key) ?? 0 });
  const drawn = links.filter(({ from, to }) => dag.hasNode(from) && dag.hasNode(to));
  for (const { from, to } of drawn) dag.setEdge(from, to);
  layers(dag);
  const middle = new Map(stages.map(({ key }) => [key, dag.node(key) as Point]));
  const sideways = label.rankdir === "TB";
  const turn = mirrored([...middle.values()], sideways) ? mirror(dag.graph() as GraphLabel, sideways) : (at: Point) => at;
  const bends = new Map<string, Point[]>();
  for (const { from, to } of drawn) {
    const { points } = dag.edge(from, to) as { points: Point[] };
    if (points.length > 3) bends.set(`${from} ${to}`, points.slice(1, -1).map(turn));
  }
  const corner = (key: string) => {
    const at = turn(middle.get(key)!);
    return { x: at.x - cardWidth / 2, y: at.y - (heights.get(key) ?? 0) / 2 };
  };
  return { cards: new Map(stages.map(({ key }) => [key, corner(key)])), bends };
}

/** True when most cards of a layer stand in the reverse of the order in which the stages came. */
function mirrored(middle: readonly Point[], sideways: boolean): boolean {
  let balance = 0;
  middle.forEach((a, i) => {
    for (const b of middle.slice(i + 1)) {
      const [same, step] = sideways ? [Math.abs(a.y - b.y) < 1, b.x - a.x] : [Math.abs(a.x - b.x) < 1, b.y - a.y];
      if (same) balance += Math.sign(step);
    }
  });
  return balance < 0;
}

function mirror({ width = 0, height = 0 }: GraphLabel, sideways: boolean): (at: Point) => Point {
  return ({ x, y }) => (sideways ? { x: width - x, y } : { x, y: height - y });
}

/** Everything in layers, downwards. */
function down(stages: readonly Stage[], links: readonly Link[], heights: Sizes, cardWidth: number): Drawn {
  const found = layered(stages, links, heights, cardWidth, { rankdir: "TB", nodesep: GAP.side, ranksep: GAP.down });
  const cards = new Map([...found.cards].map(([key, { x, y }]) => [key, { x, y: y + HEADROOM }]));
  return { cards, paths: joined(links, cards, heights, cardWidth, found.bends, HEADROOM, false) };
}

/** Stages in columns, resources of findings in the row above. */
function across(stages: readonly Stage[], links: readonly Link[], heights: Sizes, cardWidth: number): Drawn {
  const flow = stages.filter((stage) => stage.role === "stage");
  const above = stages.filter((stage) => stage.role !== "stage");
  const data = links.filter((link) => link.role === "data");
  const found = layered(flow, data, heights, cardWidth, { rankdir: "LR", nodesep: GAP.side, ranksep: GAP.across });
  const row = above.length === 0 ? 0 : Math.max(...above.map((stage) => heights.get(stage.key) ?? 0)) + GAP.above;
  const cards = new Map([...found.cards].map(([key, { x, y }]) => [key, { x, y: y + row + HEADROOM }]));
  const step = cardWidth + GAP.across;
  const last = Math.round(Math.max(...[...cards.values()].map(({ x }) => x)) / step);
  const taken = new Set<number>();
  for (const stage of above) {
    const hit = links.find((link) => link.role === "cause" && (link.from === stage.key || link.to === stage.key));
    const anchor = hit ? cards.get(hit.from === stage.key ? hit.to : hit.from) : undefined;
    const slot = nearestFree(Math.round((anchor?.x ?? 0) / step), taken, last);
    taken.add(slot);
    cards.set(stage.key, { x: slot * step, y: HEADROOM });
  }
  return { cards, paths: joined(links, cards, heights, cardWidth, found.bends, row + HEADROOM, true) };
}

/** The column itself, else the next free one to the right, else to the left, else one more at the end. */
function nearestFree(column: number, taken: ReadonlySet<number>, last: number): number {
  for (let slot = column; slot <= last; slot++) if (!taken.has(slot)) return slot;
  for (let slot = column; slot >= 0; slot--) if (!taken.has(slot)) return slot;
  return Math.max(last, ...taken) + 1;
}

/** One below the other, each indented below what feeds it; lines run down the left. */
function tree(stages: readonly Stage[], links: readonly Link[], heights: Sizes): Drawn {
  const cards = new Map<string, Point>();
  let y = HEADROOM;
  const visit = (key: string, depth: number) => {
    if (cards.has(key)) return;
    cards.set(key, { x: depth * GAP.indent, y });
    y += (heights.get(key) ?? 0) + GAP.tree;
    for (const { from, to } of links) if (from === key && heights.has(to)) visit(to, depth + 1);
  };
  const fed = new Set(links.map(({ to }) => to));
  for (const { key } of stages) if (!fed.has(key)) visit(key, 0);
  for (const { key } of stages) visit(key, 0);
  const paths = links.flatMap((link) => {
    const [a, b] = [cards.get(link.from), cards.get(link.to)];
    if (!a || !b) return [];
    const [x, top, level] = [a.x + 7, a.y + (heights.get(link.from) ?? 0), b.y + (heights.get(link.to) ?? 0) / 2];
    return [{ link, d: `M${x} ${top}V${round(level - 6)}Q${x} ${round(level)} ${x + 6} ${round(level)}H${b.x}` }];
  });
  return { cards, paths };
}

/** The line of each link; `lower` is how far the layers were moved down. */
function joined(links: readonly Link[], cards: Drawn["cards"], heights: Sizes, cardWidth: number, bends: Layers["bends"], lower: number, sideways: boolean): Drawn["paths"] {
  return links.flatMap((link) => {
    const [a, b] = [cards.get(link.from), cards.get(link.to)];
    if (!a || !b) return [];
    const { start, end, level } = ends(a, b, cardWidth, heights.get(link.from) ?? 0, heights.get(link.to) ?? 0, sideways);
    const via = (bends.get(`${link.from} ${link.to}`) ?? []).map(({ x, y }) => ({ x, y: y + lower }));
    return [{ link, d: curve([start, ...via, end], level) }];
  });
}

/** From the side of one card to the facing side of the other; the sides come first where the flow runs sideways. */
function ends(a: Point, b: Point, width: number, high: number, low: number, sideways: boolean): { start: Point; end: Point; level: boolean } {
  const right = b.x >= a.x + width && { start: { x: a.x + width, y: a.y + high / 2 }, end: { x: b.x, y: b.y + low / 2 }, level: true };
  const under = b.y >= a.y + high && { start: { x: a.x + width / 2, y: a.y + high }, end: { x: b.x + width / 2, y: b.y }, level: false };
  const over = { start: { x: a.x + width / 2, y: a.y }, end: { x: b.x + width / 2, y: b.y + low }, level: false };
  return (sideways ? right || under : under || right) || over;
}

/** A smooth line through the points that leaves and arrives along the direction of the flow. */
function curve([start, ...rest]: readonly Point[], level: boolean): string {
  if (!start) return "";
  let from = start;
  const parts = [`M${round(from.x)} ${round(from.y)}`];
  for (const to of rest) {
    const bend = (level ? to.x - from.x : to.y - from.y) / 2;
    const turns = level ? [from.x + bend, from.y, to.x - bend, to.y] : [from.x, from.y + bend, to.x, to.y - bend];
    parts.push(`C${[...turns, to.x, to.y].map(round).join(" ")}`);
    from = to;
  }
  return parts.join("");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
