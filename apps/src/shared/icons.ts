/** The pictures, drawn with a few strokes on a 16 by 16 grid; each is decoration beside a word. */

import { s } from "./dom";

const PATHS: Record<string, readonly string[]> = {
  source: ["M2.5 4.2c0-1 2-1.7 4.2-1.7s4.2.7 4.2 1.7-2 1.7-4.2 1.7-4.2-.7-4.2-1.7Z", "M2.5 4.2v7.4c0 1 2 1.8 4.2 1.8M10.9 4.2v2.3", "M8.6 10.3h5m-2-2 2 2-2 2"],
  nexset: ["m8 2.3 5.7 2.9L8 8.1 2.3 5.2 8 2.3Z", "m2.3 8 5.7 2.9L13.7 8", "m2.3 10.8 5.7 2.9 5.7-2.9"],
  destination: ["M5.1 4.2c0-1 2-1.7 4.2-1.7s4.2.7 4.2 1.7-2 1.7-4.2 1.7-4.2-.7-4.2-1.7Z", "M13.5 4.2v7.4c0 1-2 1.8-4.2 1.8M5.1 4.2v2.3", "M2.3 10.3h5m-2-2 2 2-2 2"],
  credential: ["M10.3 9.2a3.4 3.4 0 1 0-3.2-2.3L2.6 11.4v2h2.2v-1.5h1.5v-1.5l1.5-1.5", "M11 5h.01"],
  transform: ["M5.6 3.2c-1.6 0-1.9.8-1.9 2v1.2c0 .9-.5 1.6-1.4 1.6.9 0 1.4.7 1.4 1.6v1.2c0 1.2.3 2 1.9 2", "M10.4 3.2c1.6 0 1.9.8 1.9 2v1.2c0 .9.5 1.6 1.4 1.6-.9 0-1.4.7-1.4 1.6v1.2c0 1.2-.3 2-1.9 2"],
  lookup: ["M2.5 3.5h11v9h-11v-9Z", "M2.5 6.5h11M6.2 6.5v6"],
  flow: ["M2.4 8h2.4M11.2 8h2.4", "M4.8 5.7h6.4v4.6H4.8V5.7Z"],
  other: ["M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11Z", "M6.5 6.6c0-.9.7-1.5 1.5-1.5s1.5.6 1.5 1.4c0 1.1-1.5 1.2-1.5 2.3M8 11h.01"],
  ok: ["m3.3 8.4 3 3 6.4-6.6"],
  errors: ["M8 2.4 14 13H2L8 2.4Z", "M8 6.6v3M8 11.3h.01"],
  quiet: ["M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11Z", "M5.6 8h4.8"],
  low: ["M8 3v9.5m-3.6-3.6L8 12.5l3.6-3.6"],
  paused: ["M5.7 3.7v8.6M10.3 3.7v8.6"],
  unknown: ["M6 6.3c0-1.1.9-1.9 2-1.9s2 .8 2 1.8c0 1.4-2 1.6-2 3M8 11.8h.01"],
  wait: ["M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11Z", "M8 5v3.2l2 1.3"],
  back: ["M9.8 3.5 5.3 8l4.5 4.5"],
  again: ["M13 8a5 5 0 1 1-1.5-3.6L13 5.9", "M13 2.8v3.1H9.9"],
  expand: ["M9.5 2.8h3.7v3.7M6.5 13.2H2.8V9.5M13.2 2.8 9 7M2.8 13.2 7 9"],
  eye: ["M1.8 8S4 3.8 8 3.8 14.2 8 14.2 8 12 12.2 8 12.2 1.8 8 1.8 8Z", "M8 6.2a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6Z"],
  say: ["M2.5 3.3h11v7.4H7.6L4.7 13v-2.3H2.5V3.3Z"],
  undo: ["M5.6 3.2 2.8 6l2.8 2.8", "M2.8 6h6.4a3.6 3.6 0 0 1 0 7.2H6"],
  bin: ["M2.8 4.3h10.4M6.2 4.3V2.8h3.6v1.5M4.2 4.3l.6 8.9h6.4l.6-8.9M6.7 6.8v4M9.3 6.8v4"],
};

/** The picture of a name, hidden from screen readers; an unknown name gets a plain ring. */
export function icon(name: string): SVGSVGElement {
  const paths = PATHS[name] ?? PATHS["other"] ?? [];
  return s("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" }, ...paths.map((d) => s("path", { d })));
}
