/** Checks the options of a line that come from outside. */

import type { LineOptions, PathOptions } from "./options.ts";
import { type RateTrace, rateTraceProblem } from "./rate-trace.ts";

/** What is wrong with a value: "must be …"; undefined if nothing is. */
type Check = (value: unknown) => string | undefined;

const number =
  (what: string, isValid: (value: number) => boolean): Check =>
  (value) =>
    typeof value === "number" && isValid(value) ? undefined : `must be ${what}`;

const probability = number("a probability from 0 to 1", (value) => value >= 0 && value <= 1);
const duration = number(
  "a duration in whole microseconds, 0 or more",
  (value) => value >= 0 && Number.isSafeInteger(value),
);
const positiveDuration = number(
  "a duration in whole microseconds, more than 0",
  (value) => value > 0 && Number.isSafeInteger(value),
);
const count = number("a whole number, 0 or more", (value) => value >= 0 && Number.isInteger(value));
const size = number("a number of 0 or more", (value) => value >= 0);
const rate = number("bits per second, more than 0", (value) => value > 0 && Number.isFinite(value));
const flag: Check = (value) => (typeof value === "boolean" ? undefined : "must be true or false");

const isPair = (value: unknown): value is readonly [unknown, unknown] => Array.isArray(value) && value.length === 2;
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object with these members only. */
const members =
  (checks: Readonly<Record<string, Check>>, required: readonly string[] = []): Check =>
  (value) => {
    if (!isObject(value)) return "must be an object";
    for (const [name, given] of Object.entries(value)) {
      if (given === undefined) continue;
      if (!Object.hasOwn(checks, name))
        return `has an unknown member ${name}; it may have ${Object.keys(checks).join(", ")}`;
      const wrong = checks[name]!(given);
      if (wrong !== undefined) return `is wrong: ${name} ${wrong}`;
    }
    const missing = required.find((name) => value[name] === undefined);
    return missing === undefined ? undefined : `needs ${missing}`;
  };

const exactly =
  (expected: string): Check =>
  (value) =>
    value === expected ? undefined : `must be "${expected}"`;

const itemList: Check = (value) =>
  Array.isArray(value) &&
  value.every((one) => count(one) === undefined || (isPair(one) && one.every((end) => count(end) === undefined)))
    ? undefined
    : "must be a list of item numbers and ranges, such as [1, [3, 5]]";

const gilbertElliott = members(
  {
    model: exactly("gilbert-elliott"),
    goodToBad: probability,
    badToGood: probability,
    lossInGood: probability,
    lossInBad: probability,
  },
  ["goodToBad", "badToGood"],
);

const blackhole: Check = (value) => {
  if (isObject(value) && "intervals" in value) {
    const { intervals } = value;
    const isValid =
      Array.isArray(intervals) &&
      intervals.every((one) => isPair(one) && one.every((at) => duration(at) === undefined));
    return isValid ? undefined : "must have intervals: pairs of times in microseconds";
  }
  return members({ on: duration, off: positiveDuration }, ["on", "off"])(value);
};

const QUEUES: Readonly<Record<string, Check>> = {
  "drop-tail": members({ type: exactly("drop-tail"), packets: count, bytes: size, markFrom: count }),
  codel: members({
    type: exactly("codel"),
    target: positiveDuration,
    interval: positiveDuration,
    packets: count,
    ecn: flag,
  }),
  red: members(
    {
      type: exactly("red"),
      minThreshold: size,
      maxThreshold: size,
      maxProbability: probability,
      weight: probability,
      packets: count,
      ecn: flag,
    },
    ["minThreshold", "maxThreshold"],
  ),
};

const queue: Check = (value) => {
  if (typeof value === "number") return count(value);
  const { type } = isObject(value) ? value : { type: undefined };
  if (typeof type !== "string" || !Object.hasOwn(QUEUES, type)) {
    return `must be a number of packets, or have a type of ${Object.keys(QUEUES).join(", ")}`;
  }
  return QUEUES[type]!(value);
};

const PATH: Readonly<Record<keyof PathOptions, Check>> = {
  delay: duration,
  rate: (value) => {
    if (!isObject(value)) return rate(value);
    const wrong = Array.isArray(value.opportunities) ? rateTraceProblem(value as unknown as RateTrace) : "is no trace";
    return wrong === undefined ? undefined : `is a trace that ${wrong}`;
  },
  mtu: number("bytes, 68 or more", (value) => value >= 68 && Number.isInteger(value)),
  loss: (value) => (isObject(value) ? gilbertElliott(value) : probability(value)),
  maxLossBurst: count,
  dropList: itemList,
  corruption: probability,
  maxCorruptionBurst: count,
  corruptionList: itemList,
  duplication: probability,
  reordering: probability,
  reorderDelay: duration,
  jitter: duration,
  blackhole,
};

const changes: Check = (value) => {
  if (!Array.isArray(value)) return "must be a list";
  const check = members({ at: duration, ...PATH }, ["at"]);
  let last = 0;
  for (const [index, one] of value.entries()) {
    const wrong = check(one);
    if (wrong !== undefined) return `is wrong: item ${index} ${wrong}`;
    if (one.at < last) return "must be in ascending order of time";
    last = one.at;
  }
  return undefined;
};

const LINE: Readonly<Record<keyof LineOptions, Check>> = {
  ...PATH,
  queue,
  ecnThreshold: count,
  capacity: size,
  changes,
};

/** What is wrong with the options, as a predicate of their owner; undefined if nothing is. */
export const lineOptionsProblem: (options: unknown) => string | undefined = members(LINE);
