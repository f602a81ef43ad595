/** Our client and our server, connected directly. */

import { SeededRng } from "../../base/rng.ts";
import type { Instant } from "../../base/time.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { pureEngine } from "../../crypto/pure/index.ts";
import { utf8 } from "../../wire/text.ts";
import { createTlsClient } from "../client.ts";
import type { EncryptionLevel, TlsClientConfig, TlsEvent, TlsHandshake, TlsServerConfig } from "../handshake.ts";
import { MESSAGE_TYPES, type MessageName } from "../messages/message.ts";
import { createTlsServer } from "../server.ts";
import { ed25519Identity } from "./identity.ts";

export const NOW = 0 as Instant;

const engine: CryptoEngine = pureEngine;

export const clientConfig = (overrides: Partial<TlsClientConfig> = {}): TlsClientConfig => ({
  engine,
  rng: new SeededRng(1),
  alpn: ["h3"],
  transportParameters: utf8("from client"),
  serverName: "example.com",
  ...overrides,
});

export const serverConfig = (overrides: Partial<TlsServerConfig> = {}): TlsServerConfig => ({
  engine,
  rng: new SeededRng(2),
  alpn: ["h3"],
  transportParameters: utf8("from server"),
  selectIdentity: () => ed25519Identity(),
  ...overrides,
});

export interface Flight {
  readonly level: EncryptionLevel;
  readonly bytes: Uint8Array;
}

/** Changes, drops (by returning undefined) or keeps a message in transit. */
export type Tamper = (message: Uint8Array, name: MessageName, level: EncryptionLevel) => Uint8Array | undefined;

export interface PairOptions {
  readonly client?: Partial<TlsClientConfig>;
  readonly server?: Partial<TlsServerConfig>;
  readonly toServer?: Tamper;
  readonly toClient?: Tamper;
  /** Bytes delivered at a time; whole messages by default. */
  readonly chunk?: number;
  /** The time at which everything happens. */
  readonly now?: Instant;
  /** The host's verdict on the certificate: accepted by default; "later" leaves it to the test. */
  readonly verdict?: Verdict;
  /** The same for a client's certificate. */
  readonly clientVerdict?: Verdict;
}

type Verdict = "accept" | "later" | { readonly alert: number; readonly reason: string };

const keep: Tamper = (message) => message;

export class Pair {
  readonly client: TlsHandshake;
  readonly server: TlsHandshake;
  readonly clientEvents: TlsEvent[] = [];
  readonly serverEvents: TlsEvent[] = [];
  /** All bytes sent in each direction, for comparing runs. */
  readonly toServer: Flight[] = [];
  readonly toClient: Flight[] = [];
  readonly #options: PairOptions;
  readonly #now: Instant;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.#now = options.now ?? NOW;
    this.client = createTlsClient(clientConfig(options.client));
    this.server = createTlsServer(serverConfig(options.server));
  }

  /** Runs until both sides are idle; throws what they throw. */
  run(): this {
    this.client.start(this.#now);
    this.server.start(this.#now);
    this.settle();
    return this;
  }

  settle(): void {
    for (let isBusy = true; isBusy; ) {
      this.#drainEvents();
      const up = this.#carry(this.client, this.server, this.toServer, this.#options.toServer ?? keep);
      this.#drainEvents();
      const down = this.#carry(this.server, this.client, this.toClient, this.#options.toClient ?? keep);
      isBusy = up || down;
    }
  }

  #carry(from: TlsHandshake, to: TlsHandshake, log: Flight[], tamper: Tamper): boolean {
    let any = false;
    for (let next = from.pollTransmit(); next !== undefined; next = from.pollTransmit()) {
      any = true;
      const bytes = tamper(next.bytes, messageName(next.bytes), next.level);
      if (bytes === undefined) continue;
      log.push({ level: next.level, bytes });
      const step = this.#options.chunk ?? bytes.length;
      for (let at = 0; at < bytes.length; at += step) {
        to.handleCrypto(next.level, bytes.subarray(at, at + step), this.#now);
        this.#drainEvents();
      }
    }
    return any;
  }

  #drainEvents(): void {
    for (let event = this.client.pollEvent(); event !== undefined; event = this.client.pollEvent()) {
      this.clientEvents.push(event);
      if (event.type === "verify-certificate") this.#judge(this.client, this.#options.verdict);
    }
    for (let event = this.server.pollEvent(); event !== undefined; event = this.server.pollEvent()) {
      this.serverEvents.push(event);
      if (event.type === "verify-certificate") this.#judge(this.server, this.#options.clientVerdict);
    }
  }

  #judge(side: TlsHandshake, verdict: Verdict = "accept"): void {
    if (verdict !== "later") side.certificateVerdict(verdict === "accept" ? undefined : verdict, this.#now);
  }

  get isComplete(): boolean {
    return this.client.isComplete && this.server.isComplete;
  }
}

function messageName(message: Uint8Array): MessageName {
  const name = Object.entries(MESSAGE_TYPES).find(([, type]) => type === message[0])?.[0];
  if (name === undefined) throw new Error(`unknown message type ${message[0]}`);
  return name as MessageName;
}

export const eventOf = <T extends TlsEvent["type"]>(
  events: readonly TlsEvent[],
  type: T,
): Extract<TlsEvent, { type: T }> | undefined =>
  events.find((event): event is Extract<TlsEvent, { type: T }> => event.type === type);

export const secretsOf = (events: readonly TlsEvent[]) =>
  events.flatMap((event) => (event.type === "secret" ? [event] : []));
