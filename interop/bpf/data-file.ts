/** The file format of the public conformance suite (github.com/Alan-Jowett/bpf_conformance): sections after `-- name`. */

import { fromHex } from "../../src/wire/hex.ts";

export interface ConformanceCase {
  readonly asm: string | undefined;
  /** Each number is one instruction, or each is a byte. */
  readonly raw: Uint8Array<ArrayBuffer> | undefined;
  readonly memory: Uint8Array;
  readonly result: bigint | undefined;
  readonly error: string | undefined;
}

const SECTIONS = new Set(["asm", "raw", "mem", "result", "error", "c", "no register offset"]);

/** Throws for sections that the format does not have. */
export function parseDataFile(text: string): ConformanceCase {
  const sections = new Map<string, string[]>();
  let current: string[] | undefined;
  for (const line of text.split("\n")) {
    const [, name] = /^--\s+(.+?)\s*$/.exec(line) ?? [];
    if (name !== undefined) {
      if (!SECTIONS.has(name)) throw new SyntaxError(`unknown directive ${name}`);
      sections.set(name, (current = []));
    } else current?.push(line.replace(/#.*$/, ""));
  }
  const section = (name: string): string | undefined => sections.get(name)?.join("\n").trim();
  const result = section("result");
  const raw = section("raw");
  return {
    asm: section("asm"),
    raw: raw === undefined ? undefined : parseRaw(raw),
    memory: fromHex(section("mem") ?? ""),
    result: result === undefined || result === "" ? undefined : BigInt.asUintN(64, BigInt(result)),
    error: section("error"),
  };
}

function parseRaw(text: string): Uint8Array<ArrayBuffer> {
  const words = text.split(/\s+/).filter((word) => word !== "");
  // The suite's files of reserved fields list single bytes, although the format has numbers of 64 bits.
  if (words.every((word) => /^[0-9a-f]{2}$/i.test(word))) return new Uint8Array(fromHex(words.join("")));
  return new Uint8Array(new BigUint64Array(words.map((word) => BigInt.asUintN(64, BigInt(word)))).buffer);
}
