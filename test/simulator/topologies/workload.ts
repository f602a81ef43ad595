/**
 * What clients do in a random network: streams that the server echoes, some cancelled midway; datagrams; key updates;
 * an end, orderly or abrupt. Every client checks the bytes that it gets.
 */

import type { Rng } from "../../../src/base/rng.ts";
import { type Instant, type Micros, millis, seconds } from "../../../src/base/time.ts";
import type { CongestionControl } from "../../../src/congestion/index.ts";
import type { CryptoEngine } from "../../../src/crypto/engine.ts";
import {
  type CloseReason,
  type Connection,
  type ConnectionConfig,
  connectionConfig,
  DEFAULT_DATAGRAM_LIMITS,
  Endpoint,
  type EndpointEvent,
  type StreamId,
} from "../../../src/quic/index.ts";
import { VERSION_1, VERSION_2 } from "../../../src/quic/versions/index.ts";
import {
  type ClientSession,
  createTlsClient,
  createTlsServer,
  MemoryStrikeRegister,
  TicketKeys,
  type TlsIdentity,
} from "../../../src/tls/index.ts";
import { type Choices, clientAddress, SERVER } from "./world.ts";

export const CANCELLED = 0x2a;
export const DONE = 0x7;

/** The byte at an offset of a stream. */
const byteAt = (stream: number, offset: number): number => (stream * 31 + offset * 7 + (offset >> 8)) & 0xff;

function content(stream: number, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = byteAt(stream, from + i);
  return bytes;
}

function randomConfig(choose: Choices, engine: CryptoEngine, rng: Rng): ConnectionConfig {
  return connectionConfig({
    engine,
    rng,
    maxIdleTimeout: seconds(120),
    handshakeTimeout: seconds(60),
    // Without it, a client that only waits for data never learns that its NAT has forgotten it.
    keepAlive: seconds(3),
    ecn: choose.chance(0.5),
    congestionControl: choose.one<CongestionControl>(["cubic", "newreno", "bbr"]),
    maxDatagramSize: choose.one([1200, 1452, 9000]),
    timerGrain: choose.one([millis(1), millis(4)]),
    ...(choose.chance(0.5) ? { datagrams: DEFAULT_DATAGRAM_LIMITS } : {}),
    ...(choose.chance(0.2) ? { keyUpdateAfter: choose.whole(5, 50) } : {}),
    limits: {
      initialMaxData: choose.one([10_000, 100_000, 1_000_000]),
      initialMaxStreamData: choose.one([2_000, 20_000, 200_000]),
      initialMaxStreamsBidi: choose.one([1, 4, 100]),
      activeConnectionIdLimit: choose.whole(2, 5),
    },
  });
}

/** Echoes every stream. */
export class EchoServer {
  readonly endpoint: Endpoint;
  readonly closed: CloseReason[] = [];
  accepted = 0;

  constructor(choose: Choices, engine: CryptoEngine, rng: Rng, identity: TlsIdentity) {
    const early = { context: new Uint8Array(1), register: new MemoryStrikeRegister() };
    const tickets = {
      keys: new TicketKeys(engine, new Uint8Array(32).fill(1), rng),
      earlyData: choose.chance(0.8) ? early : undefined,
    };
    this.endpoint = new Endpoint({
      config: randomConfig(choose, engine, rng),
      server: {
        retry: choose.one(["always", "never", "auto"]),
        createTls: (transportParameters) =>
          createTlsServer({
            engine,
            rng,
            alpn: ["echo"],
            transportParameters,
            tickets,
            selectIdentity: () => identity,
          }),
      },
    });
  }

  handle({ connection, event }: EndpointEvent): void {
    switch (event.type) {
      case "accepted":
        this.accepted += 1;
        break;
      case "stream-readable":
        for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
          connection.write(event.id, chunk.bytes, chunk.fin);
        }
        break;
      case "stream-reset":
      case "stream-stopped":
        connection.reset(event.id, event.code);
        connection.stopSending(event.id, event.code);
        break;
      case "datagram-readable":
        while (connection.readDatagram() !== undefined);
        break;
      case "closed":
        this.closed.push(event.reason);
        break;
      default:
    }
  }
}

interface Plan {
  readonly at: Instant;
  readonly size: number;
  /** Cancels the stream when this much has come back. */
  readonly cancelAt: number | undefined;
}

interface OpenStream extends Plan {
  readonly id: StreamId;
  received: number;
}

export class EchoClient {
  readonly endpoint: Endpoint;
  /** The current connection. */
  connection!: Connection;
  /** How the last connection ended. */
  closed: CloseReason | undefined;
  /** The times at which it updates its keys. */
  readonly keyUpdates: readonly Micros[];
  /** When it closes whatever it is doing. */
  readonly abruptEnd: Micros | undefined;
  earlyAccepted = 0;
  readonly #connect: (session: ClientSession | undefined, now: Instant) => Connection;
  #plans: Plan[];
  #due: Plan[] = [];
  /** The streams of each further connection. */
  readonly #visits: Plan[][];
  #isConnected = false;
  readonly #open = new Map<StreamId, OpenStream>();
  readonly #datagrams: number;
  #session: ClientSession | undefined;

  constructor(index: number, choose: Choices, engine: CryptoEngine, rng: Rng, returns: boolean) {
    const config = randomConfig(choose, engine, rng);
    const plan = (latest: number): Plan => {
      const size = choose.one([0, 1, 300, 5_000, 30_000, choose.whole(0, 80_000)]);
      const at = (choose.chance(0.5) ? 0 : choose.time(0, latest)) as Instant;
      return { at, size, cancelAt: choose.chance(0.15) ? choose.whole(0, size) : undefined };
    };
    this.#plans = Array.from({ length: choose.whole(1, 6) }, () => plan(22_000));
    this.#visits = Array.from({ length: returns ? choose.whole(0, 2) : 0 }, () =>
      Array.from({ length: choose.whole(1, 4) }, () => plan(0)),
    );
    this.keyUpdates = Array.from({ length: choose.whole(0, 4) }, () => choose.time(100, 4_000));
    this.abruptEnd = choose.chance(0.15) ? choose.time(50, 3_000) : undefined;
    this.#datagrams = choose.whole(0, 5);
    const version = choose.one([VERSION_1, VERSION_2]);
    const earlyData = choose.chance(0.7);
    this.endpoint = new Endpoint({ config });
    this.#connect = (session, now) =>
      this.endpoint.connect(
        {
          local: clientAddress(index),
          remote: SERVER,
          version,
          createTls: (transportParameters) =>
            createTlsClient({
              engine,
              rng,
              alpn: ["echo"],
              transportParameters,
              serverName: "server.test",
              session,
              earlyData,
            }),
        },
        now,
      );
    this.connection = this.#connect(undefined, 0 as Instant);
  }

  handle({ connection, event }: EndpointEvent, now: Instant): void {
    switch (event.type) {
      case "verify-certificate":
        connection.certificateVerdict(undefined, now);
        break;
      case "connected": {
        const flow = connection.openDatagramFlow();
        for (let n = 0; n < this.#datagrams; n += 1) flow.send(new Uint8Array(100 * n));
        this.#isConnected = true;
        this.#openStreams();
        break;
      }
      case "streams-available":
        this.#openStreams();
        break;
      case "stream-readable":
        this.#read(event.id);
        break;
      case "handshake-complete":
        if (event.acceptedEarlyData) this.earlyAccepted += 1;
        break;
      case "session":
        this.#session = event.session;
        break;
      case "closed":
        this.#return(event.reason, now);
        break;
      default:
    }
  }

  /** Connects again, with the session of the connection that has ended. */
  #return(reason: CloseReason, now: Instant): void {
    const next = reason.type === "local" && reason.code === DONE ? this.#visits.shift() : undefined;
    if (next === undefined) {
      this.closed = reason;
      return;
    }
    this.#isConnected = false;
    this.#open.clear();
    this.#due = next;
    this.#plans = [];
    this.connection = this.#connect(this.#session, now);
  }

  /** When to call `start`. */
  get starts(): readonly Instant[] {
    return this.#plans.map(({ at }) => at);
  }

  /** Opens the streams whose time has come. */
  start(now: Instant): void {
    this.#due.push(...this.#plans.filter(({ at }) => at <= now));
    this.#plans = this.#plans.filter(({ at }) => at > now);
    this.#openStreams();
  }

  #openStreams(): void {
    while (this.#isConnected && this.#due.length > 0) {
      const id = this.connection.openStream("bidi");
      if (id === undefined) return;
      const stream = { ...this.#due.shift()!, id, received: 0 };
      this.#open.set(id, stream);
      this.connection.write(id, content(id, 0, stream.size), true);
      if (stream.cancelAt === 0) this.#cancel(stream);
    }
  }

  #read(id: StreamId): void {
    const stream = this.#open.get(id);
    for (let chunk = this.connection.read(id); chunk !== undefined; chunk = this.connection.read(id)) {
      if (stream === undefined) continue;
      for (const [i, byte] of chunk.bytes.entries()) {
        if (byte !== byteAt(id, stream.received + i)) throw new Error(`stream ${id}: wrong byte`);
      }
      stream.received += chunk.bytes.length;
      if (stream.cancelAt !== undefined && stream.received >= stream.cancelAt) {
        this.#cancel(stream);
        return;
      }
      if (!chunk.fin) continue;
      if (stream.received !== stream.size) throw new Error(`stream ${id}: ${stream.received} of ${stream.size} bytes`);
      this.#end(stream);
    }
  }

  #cancel(stream: OpenStream): void {
    this.connection.reset(stream.id, CANCELLED);
    this.connection.stopSending(stream.id, CANCELLED);
    this.#end(stream);
  }

  #end({ id }: OpenStream): void {
    this.#open.delete(id);
    if (this.#open.size === 0 && this.#due.length === 0 && this.#plans.length === 0)
      this.connection.close(DONE, "done");
  }
}
