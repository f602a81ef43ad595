/** The input of a case in `transport-cases.ts`, and its tools. */

import { expect } from "vitest";
import type { StreamId, StreamTransport, TransportEvent } from "../transport.ts";

export interface TransportCaseOptions {
  readonly maxBidiStreams?: number;
  readonly maxUniStreams?: number;
  /** The number of bytes in transit on a stream: about what `write` takes while the peer does not read. */
  readonly window?: number;
}

export interface TransportPair {
  readonly client: StreamTransport;
  readonly server: StreamTransport;
  /** All events so far, oldest first, "connected" included. */
  readonly clientEvents: readonly TransportEvent[];
  readonly serverEvents: readonly TransportEvent[];
  /** Runs until nothing more happens. */
  run(): void;
}

export interface TransportCase {
  readonly name: string;
  readonly options?: TransportCaseOptions;
  readonly check: (pair: TransportPair) => void;
}

export const WINDOW = 65_536;
export const NO_BYTES = new Uint8Array(0);
export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

export const eventsOf = (events: readonly TransportEvent[], id: StreamId): string[] =>
  events.filter((event) => "id" in event && event.id === id).map(({ type }) => type);

/** Reads everything available; `fin` is true if the end was included. */
export function readAll(transport: StreamTransport, id: StreamId, max?: number): { data: number[]; fin: boolean } {
  const data: number[] = [];
  let fin = false;
  for (let chunk = transport.read(id, max); chunk !== undefined; chunk = transport.read(id, max)) {
    expect(fin).toBe(false);
    if (max !== undefined) expect(chunk.bytes.length).toBeLessThanOrEqual(max);
    data.push(...chunk.bytes);
    fin = chunk.fin;
  }
  return { data, fin };
}
