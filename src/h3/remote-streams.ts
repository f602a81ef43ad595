/** The peer's unidirectional streams (RFC 9114 §6.2): determines their types and allows only one of each. */

import { SparseMap } from "../base/sparse-map.ts";
import type { StreamId, StreamTransport } from "../quic/transport.ts";
import { VarintReader } from "../wire/varint-reader.ts";
import { connectionError, H3_ERRORS } from "./errors.ts";
import { isGreaseId, type Role } from "./frames.ts";
import type { IgnoredBudget } from "./limits.ts";
import { STREAM_TYPE_NAMES, StreamType } from "./local-streams.ts";
import type { StreamClaims } from "./stream-claims.ts";
import type { H3StreamType, H3Trace } from "./trace.ts";

/** The readers of the critical streams. */
export interface CriticalStreamReaders {
  handleControlStream(bytes: Uint8Array): void;
  handleEncoderStream(bytes: Uint8Array): void;
  handleDecoderStream(bytes: Uint8Array): void;
}

/** Bytes that a refused stream counts as. */
const UNKNOWN_STREAM_COST = 64;

type Kind = typeof StreamType.CONTROL | typeof StreamType.QPACK_ENCODER | typeof StreamType.QPACK_DECODER;

const KINDS: readonly Kind[] = [StreamType.CONTROL, StreamType.QPACK_ENCODER, StreamType.QPACK_DECODER];

const NAMES: Record<Kind, string> = {
  [StreamType.CONTROL]: "control stream",
  [StreamType.QPACK_ENCODER]: "QPACK encoder stream",
  [StreamType.QPACK_DECODER]: "QPACK decoder stream",
};

export class RemoteStreams {
  readonly #transport: StreamTransport;
  readonly #peer: Role;
  readonly #readers: CriticalStreamReaders;
  readonly #ignored: IgnoredBudget;
  readonly #claims: StreamClaims;
  /** Streams whose type has not arrived. The transport limits their number. */
  readonly #untyped = new SparseMap<StreamId, VarintReader>();
  /** By kind: the ids of the critical streams that have come. */
  readonly #critical: (StreamId | undefined)[] = [undefined, undefined, undefined];
  readonly #trace: H3Trace | undefined;
  /** The peer's control stream, once known. */
  controlId: StreamId | undefined;

  constructor(
    transport: StreamTransport,
    peer: Role,
    readers: CriticalStreamReaders,
    ignored: IgnoredBudget,
    claims: StreamClaims,
    trace?: H3Trace,
  ) {
    this.#claims = claims;
    this.#trace = trace;
    this.#transport = transport;
    this.#peer = peer;
    this.#readers = readers;
    this.#ignored = ignored;
  }

  handleOpened(id: StreamId): void {
    this.#untyped.set(id, new VarintReader());
  }

  handleReadable(id: StreamId): void {
    for (;;) {
      if (!this.#untyped.has(id) && this.#kindOf(id) === undefined) return;
      const chunk = this.#transport.read(id);
      if (chunk === undefined) return;
      this.#handleBytes(id, chunk.bytes, chunk.fin);
      if (chunk.fin) this.handleEnd(id);
    }
  }

  /** The stream ended or was reset. */
  handleEnd(id: StreamId): void {
    // RFC 9114 §6.2: a stream may end before its type has arrived.
    this.#untyped.delete(id);
    const kind = this.#kindOf(id);
    // RFC 9114 §6.2.1, RFC 9204 §4.2
    if (kind !== undefined) throw connectionError("H3_CLOSED_CRITICAL_STREAM", NAMES[kind]);
  }

  /** The kind of a critical stream; undefined for all others. */
  #kindOf(id: StreamId): Kind | undefined {
    const index = this.#critical.indexOf(id);
    return index < 0 ? undefined : KINDS[index];
  }

  #handleBytes(id: StreamId, bytes: Uint8Array, fin: boolean): void {
    let at = 0;
    const typeReader = this.#untyped.get(id);
    if (typeReader !== undefined) {
      if (bytes.length === 0) return;
      at = typeReader.read(bytes, 0);
      if (!typeReader.done) return;
      this.#untyped.delete(id);
      if (this.#claims.handOver("uni", typeReader.exact, id, bytes.subarray(at), fin)) return;
      this.#handleType(id, typeReader.value);
    }
    const rest = at === 0 ? bytes : bytes.subarray(at);
    if (rest.length === 0) return;
    switch (this.#kindOf(id)) {
      case StreamType.CONTROL:
        this.#readers.handleControlStream(rest);
        break;
      case StreamType.QPACK_ENCODER:
        this.#readers.handleEncoderStream(rest);
        break;
      case StreamType.QPACK_DECODER:
        this.#readers.handleDecoderStream(rest);
        break;
    }
  }

  #traceType(id: StreamId, streamType: H3StreamType, number?: number): void {
    const known = number === undefined ? {} : { number };
    this.#trace?.({ type: "http3:stream-type-set", id, initiator: "remote", streamType, ...known });
  }

  #handleType(id: StreamId, type: number): void {
    switch (type) {
      case StreamType.CONTROL:
      case StreamType.QPACK_ENCODER:
      case StreamType.QPACK_DECODER:
        // RFC 9114 §6.2.1, RFC 9204 §4.2: only one of each.
        if (this.#critical[KINDS.indexOf(type)] !== undefined) {
          throw connectionError("H3_STREAM_CREATION_ERROR", NAMES[type], "duplicate");
        }
        this.#critical[KINDS.indexOf(type)] = id;
        if (type === StreamType.CONTROL) this.controlId = id;
        this.#traceType(id, STREAM_TYPE_NAMES[type]!);
        return;
      case StreamType.PUSH:
        // RFC 9114 §6.2.2: clients cannot push; §7.2.7: servers only what MAX_PUSH_ID allowed, and we never sent it.
        if (this.#peer === "client") throw connectionError("H3_STREAM_CREATION_ERROR", "push stream", "from a client");
        throw connectionError("H3_ID_ERROR", "push stream", "push is not allowed");
      default:
        // RFC 9114 §6.2: an unknown type is not an error; its data is refused.
        this.#traceType(id, isGreaseId(type) ? "reserved" : "unknown", type);
        this.#ignored.count(UNKNOWN_STREAM_COST);
        this.#transport.stopSending(id, H3_ERRORS.H3_STREAM_CREATION_ERROR.code);
    }
  }
}
