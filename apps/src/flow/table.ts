/** The same flow as a table: for screen readers, for copying, and for whoever prefers rows. */

import { h } from "../shared/dom";
import { causeWords, humane, number, place, sentence, statusWords } from "../shared/words";
import { inReadingOrder, stateOf, stateWords, type Flow, type Stage } from "./model";

const figure = (value: number | null): string => (value === null ? "–" : number(value));

export function drawTable(flow: Flow, onChoose: (stage: Stage) => void): HTMLElement {
  const heads = ["Stage", "Status", "Records", "Usual", "Errors", "Note"];
  const numeric = new Set(["Records", "Usual", "Errors"]);
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Stages of the flow as a table" },
    h(
      "table",
      { class: "stages" },
      h("caption", { class: "unseen" }, "Stages in the order of the flow, with the newest run against the usual"),
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col", class: numeric.has(head) ? "figure" : null }, head)))),
      h("tbody", {}, ...inReadingOrder(flow).map((stage) => row(stage, onChoose))),
    ),
  );
}

function row(stage: Stage, onChoose: (stage: Stage) => void): HTMLElement {
  const what = sentence(place(stage.kind, stage.id));
  const note = stage.role === "other" ? "Outside this flow, hit as well" : sentence(humane(stage.note));
  const lead = stage.root ? h("b", {}, `Root cause: ${causeWords(stage.root.cause).toLowerCase()}`) : null;
  return h(
    "tr",
    { "data-state": stateOf(stage) },
    h("th", { scope: "row" }, h("button", { class: "link", type: "button", onclick: () => onChoose(stage) }, what), stage.name === "" ? null : h("span", { class: "name" }, stage.name)),
    h("td", {}, h("span", { class: "state" }, stage.role === "stage" ? stateWords(stage) : stage.status === "" ? "–" : statusWords(stage.status))),
    h("td", { class: "figure" }, figure(stage.records)),
    h("td", { class: "figure" }, figure(stage.usual)),
    h("td", { class: "figure" }, figure(stage.errors)),
    h("td", {}, lead, lead && note !== "" ? h("br") : null, note === "" && !lead ? "–" : note),
  );
}
