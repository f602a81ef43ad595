/**
 * 0-RTT (RFC 9001 §4.6): the keys of its packets, the limits that a client remembers from an earlier connection
 * (RFC 9000 §7.4.1), and what became of the early data.
 */

import { after, type Instant, type Micros } from "../../base/time.ts";
import { concat, utf8 } from "../../wire/text.ts";
import { transportError } from "../errors.ts";
import { freeKeys, type PacketKeys } from "../keys/index.ts";
import { PARAMETERS, type ParameterName, type TransportParameters } from "../params/index.ts";
import type { ConnectionConfig } from "./config.ts";

/** RFC 9000 §7.4.1: a server that accepts 0-RTT must not reduce these. */
const KEPT = [
  "activeConnectionIdLimit",
  "initialMaxData",
  "initialMaxStreamDataBidiLocal",
  "initialMaxStreamDataBidiRemote",
  "initialMaxStreamDataUni",
  "initialMaxStreamsBidi",
  "initialMaxStreamsUni",
  "resetStreamAt",
  "resetStreamAtDraft",
  // RFC 9221 §3
  "maxDatagramFrameSize",
] as const satisfies readonly ParameterName[];

/** Each part of what early data relies on; a change of the format must change this. */
const CONTEXT_VERSION = "nagare early data 1";

/**
 * Identifies what a client remembers of this server: the limits of the transport, and the settings of the protocol above.
 * Early data is accepted only if nothing has changed since the ticket was issued.
 */
export function earlyDataContext({
  engine,
  limits,
  datagrams,
}: ConnectionConfig): (application: Uint8Array) => Uint8Array {
  const { initialMaxData, initialMaxStreamData, initialMaxStreamsBidi, initialMaxStreamsUni } = limits;
  const numbers = [initialMaxData, initialMaxStreamData, initialMaxStreamsBidi, initialMaxStreamsUni];
  const text = [CONTEXT_VERSION, ...numbers, limits.activeConnectionIdLimit, datagrams?.maxFrameSize ?? 0].join(" ");
  const transport = utf8(`${text}\n`);
  return (application) => engine.hash("sha256", concat(transport, application));
}

/**
 * Undecided: a server may still accept early data. Offered: a client may send it. In other states there is none, or no
 * more.
 */
type State = "undecided" | "offered" | "accepted" | "rejected";

export class EarlyData {
  /** Client: protects 0-RTT packets, until they are rejected or 1-RTT packets can be sent. */
  write: PacketKeys | undefined;
  /** The number of the last 0-RTT packet sent; -1 if there is none. */
  lastSent = -1;
  #state: State;
  #read: PacketKeys | undefined;
  #discardAt: Instant | undefined;
  #remembered: TransportParameters | undefined;

  constructor(role: "client" | "server") {
    this.#state = role === "server" ? "undecided" : "rejected";
  }

  /** Server: opens 0-RTT packets. */
  readKeys(now: Instant): PacketKeys | undefined {
    if (this.#discardAt !== undefined && now >= this.#discardAt) {
      freeKeys(this.#read);
      this.#read = undefined;
    }
    return this.#read;
  }

  dropWriteKeys(): void {
    freeKeys(this.write);
    this.write = undefined;
  }

  freeKeys(): void {
    freeKeys(this.#read);
    freeKeys(this.write);
  }

  get isUndecided(): boolean {
    return this.#state === "undecided";
  }

  get isAccepted(): boolean {
    return this.#state === "accepted";
  }

  /** Client: true if it resumed a session with early data, whatever became of it. */
  get wasOffered(): boolean {
    return this.#remembered !== undefined;
  }

  /** Client: true if early data was sent, and the peer ignored it. */
  get mustRestart(): boolean {
    return this.#state === "rejected" && this.#remembered !== undefined;
  }

  /** Client: the parameters of the session that it resumes. */
  offer(remembered: TransportParameters): void {
    this.#state = "offered";
    this.#remembered = remembered;
  }

  install(direction: "read" | "write", keys: PacketKeys): void {
    if (direction === "read") this.#read = keys;
    else this.write = keys;
  }

  settle(accepted: boolean): void {
    this.#state = accepted ? "accepted" : "rejected";
    if (!accepted) this.dropWriteKeys();
  }

  /** Server: the handshake went on without early data. */
  settleIfUndecided(): void {
    if (this.#state === "undecided") this.#state = "rejected";
  }

  /** RFC 9000 §7.4.1: a server that accepted early data may not reduce the limits that it relied on. */
  check(parameters: TransportParameters): void {
    const remembered = this.#remembered;
    if (remembered === undefined || this.#state !== "accepted") return;
    for (const name of KEPT) {
      if (Number(parameters[name]) >= Number(remembered[name])) continue;
      const { wireName } = PARAMETERS.find((row) => row.name === name)!;
      throw transportError("PROTOCOL_VIOLATION", wireName, "is less than what 0-RTT relied on");
    }
  }

  /** RFC 9001 §4.9.3: 1-RTT packets replace 0-RTT packets; a server still opens those that were reordered. */
  onOneRttReceived(probeTimeout: Micros, now: Instant): void {
    if (this.#read !== undefined) this.#discardAt ??= after(now, (3 * probeTimeout) as Micros);
  }
}
