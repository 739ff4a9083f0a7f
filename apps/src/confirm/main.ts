/** The view ui://nexla/confirm: shows the preview of a change. It has no button: the answer is given elsewhere. */

import "../shared/strict";
import "../shared/base.css";
import "./confirm.css";
import { h, put } from "../shared/dom";
import { join, type Answer } from "../shared/host";
import { prose } from "../shared/prose";
import { record, text, type Json } from "../shared/read";
import { drawCard, heading } from "./card";

const root = document.body.appendChild(h("div", { id: "view" }));

function page(...children: (Node | null)[]): HTMLElement {
  return h("main", { class: "page" }, ...children);
}

/** What is known before the answer: the operation, and the ids it names. */
function waiting(input: Json): HTMLElement {
  const operation = text(input["operation"]);
  const given = record(input["arguments"]);
  const ids = Object.entries(given).filter(([, value]) => typeof value === "number");
  return page(
    h("h1", {}, operation === "" ? "A change" : heading(operation, {})),
    h("p", { class: "muted" }, [...ids.map(([key, value]) => `${key} ${String(value)}`), "waiting for your answer in the client"].join(" · ")),
  );
}

function show(answer: Answer): void {
  try {
    const card = answer.failed || !answer.data ? null : drawCard(answer.data, answer.text);
    put(root, card ?? page(h("div", { class: answer.failed ? "answer failed" : "answer" }, prose(answer.text || "No text came back."))));
  } catch (error) {
    put(root, page(h("div", { class: "answer" }, prose(answer.text))));
    console.warn("nexla-confirm: the preview could not be drawn", error);
  }
}

put(root, waiting({}));
join("nexla-confirm", {
  onInput: (input) => put(root, waiting(input)),
  onResult: show,
  onCancelled: () => put(root, page(h("h1", {}, "Cancelled"), h("p", { class: "muted" }, "The call was cancelled before an answer came back."))),
}).catch(() => put(root, page(h("p", { class: "muted" }, "This page shows the preview of a change inside an MCP client."))));
