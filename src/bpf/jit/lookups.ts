/**
 * bpf_map_lookup_elem as functions of WebAssembly, one for each map, with its sizes and addresses as constants: the address
 * of a key in, the address of a value or 0 out.
 */

import { type BpfMap, ENTRY, HEADER, MURMUR, STATE } from "../maps/index.ts";
import { type Arena, CPU } from "../memory/index.ts";
import { type DefinedFunction, I32, Sink, VOID, Wasm } from "./wasm.ts";

/** Longer keys would make long functions; the helper looks them up. */
const MAX_KEY = 64;

/** Undefined if the helper must do it. */
export function compileLookup(map: BpfMap, arena: Arena): DefinedFunction | undefined {
  const field = (name: keyof typeof HEADER): number => arena.view.getUint32(map.address + HEADER[name], true);
  const { type, keySize } = map.definition;
  if (type.endsWith("hash") && type !== "devmap-hash" && keySize <= MAX_KEY) return hashLookup(type, keySize, field);
  return undefined;
}

/** The place of an array's values, for a lookup that needs no function. */
export interface ArrayPlace {
  readonly entries: number;
  readonly stride: number;
  readonly values: number;
  readonly cpuStride: number;
}

/** Undefined if the map is no array. */
export function arrayPlace(map: BpfMap, arena: Arena): ArrayPlace | undefined {
  const { type } = map.definition;
  if (type !== "array" && type !== "percpu-array") return undefined;
  const field = (name: keyof typeof HEADER): number => arena.view.getUint32(map.address + HEADER[name], true);
  return {
    entries: field("maxEntries"),
    stride: field("valueStride"),
    values: field("values"),
    cpuStride: field("cpuStride"),
  };
}

/** With the address of the key on the stack, leaves the address of the value (i32), or 0. `index` is an i32 local. */
export function writeArrayLookup(sink: Sink, { entries, stride, values, cpuStride }: ArrayPlace, index: number): void {
  sink.memory(Wasm.i32Load, 0).tee(index).i32(entries).byte(Wasm.i32LtU, Wasm.if, I32);
  sink.get(index).i32(stride).byte(Wasm.i32Mul).i32(values).byte(Wasm.i32Add);
  addCpu(sink, cpuStride);
  sink.byte(Wasm.else).i32(0).byte(Wasm.end);
}

type Field = (name: keyof typeof HEADER) => number;

const LOOKUP = { parameters: [I32], results: [I32] } as const;

/** Adds the distance of the current processor's value to the address on the stack. */
function addCpu(sink: Sink, stride: number): void {
  if (stride === 0) return;
  sink.i32(0).memory(Wasm.i32Load, CPU).i32(stride).byte(Wasm.i32Mul, Wasm.i32Add);
}

const KEY = 0;
const HASH = 1;
const WORD = 2;
const ID = 3;
const AT = 4;

function hashLookup(type: string, keySize: number, field: Field): DefinedFunction {
  const sink = new Sink();
  writeHash(sink, keySize, field("seed"));
  // The chain of the bucket.
  sink.get(HASH).i32(field("mask")).byte(Wasm.i32And).i32(4).byte(Wasm.i32Mul);
  sink.memory(Wasm.i32Load, field("buckets")).set(ID);
  sink.byte(Wasm.loop, VOID);
  sink.get(ID).byte(Wasm.i32Eqz, Wasm.if, VOID).i32(0).byte(Wasm.return, Wasm.end);
  sink.get(ID).i32(1).byte(Wasm.i32Sub).i32(field("entryStride")).byte(Wasm.i32Mul);
  sink.i32(field("entries")).byte(Wasm.i32Add).tee(AT).memory(Wasm.i32Load, ENTRY.hash).get(HASH).byte(Wasm.i32Eq);
  sink.byte(Wasm.if, VOID);
  writeEquality(sink, keySize);
  sink.byte(Wasm.if, VOID);
  if (type.startsWith("lru")) sink.get(AT).i32(STATE.referenced).memory(Wasm.i32Store, ENTRY.state);
  sink.get(ID).i32(1).byte(Wasm.i32Sub).i32(field("valueStride")).byte(Wasm.i32Mul);
  sink.i32(field("values")).byte(Wasm.i32Add);
  addCpu(sink, field("cpuStride"));
  sink.byte(Wasm.return, Wasm.end, Wasm.end);
  sink.get(AT).memory(Wasm.i32Load, ENTRY.next).set(ID);
  sink.byte(Wasm.br, 0, Wasm.end, Wasm.unreachable);
  return { ...LOOKUP, locals: [[4, I32]], body: sink.take() };
}

/** MurmurHash3, as maps/murmur3.ts has it, without its loop. */
function writeHash(sink: Sink, keySize: number, seed: number): void {
  const scramble = (): void => {
    sink.i32(MURMUR.c1).byte(Wasm.i32Mul).i32(15).byte(Wasm.i32Rotl).i32(MURMUR.c2).byte(Wasm.i32Mul);
  };
  sink.i32(seed).set(HASH);
  const words = keySize & ~3;
  for (let at = 0; at < words; at += 4) {
    sink.get(HASH).get(KEY).memory(Wasm.i32Load, at);
    scramble();
    sink.byte(Wasm.i32Xor).i32(13).byte(Wasm.i32Rotl).i32(5).byte(Wasm.i32Mul).i32(MURMUR.step);
    sink.byte(Wasm.i32Add).set(HASH);
  }
  const rest = keySize - words;
  if (rest > 0) {
    sink
      .get(HASH)
      .get(KEY)
      .memory(rest === 1 ? Wasm.i32Load8U : Wasm.i32Load16U, words);
    if (rest === 3)
      sink
        .get(KEY)
        .memory(Wasm.i32Load8U, words + 2)
        .i32(16)
        .byte(Wasm.i32Shl, Wasm.i32Or);
    scramble();
    sink.byte(Wasm.i32Xor).set(HASH);
  }
  sink.get(HASH).i32(keySize).byte(Wasm.i32Xor).set(WORD);
  for (const [shift, factor] of [
    [16, MURMUR.f1],
    [13, MURMUR.f2],
  ] as const) {
    sink.get(WORD).get(WORD).i32(shift).byte(Wasm.i32ShrU, Wasm.i32Xor).i32(factor).byte(Wasm.i32Mul).set(WORD);
  }
  sink.get(WORD).get(WORD).i32(16).byte(Wasm.i32ShrU, Wasm.i32Xor).set(HASH);
}

/** Leaves 1 if the keys are the same. */
function writeEquality(sink: Sink, keySize: number): void {
  let at = 0;
  for (const [size, load, equal] of [
    [8, Wasm.i64Load, Wasm.i64Eq],
    [4, Wasm.i32Load, Wasm.i32Eq],
    [2, Wasm.i32Load16U, Wasm.i32Eq],
    [1, Wasm.i32Load8U, Wasm.i32Eq],
  ] as const) {
    for (; keySize - at >= size; at += size) {
      sink
        .get(KEY)
        .memory(load, at)
        .get(AT)
        .memory(load, ENTRY.key + at)
        .byte(equal);
      if (at > 0) sink.byte(Wasm.i32And);
    }
  }
}
