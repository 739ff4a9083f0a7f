/** How things are called and written: causes, verdicts, numbers, times. One place, so that all views agree. */

import causes from "./causes.json";

const CAUSES: Record<string, string> = causes;
const VERDICTS: Record<string, string> = { healthy: "Healthy", degraded: "Degraded", failing: "Failing", stopped: "Stopped", unknown: "Not known" };

/** Causes that are nobody's failure; they are shown without alarm. */
export const CALM: ReadonlySet<string> = new Set(["paused", "no_new_data", "schedule_ended", "no_data_detected", "webhook_source_paused"]);

let locale: string | undefined;
let zone: string | undefined;

/** Takes the host's language and time zone, when it names ones that this browser knows. */
export function speak(wanted: string | undefined, timeZone: string | undefined): void {
  try {
    new Intl.NumberFormat(wanted);
    locale = wanted;
    new Intl.DateTimeFormat(wanted, { timeZone });
    zone = timeZone;
  } catch {
    /* keep what was there: a wrong tag must not cost the reader the answer */
  }
}

export function number(value: number): string {
  return new Intl.NumberFormat(locale).format(value);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** An ISO time for a reader, with the zone; text that is no time is shown as it came. */
export function moment(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const form: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  return new Intl.DateTimeFormat(locale, { ...form, timeZone: zone ?? "UTC" }).format(date);
}

/** The server's own words with run ids and ISO times as a reader's times; never for quotations. */
export function humane(words: string): string {
  const iso = /\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)/;
  return words
    .replace(new RegExp(`\\brun 1\\d{12} \\((${iso.source})\\)`, "g"), (_, at: string) => `the run of ${moment(at)}`)
    .replace(/\brun (1\d{12})\b/g, (_, id: string) => `the run of ${moment(new Date(Number(id)).toISOString())}`)
    .replace(/\b1\d{12}\b/g, (id) => moment(new Date(Number(id)).toISOString()))
    .replace(new RegExp(iso.source, "g"), moment);
}

export function sentence(words: string): string {
  return words === "" ? "" : words[0]!.toUpperCase() + words.slice(1);
}

export function causeWords(cause: string): string {
  return CAUSES[cause] ?? sentence(cause.replaceAll("_", " "));
}

export function verdictWords(verdict: string): string {
  return VERDICTS[verdict] ?? sentence(verdict.replaceAll("_", " "));
}

/** `PAUSED` as `Paused`. */
export function statusWords(status: string): string {
  return sentence(status.replaceAll("_", " ").toLowerCase());
}

/** `source 3001`; the kind alone when there is no id. */
export function place(kind: string, id: number | null): string {
  return id === null ? kind : `${kind} ${id}`;
}
