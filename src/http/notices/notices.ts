/** What a response says about the end of its resource: Deprecation (RFC 9745), Sunset (RFC 8594), and their links. */

import { isInnerList, parseItem } from "structured-headers";
import { combinedFieldValue, type FieldLine, type FieldSection } from "../field-section.ts";
import { formatHttpDate, parseHttpDate } from "../http-date.ts";
import { emitLink, parseLinks } from "../link.ts";

/** When a resource ends, and where to read about it. Dates are milliseconds since 1970. */
export interface Notice {
  /** From then on, new uses are discouraged. May lie in the past or future. */
  readonly deprecation?: number | undefined;
  /** A page about the deprecation, for people. It may be announced before a date is known. */
  readonly deprecationLink?: string | undefined;
  /** From then on, the resource is expected not to answer. */
  readonly sunset?: number | undefined;
  /** What happens to the resource, and to others like it. */
  readonly sunsetLink?: string | undefined;
  /** The resource that replaces it (RFC 5829 §3.4). */
  readonly successor?: string | undefined;
}

/** A field that is ignored, or fields that contradict each other. */
export interface NoticeProblem {
  readonly field: "deprecation" | "sunset";
  /** Says what is wrong, and what would be right. */
  readonly message: string;
}

/** What a response's fields say. */
export interface ReceivedNotice extends Notice {
  readonly problems: readonly NoticeProblem[];
}

/** The fields of a response that has this notice. */
export function emitNotice(notice: Notice): FieldLine[] {
  const { deprecation, deprecationLink, sunset, sunsetLink, successor } = notice;
  const fields: FieldLine[] = [];
  // RFC 9745 §2.1: a structured date. RFC 8594 §3: an HTTP-date.
  if (deprecation !== undefined) fields.push(["deprecation", `@${Math.floor(deprecation / 1_000)}`]);
  if (sunset !== undefined) fields.push(["sunset", formatHttpDate(sunset)]);
  if (deprecationLink !== undefined) fields.push(["link", emitLink(deprecationLink, "deprecation", "text/html")]);
  if (sunsetLink !== undefined) fields.push(["link", emitLink(sunsetLink, "sunset")]);
  if (successor !== undefined) fields.push(["link", emitLink(successor, "successor-version")]);
  return fields;
}

/** Reads a response's fields. `now`, in milliseconds since 1970, gives obsolete dates their century. */
export function readNotice(fields: FieldSection, now: number): ReceivedNotice {
  const problems: NoticeProblem[] = [];
  const deprecation = readDeprecation(fields, problems);
  const sunset = readSunset(fields, now, problems);
  // RFC 9745 §4: Sunset must not be earlier. The values stay as they are.
  if (deprecation !== undefined && sunset !== undefined && sunset < deprecation) {
    problems.push({
      field: "sunset",
      message: `the sunset ${formatHttpDate(sunset)} is before the deprecation ${formatHttpDate(deprecation)}: ask the provider which of the two is right`,
    });
  }
  const links = parseLinks(combinedFieldValue(fields, "link") ?? "");
  const target = (relation: string): string | undefined =>
    links.find(({ relations }) => relations.includes(relation))?.target;
  return {
    deprecation,
    deprecationLink: target("deprecation"),
    sunset,
    sunsetLink: target("sunset"),
    successor: target("successor-version"),
    problems,
  };
}

function readDeprecation(fields: FieldSection, problems: NoticeProblem[]): number | undefined {
  const value = combinedFieldValue(fields, "deprecation");
  if (value === undefined) return undefined;
  const time = parseDeprecation(value);
  if (time === undefined)
    problems.push({
      field: "deprecation",
      message: `Deprecation: ${value} is ignored: it is not a date such as @1767225600, seconds since 1970 (RFC 9745)`,
    });
  return time;
}

/** The largest number of milliseconds that a Date can hold. */
const MAX_TIME = 8_640_000_000_000_000;

/** Milliseconds since 1970; undefined if the value is not one structured date. Parameters are ignored. */
export function parseDeprecation(value: string): number | undefined {
  // RFC 9651 §4.2.9: a date is an integer after "@". structured-headers 2.1 refuses dates with parameters, but not integers.
  const match = /^ *@(-?\d{1,15})(?![.\d])/.exec(value);
  if (match === null) return undefined;
  try {
    const item = parseItem(value.replace("@", ""));
    const time = isInnerList(item) ? Number.NaN : Number(item[0]) * 1_000;
    return Math.abs(time) <= MAX_TIME ? time : undefined;
  } catch {
    return undefined;
  }
}

function readSunset(fields: FieldSection, now: number, problems: NoticeProblem[]): number | undefined {
  // Not a list: a date contains a comma, so lines must not be combined.
  const values = fields.filter(([name]) => name === "sunset").map(([, value]) => value);
  const [value] = values;
  if (value === undefined) return undefined;
  if (values.length > 1) {
    const message = `${values.length} fields say Sunset, so all are ignored: send one`;
    problems.push({ field: "sunset", message });
    return undefined;
  }
  const time = parseHttpDate(value.trim(), now);
  if (time === undefined)
    problems.push({
      field: "sunset",
      message: `Sunset: ${value} is ignored: it is not an HTTP date such as ${formatHttpDate(0)} (RFC 8594)`,
    });
  return time;
}
