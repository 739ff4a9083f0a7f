/**
 * The host's side of the view: theme, language, results, and the three things a view may ask for.
 *
 *     const host = await join("nexla-flow", { onResult: show, onInput: wait, onCancelled: stop });
 *     await host.read({ tool: "nexla_get", arguments: { ... } });      // a tool that only reads
 *     await host.say("Please prepare ...");                           // words for the chat
 *
 * A view never carries out a change: `read` refuses every tool that is not known to read only, whatever the
 * data says about it.
 */

import { App, applyDocumentTheme, applyHostStyleVariables, type McpUiHostContext } from "@modelcontextprotocol/ext-apps";
import { h } from "./dom";
import { record, text, type Json } from "./read";
import readers from "./readers.json";
import { speak } from "./words";

const READERS: ReadonlySet<string> = new Set(readers);
const READ_MS = 50_000;

/** What a tool answered, as far as a view needs it. */
export interface Answer {
  failed: boolean;
  text: string;
  data: Json | null;
}

export interface Call {
  tool: string;
  arguments: Json;
}

export interface Listeners {
  onResult(answer: Answer): void;
  onInput(input: Json): void;
  onCancelled(reason: string): void;
}

export class Host {
  private readonly live = h("div", { class: "unseen", role: "status", "aria-live": "polite" });

  constructor(private readonly app: App) {
    document.body.append(this.live);
  }

  /** The tool whose result is shown, when the host says so. */
  get tool(): string {
    return this.app.getHostContext()?.toolInfo?.tool.name ?? "";
  }

  get canRead(): boolean {
    return this.app.getHostCapabilities()?.serverTools !== undefined;
  }

  get canSay(): boolean {
    return this.app.getHostCapabilities()?.message !== undefined;
  }

  get canExpand(): boolean {
    const context = this.app.getHostContext();
    return context?.displayMode !== "fullscreen" && (context?.availableDisplayModes ?? []).includes("fullscreen");
  }

  /** True for a tool that may be called from here. */
  reads(call: Call): boolean {
    return READERS.has(call.tool);
  }

  /** Calls a tool that only reads; a failure comes back as an answer too. */
  async read(call: Call): Promise<Answer> {
    if (!this.reads(call)) return { failed: true, text: `${call.tool} is not called from a view.`, data: null };
    try {
      const result = await this.app.callServerTool({ name: call.tool, arguments: call.arguments }, { timeout: READ_MS });
      return answerOf(result);
    } catch (error) {
      return { failed: true, text: `The client did not pass the call on: ${reason(error)}`, data: null };
    }
  }

  /** Puts words into the chat as the person's; false when the host does not take them. */
  async say(words: string): Promise<boolean> {
    try {
      const reply = await this.app.sendMessage({ role: "user", content: [{ type: "text", text: words }] });
      return reply.isError !== true;
    } catch {
      return false;
    }
  }

  /** Tells the model what the person looks at: kinds and ids only, never text that came from data. */
  mention(kind: string, id: number | null, flow: number | null): void {
    if (this.app.getHostCapabilities()?.updateModelContext === undefined || !/^[a-z]+$/.test(kind)) return;
    const where = `${kind}${id === null ? "" : ` ${id}`}${flow === null ? "" : ` of flow ${flow}`}`;
    void this.app.updateModelContext({ content: [{ type: "text", text: `In the flow view the person is looking at ${where}.` }] }).catch(() => undefined);
  }

  expand(): void {
    void this.app.requestDisplayMode({ mode: "fullscreen" }).catch(() => undefined);
  }

  /** Speaks to a screen reader. */
  announce(words: string): void {
    this.live.textContent = words;
  }
}

/** Joins the host, applies its theme now and whenever it changes, and hands over what it sends. */
export async function join(name: string, listeners: Listeners): Promise<Host> {
  const app = new App({ name, version: __VERSION__ }, { availableDisplayModes: ["inline", "fullscreen"] });
  app.ontoolinput = (params) => listeners.onInput(record(params.arguments));
  app.ontoolresult = (params) => listeners.onResult(answerOf(params));
  app.ontoolcancelled = (params) => listeners.onCancelled(text(params.reason));
  app.onhostcontextchanged = (context) => apply({ ...app.getHostContext(), ...context });
  app.onteardown = () => ({});
  const host = new Host(app);
  await app.connect();
  const context = app.getHostContext();
  if (context) apply(context);
  return host;
}

/** Colours and fonts of the host; its font files are left out, since a view loads nothing. */
function apply(context: McpUiHostContext): void {
  if (context.theme) applyDocumentTheme(context.theme);
  if (context.styles?.variables) applyHostStyleVariables(context.styles.variables);
  speak(context.locale, context.timeZone);
  const root = document.documentElement;
  root.dataset["mode"] = context.displayMode ?? "inline";
  const insets = context.safeAreaInsets;
  if (insets) root.style.setProperty("--inset", `${insets.top}px ${insets.right}px ${insets.bottom}px ${insets.left}px`);
}

function answerOf(result: unknown): Answer {
  const { isError, content, structuredContent } = record(result);
  const blocks = Array.isArray(content) ? content : [];
  const words = blocks.map((block) => text(record(block)["text"])).filter((part) => part !== "");
  const data = structuredContent === undefined ? null : record(structuredContent);
  return { failed: isError === true, text: words.join("\n\n"), data };
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
