/**
 * Huffman-coded strings (RFC 9204 §4.1.2, RFC 7541 §5.2). Decoding runs a state machine four bits at a time: the
 * shortest code has five bits, so four bits end at most one symbol. The machine is built on first use.
 */

import { EOS, huffmanCode } from "./huffman-code.ts";
import { latin1Text } from "./latin1.ts";

/** The length of a text's Huffman code in bytes. No character may exceed 0xff. */
export function huffmanLength(text: string): number {
  const { lengths } = huffmanCode();
  let bits = 0;
  for (let i = 0; i < text.length; i += 1) bits += lengths[text.charCodeAt(i)]!;
  return (bits + 7) >>> 3;
}

/** Writes a text's Huffman code at `at` and returns the end position. */
export function encodeHuffman(text: string, target: Uint8Array, at: number): number {
  const { codes, lengths } = huffmanCode();
  let position = at;
  let pending = 0;
  let count = 0;
  for (let i = 0; i < text.length; i += 1) {
    const symbol = text.charCodeAt(i);
    const code = codes[symbol]!;
    let length = lengths[symbol]!;
    // At most seven bits are pending and 32 fit, so a long code is written in two parts.
    if (length > 24) {
      length -= 16;
      pending = (pending << length) | (code >>> 16);
      count += length;
      while (count >= 8) target[position++] = pending >>> (count -= 8);
      length = 16;
    }
    pending = (pending << length) | (length === 16 ? code & 0xffff : code);
    count += length;
    while (count >= 8) target[position++] = pending >>> (count -= 8);
  }
  // Padding is the most significant bits of EOS: ones.
  if (count > 0) target[position++] = (pending << (8 - count)) | (0xff >>> count);
  return position;
}

/** An entry of the machine: the next state in bits 0-7, a symbol in bits 8-15, and these flags. */
const EMITS = 0x10000;
const FAILS = 0x20000;

interface Machine {
  /** Indexed by state × 16 + four bits. */
  readonly transitions: Uint32Array;
  /** 1 if a text may end in this state: only ones are pending, and fewer than eight. */
  readonly mayEnd: Uint8Array;
}

let machine: Machine | undefined;

/** A partially read code: its bits so far lead to one symbol (leaf) or to two further nodes. */
interface Node {
  readonly state: number;
  symbol: number;
  zero: Node | undefined;
  one: Node | undefined;
}

function buildTree(states: Node[]): Node {
  const { codes, lengths } = huffmanCode();
  const makeNode = (): Node => ({ state: -1, symbol: -1, zero: undefined, one: undefined });
  const inner = (): Node => {
    const node: Node = { ...makeNode(), state: states.length };
    states.push(node);
    return node;
  };
  const root = inner();
  for (let symbol = 0; symbol < lengths.length; symbol += 1) {
    let node = root;
    for (let bit = lengths[symbol]! - 1; bit >= 0; bit -= 1) {
      const side = ((codes[symbol]! >>> bit) & 1) === 1 ? "one" : "zero";
      node = node[side] ??= bit === 0 ? makeNode() : inner();
    }
    node.symbol = symbol;
  }
  return root;
}

function buildMachine(): Machine {
  const states: Node[] = [];
  const root = buildTree(states);
  const transitions = new Uint32Array(states.length * 16);
  for (const start of states) {
    for (let half = 0; half < 16; half += 1) {
      let node = start;
      let entry = 0;
      for (let bit = 3; bit >= 0; bit -= 1) {
        node = ((half >>> bit) & 1) === 1 ? node.one! : node.zero!;
        if (node.symbol === -1) continue;
        // RFC 7541 §5.2: a text that contains EOS is an error.
        entry |= node.symbol === EOS ? FAILS : EMITS | (node.symbol << 8);
        if (node.symbol === EOS) break;
        node = root;
      }
      transitions[start.state * 16 + half] = (entry & FAILS) === 0 ? entry | node.state : FAILS;
    }
  }
  const mayEnd = new Uint8Array(states.length);
  for (let node: Node | undefined = root, depth = 0; node !== undefined && depth < 8; node = node.one, depth += 1) {
    mayEnd[node.state] = 1;
  }
  return { transitions, mayEnd };
}

let scratch = new Uint8Array(512);

/** The text of bytes [start, end), or undefined if they contain EOS or bad padding. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  machine ??= buildMachine();
  const { transitions, mayEnd } = machine;
  const longest = ((end - start) * 8) / 5;
  if (scratch.length < longest) scratch = new Uint8Array(Math.ceil(longest) * 2);
  const out = scratch;
  let length = 0;
  let state = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    const first = transitions[(state << 4) | (byte >>> 4)]!;
    if (first >= EMITS) {
      if (first >= FAILS) return undefined;
      out[length++] = first >>> 8;
    }
    const second = transitions[((first & 0xff) << 4) | (byte & 0xf)]!;
    if (second >= EMITS) {
      if (second >= FAILS) return undefined;
      out[length++] = second >>> 8;
    }
    state = second & 0xff;
  }
  return mayEnd[state] === 1 ? latin1Text(out, 0, length) : undefined;
}
