/** What a helper is: its number, its signature for the verifier, and what it does. Users add their own in the same shape. */

import { BpfError } from "../errors.ts";
import type { BpfMap } from "../maps/index.ts";
import { ARGUMENTS, type Arena } from "../memory/index.ts";

/** Kinds of arguments, as the verifier proves them. */
export type ArgumentKind =
  /** Any number. */
  | "scalar"
  /** The program's context. */
  | "context"
  /** A map. Keys and values of later arguments have its sizes. */
  | "map"
  /** As many readable bytes as the map's key has. */
  | "map-key"
  /** As many readable bytes as the map's value has. */
  | "map-value"
  /** As many writable bytes as the map's value has. */
  | "map-value-out"
  /** Readable bytes; the next argument is their number. */
  | "memory"
  /** The same, or null with the size 0. */
  | "memory-or-null"
  /** Writable bytes, which need not be initialised; the next argument is their number. */
  | "memory-out"
  /** A number of bytes, at least 1. */
  | "size"
  /** A number of bytes, which may be 0. */
  | "size-or-zero"
  /** The number of bytes to allocate, a constant. */
  | "allocation-size"
  /** A record of a ring buffer that this program reserved. The call gives it up. */
  | "record";

/** What a helper returns. */
export type ReturnKind =
  | "scalar"
  /** A value of the map, or null. */
  | "map-value-or-null"
  /** As many bytes as the allocation size, or null. They must be given up. */
  | "record-or-null";

/** A function that programs may call. */
export interface Helper {
  readonly id: number;
  readonly name: string;
  readonly arguments: readonly ArgumentKind[];
  readonly returns: ReturnKind;
  /** Kinds of maps that it takes; all if absent. */
  readonly maps?: readonly string[] | undefined;
  /** Kinds of programs that may call it; all if absent. */
  readonly programs?: readonly string[] | undefined;
  /** True if pointers into the packet are invalid afterwards. */
  readonly changesPacket?: boolean | undefined;
  /** The result, an integer of up to 53 bits; negative numbers are errors. `call.result64` leaves a wider one. */
  run(call: HelperCall): number;
}

/** Where the packet of a run lies, and how helpers may move its edges. */
export interface PacketAccess {
  readonly start: number;
  readonly end: number;
  /** Each returns false if there is no room. */
  adjustHead(delta: number): boolean;
  adjustTail(delta: number): boolean;
  adjustMeta(delta: number): boolean;
}

/** What a helper may use. */
export interface HelperServices {
  readonly arena: Arena;
  readonly packet: PacketAccess;
  readonly maps: readonly BpfMap[];
  /** The map at an address; undefined if there is none. */
  mapAt(address: number): BpfMap | undefined;
  /** Nanoseconds since some moment. */
  now(): bigint;
  /** A random word, unsigned. */
  random(): number;
  /** The number of the processor that the program runs on. */
  cpu(): number;
  /** Writes a line of the program's log. */
  log(text: string): void;
  /** Remembers what the program chose: a device, a socket, or a processor. */
  select(map: BpfMap | undefined, value: number): void;
}

/** The arguments of one call, r1 to r5, by their number from 1. */
export class HelperCall {
  readonly services: HelperServices;
  readonly name: string;
  #result: readonly [low: number, high: number] | undefined;

  constructor(services: HelperServices, name: string) {
    this.services = services;
    this.name = name;
  }

  /** The low half, unsigned. */
  word(argument: number): number {
    return this.services.arena.view.getUint32(ARGUMENTS + (argument - 1) * 8, true);
  }

  /** The low half, signed. */
  signed(argument: number): number {
    return this.services.arena.view.getInt32(ARGUMENTS + (argument - 1) * 8, true);
  }

  /** The upper 32 bits of an argument. */
  high(argument: number): number {
    return this.services.arena.view.getUint32(ARGUMENTS + (argument - 1) * 8 + 4, true);
  }

  /** An argument that points to a value of the map. */
  value(argument: number): bigint {
    return this.services.arena.view.getBigUint64(ARGUMENTS + (argument - 1) * 8, true);
  }

  /** An argument that is a map. */
  map(argument: number): BpfMap {
    const map = this.high(argument) === 0 ? this.services.mapAt(this.word(argument)) : undefined;
    if (map === undefined) throw new BpfError("HELPER", `${this.name}: argument ${argument} is not a map`);
    return map;
  }

  /** The address of bytes that the program may read, or write. Throws a `BpfError` if it may not. */
  memory(argument: number, length: number, isWritten = false): number {
    const address = this.word(argument);
    if (length === 0) return address;
    const { regions } = this.services.arena;
    const isAllowed = regions.some(
      ({ start, end, writable }) => address >= start && address + length <= end && (writable || !isWritten),
    );
    if (!isAllowed || this.high(argument) !== 0) {
      const at = `0x${this.value(argument).toString(16)}`;
      throw new BpfError("MEMORY", `${this.name}: argument ${argument} is not ${length} bytes of memory, but ${at}`);
    }
    return address;
  }

  /** Leaves a result of 64 bits, in two words. */
  result64(low: number, high: number): number {
    this.#result = [low, high];
    return 0;
  }

  /** The wide result of the last run, if it left one. */
  takeResult(): readonly [low: number, high: number] | undefined {
    const result = this.#result;
    this.#result = undefined;
    return result;
  }
}
