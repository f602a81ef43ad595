/** Runs one case in virtual time: a server, and a client that makes its connections one after another. */

import type { SocketAddress } from "../../../src/base/datagrams.ts";
import { SeededRng } from "../../../src/base/rng.ts";
import { type Instant, type Micros, seconds } from "../../../src/base/time.ts";
import type { CryptoEngine } from "../../../src/crypto/engine.ts";
import type { H3Options } from "../../../src/h3/index.ts";
import {
  type ConnectionTraceEvent,
  endpointTrace,
  h3Trace,
  type TraceConnection,
  traceAll,
} from "../../../src/host/quic/tracing.ts";
import {
  type Connection,
  type ConnectionConfig,
  type ConnectionLimits,
  connectionConfig,
  Endpoint,
  type EndpointEvent,
  isTransportEvent,
  type QuicTraceEvent,
} from "../../../src/quic/index.ts";
import type { CloseReason } from "../../../src/quic/transport.ts";
import {
  type CaptureRecord,
  host,
  type NetworkElement,
  SimulatedNetwork,
  simulatedIdentity,
} from "../../../src/sim/index.ts";
import {
  type CipherSuiteName,
  type ClientSession,
  createTlsClient,
  createTlsServer,
  MemoryStrikeRegister,
  TicketKeys,
  type TlsIdentity,
} from "../../../src/tls/index.ts";
import {
  type Application,
  type ClientApplication,
  clientApplication,
  type Protocol,
  serverApplication,
} from "./applications.ts";
import { Evidence } from "./evidence.ts";
import type { RequestedFile } from "./files.ts";

export interface CaseOptions {
  /** The files of each connection. */
  readonly connections: readonly (readonly RequestedFile[])[];
  readonly link: readonly NetworkElement[];
  readonly protocol?: Protocol;
  readonly family?: 4 | 6;
  readonly config?: Partial<Omit<ConnectionConfig, "limits">>;
  readonly clientLimits?: Partial<ConnectionLimits>;
  readonly cipherSuites?: readonly CipherSuiteName[];
  readonly retry?: "always";
  /** The server's certificate chain; a single certificate by default. */
  readonly identity?: TlsIdentity;
  /** Both sides update their keys after the client has received this many bytes. */
  readonly keyUpdateAfter?: number;
  /** The version of each connection's first flight. */
  readonly version?: number;
  /** Each connection resumes the session of the one before. */
  readonly resumes?: boolean;
  /** Resumed connections send their requests in 0-RTT packets. */
  readonly sendsEarlyData?: boolean;
  /** The server prefers another address of its own, to which the client moves. */
  readonly prefersAddress?: boolean;
  /** Another client that downloads from another server over the same link. */
  readonly crossTraffic?: readonly RequestedFile[];
  readonly timeout?: Micros;
  /** Listens to the connections, besides the case's own evidence. */
  readonly trace?: TraceConnection;
  /** Receives what the network does. */
  readonly capture?: (record: CaptureRecord) => void;
}

export interface CaseResult {
  readonly evidence: Evidence;
  readonly seed: number;
  readonly time: Instant;
  readonly files: readonly RequestedFile[];
  readonly clients: readonly Connection[];
  /** How the server's connections ended. */
  readonly ends: readonly CloseReason[];
}

interface Addresses {
  readonly client: SocketAddress;
  readonly server: SocketAddress;
  /** The server's other address. */
  readonly preferred: SocketAddress;
}

const addresses = (family: 4 | 6, pair: number): Addresses => {
  const prefix = family === 4 ? "10.0.0." : "2001:db8::";
  return {
    client: { family, host: `${prefix}${10 * pair + 1}`, port: 50_000 },
    server: { family, host: `${prefix}${10 * pair + 2}`, port: 443 },
    preferred: { family, host: `${prefix}${10 * pair + 3}`, port: 443 },
  };
};

/** A client and a server. The client makes its connections one after another, and closes each when it is done. */
class Pair {
  readonly clients: Connection[] = [];
  readonly ends: CloseReason[] = [];
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly addresses: Addresses;
  readonly #options: CaseOptions;
  readonly #engine: CryptoEngine;
  readonly #rng: SeededRng;
  readonly #evidence: Evidence | undefined;
  readonly #applications = new Map<Connection, Application>();
  readonly #waiting: (readonly RequestedFile[])[];
  #current: ClientApplication | undefined;
  #hasUpdatedKeys = false;
  #now = 0 as Instant;
  #session: ClientSession | undefined;

  constructor(options: CaseOptions, place: Addresses, engine: CryptoEngine, rng: SeededRng, evidence?: Evidence) {
    this.#options = options;
    this.addresses = place;
    this.#engine = engine;
    this.#rng = rng;
    this.#evidence = evidence;
    this.#waiting = [...options.connections];
    const common = {
      engine,
      rng,
      maxIdleTimeout: seconds(60),
      handshakeTimeout: seconds(60),
      keyLog: options.keyUpdateAfter !== undefined,
      ...options.config,
    };
    const identity = options.identity ?? simulatedIdentity();
    const protocol = options.protocol ?? "hq-interop";
    const { cipherSuites } = options;
    const suites = cipherSuites === undefined ? {} : { cipherSuites };
    const early = { context: new Uint8Array(1), register: new MemoryStrikeRegister() };
    const tickets = {
      keys: new TicketKeys(engine, new Uint8Array(32).fill(1), rng),
      earlyData: options.sendsEarlyData === true ? early : undefined,
    };
    const traced = evidence === undefined ? {} : endpointTrace(traceAll([evidenceOf(evidence), options.trace]));
    this.server = new Endpoint({
      config: connectionConfig(common),
      server: {
        createTls: (transportParameters) =>
          createTlsServer({
            engine,
            rng,
            alpn: [protocol],
            ...suites,
            transportParameters,
            selectIdentity: () => identity,
            tickets: options.resumes === true ? tickets : undefined,
          }),
        ...(options.retry === undefined ? {} : { retry: options.retry }),
        preferredAddress: options.prefersAddress === true ? { ipv4: place.preferred } : undefined,
      },
      ...traced,
    });
    this.client = new Endpoint({
      config: connectionConfig({
        ...common,
        ...(options.clientLimits === undefined ? {} : { limits: options.clientLimits }),
      }),
      ...traced,
    });
    this.connect(0 as Instant);
  }

  get isDone(): boolean {
    return this.#waiting.length === 0 && this.#current?.isDone === true;
  }

  connect(now: Instant): void {
    const wanted = this.#waiting.shift();
    if (wanted === undefined) return;
    const { protocol = "hq-interop", cipherSuites, keyUpdateAfter, version } = this.#options;
    const connection = this.client.connect(
      {
        local: this.addresses.client,
        remote: this.addresses.server,
        version,
        createTls: (transportParameters) =>
          createTlsClient({
            engine: this.#engine,
            rng: this.#rng,
            alpn: [protocol],
            ...(cipherSuites === undefined ? {} : { cipherSuites }),
            transportParameters,
            serverName: "server.test",
            session: this.#session,
            earlyData: this.#options.sendsEarlyData === true,
            keyLog: keyUpdateAfter !== undefined,
          }),
      },
      now,
    );
    this.clients.push(connection);
    this.#now = now;
    this.#current = clientApplication(protocol, connection, wanted, this.#h3Options(connection));
    this.#applications.set(connection, this.#current);
  }

  #h3Options(connection: Connection): H3Options {
    return { rng: this.#rng, trace: h3Trace(connection, { now: () => this.#now }) };
  }

  readonly onClientEvent = ({ connection, event }: EndpointEvent, now: Instant): void => {
    this.#now = now;
    switch (event.type) {
      case "verify-certificate":
        connection.certificateVerdict(undefined, now);
        return;
      case "key-log":
        this.#evidence?.keyLog.push(event.line);
        return;
      case "preferred-address":
        expectMigration(connection.migrate(this.addresses.client, event.addresses[0]!, now));
        break;
      case "session":
        this.#session = event.session;
        break;
      case "closed":
        if (event.reason.type !== "local" || event.reason.code !== 0) {
          throw new Error(`the client's connection ended: ${JSON.stringify(event.reason)}`);
        }
        return;
      default:
        if (event.type === "accepted" || !isTransportEvent(event)) return;
        this.#applications.get(connection)!.handle(event);
    }
    this.#updateKeys(connection);
    if (connection !== this.clients.at(-1) || !this.#current!.isDone) return;
    // The ticket may follow the file.
    if (this.#options.resumes === true && this.#session === undefined) return;
    connection.close(0, "");
    this.connect(now);
  };

  #updateKeys(connection: Connection): void {
    const { keyUpdateAfter } = this.#options;
    if (keyUpdateAfter === undefined || this.#hasUpdatedKeys || this.#current!.received < keyUpdateAfter) return;
    this.#hasUpdatedKeys = connection.updateKeys();
  }

  readonly onServerEvent = ({ connection, event }: EndpointEvent, now: Instant): void => {
    this.#now = now;
    switch (event.type) {
      case "connected":
        this.#applications.set(connection, serverApplication(event.alpn, connection, this.#h3Options(connection)));
        return;
      case "closed":
        this.ends.push(event.reason);
        this.#applications.delete(connection);
        return;
      default:
        if (event.type !== "accepted" && isTransportEvent(event)) this.#applications.get(connection)?.handle(event);
    }
  };
}

/** HTTP/3's events are no evidence. */
const evidenceOf =
  (evidence: Evidence): TraceConnection =>
  (_, role) => {
    const trace = evidence.trace(role);
    return (event) => {
      if (isQuic(event)) trace(event);
    };
  };

const isQuic = (event: ConnectionTraceEvent): event is QuicTraceEvent => event.type.startsWith("quic:");

function expectMigration(refusal: string | undefined): void {
  if (refusal !== undefined) throw new Error(`the connection cannot migrate: ${refusal}`);
}

/** Throws a `SimulationError`, which names the seed, if the files do not arrive. */
export function runCase(options: CaseOptions, engine: CryptoEngine, seed: number): CaseResult {
  const rng = new SeededRng(seed);
  const { family = 4, timeout = seconds(60), crossTraffic } = options;
  const evidence = new Evidence(options.keyUpdateAfter !== undefined);
  const pair = new Pair(options, addresses(family, 0), engine, rng, evidence);
  const others =
    crossTraffic === undefined
      ? []
      : [new Pair({ ...options, connections: [crossTraffic] }, addresses(family, 1), engine, rng)];
  const pairs = [pair, ...others];
  const network = new SimulatedNetwork({
    seed,
    network: [
      host(
        ...pairs.map((one, i) => ({
          name: `client ${i}`,
          address: one.addresses.client,
          machine: one.client,
          onEvent: one.onClientEvent,
        })),
      ),
      ...options.link,
      host(
        ...pairs.map((one, i) => ({
          name: `server ${i}`,
          address: one.addresses.server,
          otherAddresses: [{ address: one.addresses.preferred }],
          machine: one.server,
          onEvent: one.onServerEvent,
        })),
      ),
    ],
    capture: (record) => {
      options.capture?.(record);
      const { source, destination } = record.datagram;
      const isCross = [source, destination].some(({ host: ip }) =>
        others.some(({ addresses: a }) => ip === a.server.host),
      );
      if (!isCross) evidence.capture(record);
    },
  });
  // The close must still reach the server.
  const isOver = (): boolean => pair.isDone && pair.ends.length === options.connections.length;
  const { time } = network.run({ until: isOver, maxVirtualTime: timeout, maxEvents: 5_000_000 });
  return { evidence, seed, time, files: options.connections.flat(), clients: pair.clients, ends: pair.ends };
}
