/** Checks from which a schema of JSON values is composed. A check returns what is wrong, with its place. */

export type Check = (value: unknown, at: string) => readonly string[];

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const check =
  (what: string, isRight: (value: unknown) => boolean): Check =>
  (value, at) =>
    isRight(value) ? [] : [`${at} is not ${what}: ${JSON.stringify(value)}`];

export const text: Check = check("text", (value) => typeof value === "string");
export const bool: Check = check("a boolean", (value) => typeof value === "boolean");
export const float: Check = check("a number", (value) => typeof value === "number" && Number.isFinite(value));

/** An unsigned integer. Above 2^53-1 it is a decimal string (RFC 7493 §2.2). */
const uint = (bits: number): Check =>
  check(`an unsigned integer of ${bits} bits`, (value) =>
    typeof value === "string"
      ? bits === 64 && /^\d{16,20}$/.test(value) && BigInt(value) > Number.MAX_SAFE_INTEGER && BigInt(value) < 2n ** 64n
      : Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** bits,
  );
export const uint8 = uint(8);
export const uint16 = uint(16);
export const uint32 = uint(32);
export const uint64 = uint(64);

/** Lower-case hexadecimal, of a number of bytes if it is given. */
export const hex = (bytes?: number): Check =>
  check(
    "lower-case hexadecimal",
    (value) =>
      typeof value === "string" &&
      /^(?:[0-9a-f]{2})*$/.test(value) &&
      (bytes === undefined || value.length === 2 * bytes),
  );

export const oneOf = (...values: readonly unknown[]): Check =>
  check(`one of ${values.join(", ")}`, (value) => values.includes(value));

export const matching = (pattern: RegExp): Check =>
  check(String(pattern), (value) => typeof value === "string" && pattern.test(value));

export const anyOf =
  (...checks: readonly Check[]): Check =>
  (value, at) => {
    const problems = checks.map((each) => each(value, at));
    return problems.some((found) => found.length === 0) ? [] : problems.flat();
  };

export const listOf =
  (item: Check, least = 0, most = Number.POSITIVE_INFINITY): Check =>
  (value, at) => {
    if (!Array.isArray(value)) return [`${at} is not a list`];
    if (value.length < least || value.length > most) return [`${at} has ${value.length} members`];
    return value.flatMap((each, i) => item(each, `${at}[${i}]`));
  };

/** Optional members end in "?". Other members are problems. */
export function object(members: Readonly<Record<string, Check>>): Check {
  const known = new Map(Object.entries(members).map(([name, each]) => [name.replace(/\?$/, ""), each]));
  const required = Object.keys(members).filter((name) => !name.endsWith("?"));
  return (value, at) => {
    if (!isObject(value)) return [`${at} is not an object`];
    return [
      ...required.filter((name) => value[name] === undefined).map((name) => `${at} lacks ${name}`),
      ...Object.entries(value).flatMap(([name, member]) => {
        const known_ = known.get(name);
        return known_ === undefined ? [`${at} has an unknown member ${name}`] : known_(member, `${at}.${name}`);
      }),
    ];
  };
}

/** Objects of several kinds, told apart by one member. */
export const kinds =
  (member: string, checks: Readonly<Record<string, Check>>): Check =>
  (value, at) => {
    const kind = isObject(value) ? value[member] : undefined;
    const found = typeof kind === "string" && Object.hasOwn(checks, kind) ? checks[kind] : undefined;
    return found === undefined ? [`${at} has no known ${member}: ${JSON.stringify(kind)}`] : found(value, at);
  };

/** All of them. */
export const both =
  (...checks: readonly Check[]): Check =>
  (value, at) =>
    checks.flatMap((each) => each(value, at));

/** A condition between members. */
export const rule =
  (sentence: string, holds: (value: JsonObject) => boolean): Check =>
  (value, at) =>
    isObject(value) && !holds(value) ? [`${at}: ${sentence}`] : [];
