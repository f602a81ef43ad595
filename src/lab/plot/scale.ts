/** Axes: from values to positions, with ticks. */

import type { ScaleName } from "../experiment.ts";

export interface Scale {
  readonly low: number;
  readonly high: number;
  /** From 0 at the low end to 1 at the high end; undefined for values that the scale does not have. */
  position(value: number): number | undefined;
  /** The inverse. */
  valueAt(position: number): number;
}

interface Transform {
  apply(value: number): number;
  invert(value: number): number;
}

const TRANSFORMS: Readonly<Record<ScaleName, Transform>> = {
  linear: { apply: (value) => value, invert: (value) => value },
  log: { apply: (value) => (value > 0 ? Math.log10(value) : Number.NaN), invert: (value) => 10 ** value },
  sqrt: { apply: (value) => Math.sqrt(value), invert: (value) => value ** 2 },
};

export function scaleOf(name: ScaleName, low: number, high: number): Scale {
  const { apply, invert } = TRANSFORMS[name];
  const [from, to] = [apply(low), apply(high)];
  return {
    low,
    high,
    position(value) {
      const at = (apply(value) - from) / (to - from);
      // An axis of one value has it in the middle.
      if (from === to) return 0.5;
      return Number.isFinite(at) ? at : undefined;
    },
    valueAt: (position) => invert(from + position * (to - from)),
  };
}

/** The scale of a y axis and its ticks, which include both ends. Values below a logarithmic axis are left out. */
export function niceScale(name: ScaleName, values: readonly number[]): { scale: Scale; ticks: readonly number[] } {
  const ticks = name === "log" ? logTicks(values.filter((value) => value > 0)) : linearTicks(values);
  return { scale: scaleOf(name, ticks[0]!, ticks.at(-1)!), ticks };
}

/** From zero, in about five steps of 1, 2 or 5 times a power of ten. */
function linearTicks(values: readonly number[]): number[] {
  const high = Math.max(...values, 0) || 1;
  const power = 10 ** Math.floor(Math.log10(high / 5));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => high / candidate <= 5.5)!;
  const count = Math.ceil(high / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** 1, 2 and 5 times powers of ten, or only the powers if the values span more than two of them. */
function logTicks(values: readonly number[]): number[] {
  const [low, high] = values.length === 0 ? [1, 10] : [Math.min(...values), Math.max(...values)];
  const factors = high / low > 100 ? [1] : [1, 2, 5];
  const candidates: number[] = [];
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.ceil(Math.log10(high)); exponent += 1) {
    candidates.push(...factors.map((factor) => Number((factor * 10 ** exponent).toPrecision(12))));
  }
  const first = candidates.findLastIndex((tick) => tick <= low);
  const last = candidates.findIndex((tick) => tick >= high);
  return candidates.slice(Math.max(first, 0), Math.max(last, first + 1) + 1);
}
