/** A tool's text answer as readable blocks: paragraphs, lists and tables; never HTML. */

import { h } from "./dom";

function cells(line: string): string[] {
  return line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
}

function table(lines: readonly string[]): HTMLElement {
  const [head = [], ...rest] = lines.map(cells);
  const rows = rest.filter((row) => !row.every((cell) => /^:?-+:?$/.test(cell)));
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...head.map((cell) => h("th", { scope: "col" }, cell)))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell))))),
    ),
  );
}

/** The text in blocks; lines that begin with a bar are a table, `**` around words is dropped. */
export function prose(words: string): HTMLElement {
  const box = h("div", { class: "prose" });
  let run: string[] = [];
  let bars = false;
  const close = () => {
    if (run.length > 0) box.append(bars ? table(run) : h("p", {}, run.join("\n")));
    run = [];
  };
  for (const raw of words.split("\n")) {
    const line = raw.replaceAll("**", "").trimEnd();
    const bar = line.startsWith("|");
    if (line === "" || bar !== bars) close();
    bars = bar;
    if (line !== "") run.push(line);
  }
  close();
  return box;
}
