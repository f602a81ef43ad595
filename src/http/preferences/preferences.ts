/** What a client prefers (RFC 7240), and what a server says it has done about it. */

import { isToken } from "../field-rules.ts";
import type { FieldLine, FieldSection } from "../field-section.ts";
import { quotedIfNeeded, splitQuoted, unquoted } from "../quoted-list.ts";

/** One preference of a request. */
export interface Preference {
  /** In lower case. */
  readonly name: string;
  /** Empty if there is none, since `foo` and `foo=""` are the same (RFC 7240 §2). */
  readonly value: string;
  /** By name, in lower case; the first of each name. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Preferences of one request; further ones are ignored, as a server may. */
const MAX_PREFERENCES = 64;

/** Parses the values of `Prefer` fields. Malformed members are left out (RFC 7240 §2: unknown ones are ignored without error). */
export function parsePreferences(values: Iterable<string>): Map<string, Preference> {
  const preferences = new Map<string, Preference>();
  for (const value of values) {
    for (const member of splitQuoted(value, ",")) {
      const preference = parsePreference(member);
      // RFC 7240 §2: the first of several with the same name counts.
      if (preference === undefined || preferences.has(preference.name)) continue;
      if (preferences.size === MAX_PREFERENCES) return preferences;
      preferences.set(preference.name, preference);
    }
  }
  return preferences;
}

// Not structured fields: the syntax is older (RFC 7240 §2).
function parsePreference(member: string): Preference | undefined {
  const [first = "", ...rest] = splitQuoted(member, ";");
  const pair = parsePair(first);
  if (pair === undefined) return undefined;
  const parameters = new Map<string, string>();
  for (const each of rest) {
    if (each === "") continue;
    const parameter = parsePair(each);
    if (parameter === undefined) return undefined;
    if (!parameters.has(parameter[0])) parameters.set(...parameter);
  }
  return { name: pair[0], value: pair[1], parameters };
}

/** `name`, `name=token` or `name="text"`; also `name=`, which the grammar does not have. */
function parsePair(text: string): [name: string, value: string] | undefined {
  const [, name = "", value] = /^([^=\s]+)(?:[ \t]*=[ \t]*(.*))?$/s.exec(text) ?? [];
  if (!isToken(name)) return undefined;
  const plain = value === undefined || value === "" ? "" : unquoted(value);
  return plain === undefined ? undefined : [name.toLowerCase(), plain];
}

/** The preferences of one request. Reading one makes the response vary by `Prefer`; `apply` names it in `Preference-Applied`. */
export class Preferences {
  readonly #all: ReadonlyMap<string, Preference>;
  readonly #applied = new Map<string, string>();
  #isRead = false;

  /** Takes the values of the request's `Prefer` fields. */
  constructor(values: Iterable<string>) {
    this.#all = parsePreferences(values);
  }

  /** A preference by its name, in lower case; undefined if the client does not have it. */
  get(name: string): Preference | undefined {
    this.#isRead = true;
    return this.#all.get(name);
  }

  /** All preferences, in the client's order. */
  [Symbol.iterator](): IterableIterator<Preference> {
    this.#isRead = true;
    return this.#all.values();
  }

  /** True if the client asks for the site's own "safe" mode (RFC 8674). It says nothing about who the user is. */
  get safe(): boolean {
    return this.get("safe") !== undefined;
  }

  /** How much the client wants to read of what it changed (RFC 7240 §4.2). */
  get return(): "minimal" | "representation" | undefined {
    return oneOf(this.get("return"), "minimal", "representation");
  }

  /** True if the client takes a 202 and asks for the result later (RFC 7240 §4.1). */
  get respondAsync(): boolean {
    return this.get("respond-async") !== undefined;
  }

  /** Milliseconds that the client is willing to wait (RFC 7240 §4.3). */
  get wait(): number | undefined {
    const value = this.get("wait")?.value ?? "";
    return /^\d{1,10}$/.test(value) ? Number(value) * 1_000 : undefined;
  }

  /** How the client wants errors in its request handled (RFC 7240 §4.4). */
  get handling(): "strict" | "lenient" | undefined {
    return oneOf(this.get("handling"), "strict", "lenient");
  }

  /** Notes that the response does what this preference asks. Ignored if the client does not have it. */
  apply(name: string): void {
    const preference = this.get(name.toLowerCase());
    if (preference !== undefined) this.#applied.set(preference.name, preference.value);
  }

  /** True if the response may depend on the preferences. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** The value of `Preference-Applied`; undefined if nothing was applied. */
  get applied(): string | undefined {
    if (this.#applied.size === 0) return undefined;
    // RFC 7240 §3: without parameters.
    return [...this.#applied]
      .map(([name, value]) => (value === "" ? name : `${name}=${quotedIfNeeded(value)}`))
      .join(", ");
  }

  /** The fields of the response, with `Preference-Applied` and `Vary` if they are due. */
  complete(fields: Iterable<FieldLine>): Iterable<FieldLine> {
    if (!this.#isRead) return fields;
    const { applied } = this;
    const varying = withVary(fields, "prefer");
    return applied === undefined ? varying : [...varying, ["preference-applied", applied]];
  }
}

// RFC 7240 §2: names are compared without regard to case, values are not.
const oneOf = <const Value extends string>(preference: Preference | undefined, ...values: Value[]) =>
  values.find((value) => value === preference?.value);

/** Adds a name, in lower case, to `Vary` (RFC 9110 §12.5.5), unless it is there or the field says "*". */
export function withVary(fields: Iterable<FieldLine>, name: string): FieldLine[] {
  const lines = Array.from(fields, ([each, value]): FieldLine => [each, value]);
  const names = lines.filter(([each]) => each.toLowerCase() === "vary").flatMap(([, value]) => value.split(","));
  const isNamed = names.some((each) => ["*", name].includes(each.trim().toLowerCase()));
  return isNamed ? lines : [...lines, ["vary", name]];
}

/** The values of a request's `Prefer` fields. */
export const preferValues = (fields: FieldSection): string[] =>
  fields.filter(([name]) => name === "prefer").map(([, value]) => value);
