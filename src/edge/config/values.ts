/** The values of a configuration that are more than a string or number: what is accepted, and what becomes of it. */

import * as v from "valibot";
import { isDate } from "../../base/calendar.ts";
import { type FieldLine, isAuthority, isFieldName, isFieldValue, isHttp1Only } from "../../http/index.ts";
import { parseDuration, parseSize } from "./units.ts";

/** The value as it stands in the file, for messages. */
export function show(value: unknown): string {
  if (typeof value === "function") return "a function";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** A string or number that `parse` understands, and its result. */
const unit = (what: string, example: string, parse: (text: string) => number | undefined) => {
  const message = (issue: { readonly input: unknown }) =>
    `${show(issue.input)} is not ${what}: give one such as ${example}`;
  return v.pipe(
    v.union([v.string(), v.number()], message),
    v.rawTransform<string | number, number>(({ dataset, addIssue, NEVER }) => {
      const { value } = dataset;
      const number = typeof value === "number" ? value : parse(value);
      if (number !== undefined && number >= 0) return number;
      addIssue({ message: message({ input: value }) });
      return NEVER;
    }),
  );
};

/** In milliseconds. */
export const DURATION = unit("a duration", `"10s" or "500ms"`, parseDuration);

/** In bytes. */
export const SIZE = unit("a size", `"20 GB" or "512 MiB"`, parseSize);

/**
 * Milliseconds since 1970, of a Date or a text such as "2027-06-30", which means the beginning of that day in UTC. A text with a time
 * needs its zone, so that it means the same on every machine.
 */
export const DATE = v.pipe(
  v.custom<string | Date>((value) => typeof value === "string" || value instanceof Date, noDate),
  v.rawTransform<string | Date, number>(({ dataset, addIssue, NEVER }) => {
    const { value } = dataset;
    const time = value instanceof Date ? value.getTime() : dateOfText(value);
    if (!Number.isNaN(time)) return time;
    addIssue({ message: noDate({ input: value }) });
    return NEVER;
  }),
);

function noDate({ input }: { readonly input: unknown }): string {
  return input === undefined
    ? "is missing: give a date"
    : `${show(input)} is not a date: give one such as "2027-06-30" or "2027-06-30T12:00Z"`;
}

const ISO_DATE = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** NaN for a text that is not a date, or a day that its month does not have. */
function dateOfText(text: string): number {
  const day = ISO_DATE.exec(text)?.[1];
  const [year = 0, month = 0, date = 0] = (day ?? "").split("-").map(Number);
  return day !== undefined && isDate({ year, month, day: date }) ? Date.parse(text) : Number.NaN;
}

/** A value of one type, with a message that says what it is and what is expected. */
const wanted = (what: string) => (issue: { readonly input: unknown }) =>
  issue.input === undefined ? `is missing: give ${what}` : `${show(issue.input)} is not ${what}`;

export const text = (what: string) => v.pipe(v.string(wanted(what)), v.minLength(1, wanted(what)));

export const flag = () => v.boolean(wanted("true or false"));

export const hook = <Hook>() =>
  v.custom<Hook>(
    (value) => typeof value === "function",
    ({ input }) => `${show(input)} is not a function`,
  );

export const number = () => v.number(wanted("a number"));

export const port = (minimum: number) =>
  v.pipe(
    v.number(wanted("a port")),
    v.check(
      (value) => Number.isInteger(value) && value >= minimum && value <= 65_535,
      ({ input }) => `${show(input)} is not a port: give a whole number from ${minimum} to 65535`,
    ),
  );

export const oneOf = <const Options extends readonly (string | number)[]>(options: Options) =>
  v.picklist(options, ({ input }) => `${show(input)} is not one of ${options.map(show).join(", ")}`);

/** A URL or a path, for the target of a link. */
export const URL_REFERENCE = v.pipe(
  text("a URL or path"),
  v.check(
    (value) => URL.canParse(value, "https://localhost/") && !/[\s<>"]/.test(value),
    ({ input }) => `${show(input)} is not a URL or path`,
  ),
);

/** Response fields, with their names in lower case. An empty value removes a field. */
export const FIELDS = v.pipe(
  v.record(v.string(), v.string(wanted("a text")), wanted("an object of fields and values")),
  v.rawTransform<Record<string, string>, readonly FieldLine[]>(({ dataset, addIssue, NEVER }) => {
    const given = Object.entries(dataset.value);
    const lines = given.map(([name, value]): FieldLine => [name.toLowerCase(), value]);
    const problems = lines.map(fieldProblem);
    if (problems.every((problem) => problem === undefined)) return lines;
    for (const [index, message] of problems.entries()) {
      const [key, value] = given[index]!;
      const item = { type: "object", origin: "key", input: dataset.value, key, value } as const;
      if (message !== undefined) addIssue({ message, path: [item] });
    }
    return NEVER;
  }),
);

function fieldProblem([name, value]: FieldLine): string | undefined {
  if (!isFieldName(name)) return "is not a field name (RFC 9110 §5.1)";
  if (isHttp1Only(name, value) || name === "content-length") return "is the server's own: leave it out";
  return isFieldValue(value) ? undefined : "has a value with characters that fields cannot have";
}

/** A host name, "*.name" or "*". */
export const isSiteName = (name: string): boolean =>
  name === "*" || (isAuthority(name.replace(/^\*\./, "")) && !/:\d+$/.test(name) && name === name.toLowerCase());
