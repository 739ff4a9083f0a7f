/**
 * Elements without a framework: `h("p", { class: "note" }, "text")`.
 *
 * Text always goes in as a text node. Nothing here parses HTML, so names and log lines that come from the
 * API can never become markup; the page's policy (trusted-types 'none') holds the same rule in the browser.
 */

export type Child = Node | string | number | null | undefined | false;
type Listener = (event: Event) => void;
export type Props = Record<string, string | number | boolean | null | undefined | Listener>;

const SVG = "http://www.w3.org/2000/svg";

function fill<E extends Element>(element: E, props: Props, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** An HTML element; `onclick` and its like take a function. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), props, children);
}

/** An SVG element. */
export function s<K extends keyof SVGElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/** Replaces what is inside `parent`. */
export function put(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  fill(parent, {}, children);
}

/** Words with what stands between backticks set as code. */
export function rich(words: string): Child[] {
  return words.split("`").map((part, i) => (i % 2 === 1 ? h("code", {}, part) : part));
}

/** A section that opens; the heading says how much is inside. */
export function fold(title: string, count: number | null, ...children: Child[]): HTMLDetailsElement {
  const summary = h("summary", {}, title, count === null ? null : h("span", { class: "count" }, count));
  return h("details", { class: "fold" }, summary, ...children);
}
