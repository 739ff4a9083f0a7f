/** The view ui://nexla/flow: waits for the result, draws the page that fits it, keeps the way back. */

import "../shared/strict";
import "../shared/base.css";
import "./flow.css";
import { h, put } from "../shared/dom";
import { join, type Answer, type Call, type Host } from "../shared/host";
import { prose } from "../shared/prose";
import { text, whole, type Json } from "../shared/read";
import { boardPage, isBoard } from "./board";
import { drawable } from "./model";
import { flowPage, type Bar } from "./page";

interface Shown {
  data: Json;
  call: Call | null;
}

const root = document.body.appendChild(h("div", { id: "view" }));
const trail: Shown[] = [];
let host: Host | undefined;
let waiting: Answer | undefined;
let input: Json = {};

/** Draws the newest page of the trail. */
function render(focus: boolean): void {
  const shown = trail.at(-1);
  if (!shown || !host) return;
  const { data, call } = shown;
  const back = () => {
    trail.pop();
    render(true);
  };
  const bar: Bar = { ...(trail.length > 1 ? { back } : {}), ...(call && host.canRead && host.reads(call) ? { again: () => again(shown) } : {}) };
  const draw = isBoard(data) ? boardPage : flowPage;
  put(root, draw(host, data, bar, open));
  if (focus) focusHeading();
}

function focusHeading(): void {
  const heading = root.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus();
}

/** Opens an answer that can be drawn as a further page. */
function open(answer: Answer, call: Call): boolean {
  const { data } = answer;
  if (!data || !(isBoard(data) || drawable(data))) return false;
  trail.push({ data, call });
  render(true);
  host?.announce(text(data["summary"]));
  return true;
}

/** Asks the same question again and draws the new answer in place. */
function again(shown: Shown): void {
  if (!host || !shown.call || root.dataset["busy"] !== undefined) return;
  root.dataset["busy"] = "";
  host.announce("Checking again.");
  void host.read(shown.call).then((answer) => {
    delete root.dataset["busy"];
    if (answer.failed || !answer.data) {
      host?.announce(answer.text);
      root.querySelector("header.top")?.after(h("p", { class: "note", role: "alert" }, answer.text));
      return;
    }
    shown.data = answer.data;
    render(true);
    host?.announce(text(answer.data["summary"]));
  });
}

function show(answer: Answer): void {
  if (!host) {
    waiting = answer;
    return;
  }
  const { data } = answer;
  if (answer.failed || !data || !(isBoard(data) || drawable(data))) {
    put(root, plainPage(answer));
    return;
  }
  const call = host.tool === "" ? null : { tool: host.tool, arguments: input };
  trail.splice(0, trail.length, { data, call });
  try {
    render(false);
    host.announce(text(data["summary"]));
  } catch (error) {
    put(root, plainPage(answer));
    console.warn("nexla-flow: the answer could not be drawn", error);
  }
}

/** The text of an answer that has nothing to draw. */
function plainPage(answer: Answer): HTMLElement {
  return h("main", { class: "page" }, h("div", { class: answer.failed ? "answer failed" : "answer" }, prose(answer.text || "No text came back.")));
}

function loading(): HTMLElement {
  const flow = whole(input["flow_id"]);
  const words = flow === null ? "Looking at the flows …" : `Looking at flow ${flow} …`;
  return h("main", { class: "page loading", "aria-busy": "true" }, h("p", { class: "muted" }, words), h("div", { class: "ghosts", "aria-hidden": "true" }, ...[1, 2, 3, 4].map(() => h("span", {}))));
}

put(root, loading());
void join("nexla-flow", {
  onInput: (given) => {
    input = given;
    if (trail.length === 0) put(root, loading());
  },
  onResult: show,
  onCancelled: (why) => put(root, h("main", { class: "page" }, h("p", { class: "muted" }, why === "" ? "The call was cancelled." : `The call was cancelled: ${why}`))),
}).then(
  (joined) => {
    host = joined;
    if (waiting) show(waiting);
  },
  () => put(root, h("main", { class: "page" }, h("p", { class: "muted" }, "This page shows the answers of the Nexla tools inside an MCP client."))),
);
