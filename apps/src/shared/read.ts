/** Reading JSON that came over the wire: each of these takes anything and never throws. */

export type Json = Record<string, unknown>;

export function record(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A string as it is; a number as its digits; anything else as "". */
export function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

/** A whole number, or null: 0 and "nothing was said" are different things here. */
export function whole(value: unknown): number | null {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : null;
}

export function strings(value: unknown): string[] {
  return list(value).map(text).filter((entry) => entry !== "");
}
