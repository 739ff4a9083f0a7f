/** The preview of a change as a card: what, what it reaches, what differs, how it is undone, what would be sent. */

import { fold, h } from "../shared/dom";
import { icon } from "../shared/icons";
import { prose } from "../shared/prose";
import { list, record, strings, text, whole, type Json } from "../shared/read";
import { moment, place, plural, sentence, statusWords } from "../shared/words";

const RISKS: Record<string, { state: string; words: string }> = {
  read: { state: "ok", words: "Reads only" },
  write: { state: "ok", words: "Additive" },
  disrupt: { state: "low", words: "Disruptive" },
  destroy: { state: "errors", words: "Destructive" },
};

const PICTURES: readonly [RegExp, string][] = [
  [/delete|remove|purge/, "bin"],
  [/pause|stop/, "paused"],
  [/activate|run/, "again"],
];

/** `Pause flow "orders"`: from the operation's name, when the preview brings no title. */
export function heading(operation: string, preview: Json): string {
  const target = record(preview["target"]);
  const name = text(target["name"]);
  const verb = sentence(operation.split("_").slice(1).join(" ")) || operation;
  const title = text(preview["title"]) || [verb, text(target["type"])].filter((part) => part !== "").join(" ");
  return name === "" ? title : `${title} “${name}”`;
}

/** The card; null when the answer carries no preview. */
export function drawCard(data: Json, words: string): HTMLElement | null {
  const preview = record(data["preview"]);
  const status = text(data["status"]);
  if (Object.keys(preview).length === 0) return status === "done" ? doneCard(data, words) : null;
  const operation = text(preview["operation"]) || text(data["operation"]);
  const risk = text(preview["risk"]);
  const target = record(preview["target"]);
  const known = RISKS[risk] ?? { state: "unknown", words: risk };
  const gaps = strings(preview["not_known"]);
  const effects = strings(preview["effects"]);
  const picture = PICTURES.find(([words]) => words.test(operation))?.[1] ?? "flow";
  return h(
    "main",
    { class: "page confirm", "data-state": known.state },
    statusLine(status, text(data["expires_at"]), risk === "destroy" ? text(target["name"]) : ""),
    h(
      "header",
      { class: "what" },
      h("span", { class: "sign", "aria-hidden": "true" }, icon(picture)),
      h("div", {}, h("h1", {}, heading(operation, preview)), h("p", { class: "muted" }, targetWords(target))),
      known.words === "" ? null : h("span", { class: "pill", "data-state": known.state }, known.words),
    ),
    affectedBox(list(preview["affected"]).map(record)),
    changesBox(list(preview["changes"]).map(record)),
    effects.length > 0 ? block("What follows", h("ul", { class: "gaps" }, ...effects.map((effect) => h("li", {}, sentence(effect))))) : null,
    gaps.length > 0 ? block("Not known", h("ul", { class: "gaps" }, ...gaps.map((gap) => h("li", {}, sentence(gap))))) : null,
    block("Undo", h("p", { class: "undo" }, icon("undo"), h("span", {}, text(preview["undo"]) || "Not possible through the API."))),
    requestBox(record(preview["request"])),
  );
}

function targetWords(target: Json): string {
  const kind = text(target["type"]);
  if (kind === "") return "";
  const owner = text(target["owner"]);
  const id = whole(target["id"]);
  const parts = [sentence(id === null ? `${kind} ${text(target["id"])}`.trim() : place(kind, id)), statusWords(text(target["status"])), owner === "" ? "" : `owner ${owner}`];
  return parts.filter((part) => part !== "").join(" · ");
}

function statusLine(status: string, expires: string, typed: string): HTMLElement {
  const until = expires === "" ? "" : ` This preview is good until ${moment(expires)}.`;
  const words =
    status === "dry_run"
      ? "Dry run: nothing was sent."
      : status === "done"
        ? "Done."
        : `Nothing was changed yet. Answer in the chat or in the form of your client; this card only shows.${typed === "" ? "" : ` You will be asked to type “${typed}”.`}${until}`;
  return h("p", { class: "status", role: "status" }, icon(status === "done" ? "ok" : status === "dry_run" ? "eye" : "wait"), h("span", {}, words));
}

function block(title: string, ...children: (Node | null)[]): HTMLElement {
  return h("section", { class: "block", "aria-label": title }, h("h2", {}, title), ...children);
}

/** Everything that the change reaches, by kind, in the order it came. */
function affectedBox(rows: readonly Json[]): HTMLElement | null {
  if (rows.length === 0) return null;
  const items = rows.map((row) => {
    const kind = text(row["resource_type"]);
    const name = text(row["name"]);
    const status = text(row["status"]);
    return h(
      "li",
      {},
      icon(kind),
      h("span", { class: "name" }, name === "" ? sentence(place(kind, whole(row["resource_id"]))) : name),
      name === "" ? null : h("span", { class: "muted" }, place(kind, whole(row["resource_id"]))),
      status === "" ? null : h("span", { class: "muted status-word" }, statusWords(status)),
    );
  });
  const shown = 8;
  const more = items.splice(shown);
  return block(
    `Reaches ${plural(rows.length, "resource")}`,
    h("ul", { class: "affected" }, ...items),
    more.length > 0 ? fold("More", more.length, h("ul", { class: "affected" }, ...more)) : null,
  );
}

function shownValue(value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  return typeof value === "string" ? value : JSON.stringify(value, null, 1);
}

function changesBox(rows: readonly Json[]): HTMLElement | null {
  if (rows.length === 0) return null;
  const body = rows.map((row) => {
    const vanishing = strings(row["vanishing"]);
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, text(row["field"])),
      h("td", {}, h("del", {}, shownValue(row["before"]))),
      h("td", {}, h("ins", {}, shownValue(row["after"])), vanishing.length > 0 ? h("p", { class: "vanish" }, `Drops ${vanishing.join(", ")}`) : null),
    );
  });
  const head = h("thead", {}, h("tr", {}, ...["Field", "Now", "After"].map((title) => h("th", { scope: "col" }, title))));
  return block(plural(rows.length, "change"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Changes" }, h("table", {}, head, h("tbody", {}, ...body))));
}

function requestBox(request: Json): HTMLElement | null {
  const method = text(request["method"]);
  if (method === "") return null;
  const query = Object.entries(record(request["query"])).map(([key, value]) => `${key}=${shownValue(value)}`);
  const line = `${method} ${text(request["path"])}${query.length > 0 ? `?${query.join("&")}` : ""}`;
  const body = request["body"] === undefined ? null : h("pre", { tabindex: 0, role: "region", "aria-label": "Body of the request" }, JSON.stringify(request["body"], null, 2));
  return block("What would be sent", h("p", { class: "mono" }, line), body);
}

/** After the change: the text of the tool, and how to take it back. */
function doneCard(data: Json, words: string): HTMLElement {
  const undo = record(data["undo"]);
  const back = record(undo["arguments"]);
  return h(
    "main",
    { class: "page confirm", "data-state": "ok" },
    statusLine("done", "", ""),
    h("header", { class: "what" }, h("span", { class: "sign", "aria-hidden": "true" }, icon("ok")), h("div", {}, h("h1", {}, heading(text(data["operation"]), {})))),
    h("div", { class: "answer", tabindex: 0, role: "region", "aria-label": "Answer" }, prose(words)),
    text(undo["tool"]) === "" ? null : block("Undo", h("p", { class: "undo" }, icon("undo"), h("span", { class: "mono" }, `${text(back["operation"])} ${JSON.stringify(back["arguments"] ?? {})}`))),
  );
}
