/**
 * Responses to peers without a connection: Version Negotiation, Retry, refusal, stateless reset. Each response is
 * written once, into a bounded queue, and resets are rate-limited, so that no one can make this endpoint flood third
 * parties.
 */

import { Ecn, type SlotWriter, type SocketAddress, type Transmit } from "../../base/datagrams.ts";
import { RateLimit } from "../../base/rate-limit.ts";
import type { Instant } from "../../base/time.ts";
import { PacketBatch } from "../../crypto/engine.ts";
import { Writer } from "../../wire/writer.ts";
import type { ConnectionConfig } from "../connection/index.ts";
import { emitConnectionClose } from "../frame/index.ts";
import { deriveInitialSecrets, derivePacketKeys, freeKeys, protectBatch } from "../keys/index.ts";
import { beginLongHeader, finishPacket } from "../packet/build.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import { MIN_DATAGRAM_SIZE } from "../packet/datagram-size.ts";
import type { PacketHeader } from "../packet/header.ts";
import { emitRetry } from "../packet/retry.ts";
import { emitVersionNegotiation } from "../packet/version-negotiation.ts";
import type { EndpointTrace, EndpointTraceEvent } from "../trace.ts";
import type { ResetTokens } from "./reset-tokens.ts";
import { canReset, emitStatelessReset } from "./stateless-reset.ts";

type ReplyName = Extract<EndpointTraceEvent, { type: "quic:stateless-reply" }>["reply"];

interface Reply {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly bytes: Uint8Array;
}

/** The maximum number of replies waiting for the socket. Further ones are dropped; the client will retry. */
const MAX_QUEUED = 256;

/** RFC 9000 §10.3.3 asks for a limit. */
const MAX_RESETS_PER_SECOND = 100;
/** RFC 9000 §6.1 allows a limit. */
const MAX_NEGOTIATIONS_PER_SECOND = 1_000;
/** Each derives packet keys. */
const MAX_REFUSALS_PER_SECOND = 500;

export class StatelessReplies {
  readonly #config: ConnectionConfig;
  readonly #tokens: ResetTokens;
  readonly #queue: Reply[] = [];
  readonly #resets = new RateLimit(MAX_RESETS_PER_SECOND);
  readonly #negotiations = new RateLimit(MAX_NEGOTIATIONS_PER_SECOND);
  readonly #refusals = new RateLimit(MAX_REFUSALS_PER_SECOND);

  readonly #trace: EndpointTrace | undefined;

  constructor(config: ConnectionConfig, tokens: ResetTokens, trace?: EndpointTrace) {
    this.#config = config;
    this.#trace = trace;
    this.#tokens = tokens;
  }

  /** How many wait to be sent. */
  get pending(): number {
    return this.#queue.length;
  }

  negotiateVersion(
    header: PacketHeader,
    versions: readonly number[],
    local: SocketAddress,
    remote: SocketAddress,
    now: Instant,
  ): void {
    if (!this.#negotiations.take(now)) return;
    const writer = new Writer(new Uint8Array(MIN_DATAGRAM_SIZE));
    emitVersionNegotiation(writer, header.source, header.destination, versions, this.#config.rng);
    this.#push("version-negotiation", writer, local, remote, now);
  }

  retry(
    header: PacketHeader,
    source: ConnectionId,
    token: Uint8Array,
    local: SocketAddress,
    remote: SocketAddress,
    now: Instant,
  ): void {
    const writer = new Writer(new Uint8Array(MIN_DATAGRAM_SIZE));
    const { destination, source: client, version } = header;
    emitRetry(this.#config.engine, writer, version, destination, client, source.bytes, token);
    this.#push("retry", writer, local, remote, now);
  }

  /** Sends an Initial with only CONNECTION_CLOSE, with keys that anyone can derive (RFC 9000 §5.2.2). */
  refuse(header: PacketHeader, code: number, local: SocketAddress, remote: SocketAddress, now: Instant): void {
    if (!this.#refusals.take(now)) return;
    const { engine } = this.#config;
    const arena = new Uint8Array(MIN_DATAGRAM_SIZE);
    const writer = new Writer(arena);
    const batch = new PacketBatch(arena, 1);
    const secrets = deriveInitialSecrets(engine, header.version, header.destination);
    const keys = derivePacketKeys(engine, "aes-128-gcm", "sha256", secrets.server, header.version);
    const open = beginLongHeader(
      writer,
      "initial",
      header.version,
      header.source,
      header.destination,
      new Uint8Array(0),
      0,
      1,
    );
    emitConnectionClose(writer, "transport", code, 0, "");
    finishPacket(writer, open, batch);
    protectBatch(batch, keys, 0);
    freeKeys(keys);
    this.#push("refusal", writer, local, remote, now);
  }

  /** Responds to a datagram of `triggerLength` bytes for a connection that does not exist (any more). */
  reset(id: Uint8Array, triggerLength: number, local: SocketAddress, remote: SocketAddress, now: Instant): void {
    if (!canReset(triggerLength) || !this.#resets.take(now)) return;
    const bytes = emitStatelessReset(this.#config.rng, this.#tokens.of(id), triggerLength);
    if (bytes !== undefined) this.#enqueue("stateless-reset", { local, remote, bytes }, now);
  }

  poll(slots: SlotWriter): Transmit | undefined {
    const reply = this.#queue.shift();
    if (reply === undefined) return undefined;
    const { local, remote, bytes } = reply;
    slots.arena.set(bytes);
    return { local, remote, ecn: Ecn.notEct, segmentSize: bytes.length, count: 1, length: bytes.length };
  }

  #push(name: ReplyName, writer: Writer, local: SocketAddress, remote: SocketAddress, now: Instant): void {
    this.#enqueue(name, { local, remote, bytes: writer.written() }, now);
  }

  #enqueue(name: ReplyName, reply: Reply, now: Instant): void {
    if (this.#queue.length >= MAX_QUEUED) return;
    this.#queue.push(reply);
    this.#trace?.({ type: "quic:stateless-reply", reply: name }, now);
  }
}
