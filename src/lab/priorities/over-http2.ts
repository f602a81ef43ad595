/**
 * Loads the page over one ordered byte stream, as HTTP/2 over TCP does: frames of all responses share it, and what the
 * server has written ahead of the network cannot be overtaken. The stream is QUIC's, with the same recovery as TCP's.
 */

import { type Priority, ResponseOrder, type Turn } from "../../http/priority/index.ts";
import type { Connection } from "../../quic/index.ts";
import type { Run, Values } from "../experiment.ts";
import { loadPage } from "./network.ts";
import { PageLoad, RESOURCES } from "./page.ts";

export interface Http2Load extends Run {
  readonly loss: number;
  /** True if responses take turns whatever their priority. */
  readonly takesTurns: boolean;
  /** True if the server knows PRIORITY_UPDATE. */
  readonly promotes: boolean;
  /** Bytes that the server writes ahead of what has been sent. */
  readonly ahead: number;
}

/** RFC 9113 §4.1, §4.2: the header of a frame, and the largest frame by default. */
const HEADER = 9;
const FRAME = 16_384;
const TURNS: Priority = { urgency: 3, incremental: true };
const ZEROS = new Uint8Array(FRAME);

interface Response {
  readonly index: number;
  left: number;
}

export function loadOverHttp2({ takesTurns, promotes, ahead, ...run }: Http2Load): Values {
  let load: PageLoad | undefined;
  const order = new ResponseOrder<Response>();
  const turns = new Map<number, Turn<Response>>();
  const reader = new FrameReader();
  let server: Connection | undefined;
  let written = 0;
  let sent = 0;

  const send = (): void => {
    while (server !== undefined && written - sent < ahead) {
      const turn = order.next();
      if (turn === undefined) return;
      const { value: response } = turn;
      const length = Math.min(FRAME, response.left);
      response.left -= length;
      server.write(0, frameHeader(response.index, length), false);
      server.write(0, ZEROS.subarray(0, length), false);
      written += HEADER + length;
      order.setReady(turn, response.left > 0);
      order.rotate(turn);
    }
  };

  const begin = (connection: Connection) => {
    const id = connection.openStream("bidi")!;
    const message = (index: number, { urgency, incremental }: Priority, isUpdate: boolean): void => {
      connection.write(id, Uint8Array.of(isUpdate ? 1 : 0, index, urgency, incremental ? 1 : 0), false);
    };
    return {
      request: (index: number, priority: Priority): void => message(index, priority, false),
      reprioritize: (index: number, priority: Priority): void => {
        if (promotes) message(index, priority, true);
      },
    };
  };

  return loadPage({
    ...run,
    onClientEvent({ connection, event }, now) {
      if (event.type === "connected") load = new PageLoad(begin(connection), now);
      if (event.type !== "stream-readable") return;
      for (let piece = connection.read(event.id); piece !== undefined; piece = connection.read(event.id)) {
        reader.read(piece.bytes, (index, length) => load!.handleContent(index, length, now));
      }
    },
    onServerEvent({ connection, event }) {
      if (event.type !== "stream-readable") return;
      server = connection;
      // Messages are written whole, and a packet holds all that one turn wrote.
      for (let piece = connection.read(event.id); piece !== undefined; piece = connection.read(event.id)) {
        for (let at = 0; at < piece.bytes.length; at += 4) {
          const [isUpdate, index, urgency, incremental] = piece.bytes.subarray(at, at + 4);
          const priority = takesTurns ? TURNS : { urgency: urgency!, incremental: incremental === 1 };
          const turn = turns.get(index!);
          if (turn !== undefined) {
            if (isUpdate === 1 && turn.value.left > 0) order.place(turn, priority, index!);
          } else {
            const added = order.add({ index: index!, left: RESOURCES[index!]!.size }, priority, index!);
            turns.set(index!, added);
            order.setReady(added, true);
          }
        }
      }
    },
    onServerTurn: send,
    serverTrace(event) {
      if (event.type !== "quic:packet-sent") return;
      for (const frame of event.frames) {
        if (frame.type === "stream" && frame.id === 0) sent = Math.max(sent, frame.offset + frame.data.length);
      }
    },
    times: () => load?.times,
  });
}

const frameHeader = (index: number, length: number): Uint8Array =>
  Uint8Array.of(length >> 16, length >> 8, length, 0, 0, 0, 0, 0, index);

/** Attributes the bytes of the stream to resources. */
class FrameReader {
  readonly #header: number[] = [];
  #left = 0;

  read(bytes: Uint8Array, handle: (index: number, length: number) => void): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left === 0) {
        this.#header.push(bytes[at]!);
        at += 1;
        if (this.#header.length < HEADER) continue;
        this.#left = (this.#header[0]! << 16) | (this.#header[1]! << 8) | this.#header[2]!;
        continue;
      }
      const length = Math.min(this.#left, bytes.length - at);
      handle(this.#header[8]!, length);
      at += length;
      this.#left -= length;
      if (this.#left === 0) this.#header.length = 0;
    }
  }
}
