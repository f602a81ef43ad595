/** Helpers that have nothing to do with maps or packets. */

import { fromUtf8, utf8 } from "../../wire/text.ts";
import { ERRNO } from "../maps/index.ts";
import type { Helper, HelperCall } from "./helper.ts";

const MAX_CHECKSUM = 512;

function time(call: HelperCall): number {
  const now = call.services.now();
  return call.result64(Number(BigInt.asIntN(32, now)), Number(BigInt.asIntN(32, now >> 32n)));
}

/** The format of printf, with at most three values: %d %i %u %x %p %s with l and ll, and %%. */
function format(call: HelperCall): string {
  const { bytes } = call.services.arena;
  const at = call.memory(1, call.word(2));
  const text = textOf(bytes.subarray(at, at + call.word(2)));
  let argument = 3;
  return text.replace(/%(?:%|(l{0,2})([diuxps]))/g, (whole, long: string | undefined, kind: string | undefined) => {
    if (kind === undefined) return "%";
    if (argument > 5) return whole;
    const value = call.value(argument);
    argument += 1;
    const bits = long === "" && kind !== "p" ? 32 : 64;
    if (kind === "s") return string(call, argument - 1);
    if (kind === "d" || kind === "i") return `${BigInt.asIntN(bits, value)}`;
    return BigInt.asUintN(bits, value).toString(kind === "u" ? 10 : 16);
  });
}

/** The string that an argument points to, if the program may read it; at most 64 bytes. */
function string(call: HelperCall, argument: number): string {
  const { bytes, regions } = call.services.arena;
  const from = call.word(argument);
  const region = regions.find(({ start, end }) => from >= start && from < end);
  return region === undefined ? "(fault)" : textOf(bytes.subarray(from, Math.min(region.end, from + 64)));
}

/** Up to the first zero byte. */
function textOf(bytes: Uint8Array): string {
  const zero = bytes.indexOf(0);
  return fromUtf8(zero < 0 ? bytes : bytes.subarray(0, zero));
}

/** The difference of two one's complement sums, folded to 16 bits. */
function checksumDifference(call: HelperCall): number {
  const [fromLength, toLength] = [call.word(2), call.word(4)];
  if (fromLength % 4 !== 0 || toLength % 4 !== 0 || fromLength + toLength > MAX_CHECKSUM) return ERRNO.EINVAL;
  const { view } = call.services.arena;
  let sum = call.word(5);
  const [from, to] = [call.memory(1, fromLength), call.memory(3, toLength)];
  for (let i = 0; i < fromLength; i += 4) sum += ~view.getUint32(from + i, true) >>> 0;
  for (let i = 0; i < toLength; i += 4) sum += view.getUint32(to + i, true);
  while (sum > 0xffff) sum = (sum % 0x1_0000) + Math.floor(sum / 0x1_0000);
  return sum;
}

export const GENERAL_HELPERS: readonly Helper[] = [
  { id: 5, name: "ktime_get_ns", arguments: [], returns: "scalar", run: time },
  {
    id: 6,
    name: "trace_printk",
    arguments: ["memory", "size"],
    returns: "scalar",
    run(call) {
      const text = format(call);
      call.services.log(text);
      return utf8(text).length;
    },
  },
  {
    id: 7,
    name: "get_prandom_u32",
    arguments: [],
    returns: "scalar",
    run: (call) => call.services.random(),
  },
  {
    id: 8,
    name: "get_smp_processor_id",
    arguments: [],
    returns: "scalar",
    run: (call) => call.services.cpu(),
  },
  {
    id: 28,
    name: "csum_diff",
    arguments: ["memory-or-null", "size-or-zero", "memory-or-null", "size-or-zero", "scalar"],
    returns: "scalar",
    run: checksumDifference,
  },
  { id: 125, name: "ktime_get_boot_ns", arguments: [], returns: "scalar", run: time },
  { id: 160, name: "ktime_get_coarse_ns", arguments: [], returns: "scalar", run: time },
];
