/** A client's first or second connection to a server over a simulated link: one request, one response. */

import type { Instant, Micros } from "../../base/time.ts";
import { type Connection, connectionConfig, Endpoint, type EndpointEvent } from "../../quic/index.ts";
import { host, link, SeededRng, SimulatedNetwork, seconds, simulatedIdentity, since } from "../../sim/index.ts";
import {
  type ClientSession,
  createTlsClient,
  createTlsServer,
  MemoryStrikeRegister,
  type StrikeRegister,
  TicketKeys,
} from "../../tls/index.ts";
import type { Run } from "../experiment.ts";

const CLIENT = { family: 4, host: "10.0.0.1", port: 50_000 } as const;
const SERVER = { family: 4, host: "10.0.0.2", port: 443 } as const;
const MAX_TIME = seconds(60);
const REQUEST = new Uint8Array(100);
const RESPONSE = new Uint8Array(1_000);
/** Identifies the configuration that early data relies on. */
const EARLY_CONTEXT = new Uint8Array([1]);
/** A server that accepts no early data. */
const REFUSING: StrikeRegister = { claim: () => false };

export interface VisitOptions extends Run {
  /** One way. */
  readonly delay: Micros;
  /** The version of the client's first flight. */
  readonly version: number;
  /** The client's versions in its order of preference; by default both, version 1 first. */
  readonly clientVersions?: readonly number[];
  /** The server's versions; by default both, and the client's order decides. */
  readonly serverVersions?: readonly number[];
  readonly serverGroups?: readonly ["secp256r1"];
  readonly retry?: boolean;
  /** Bytes of further certificates in the server's chain. */
  readonly chain?: number;
  /** Measures a second connection, with what the client kept of the first. */
  readonly kept?: {
    readonly token?: boolean;
    readonly session?: boolean;
    readonly earlyData?: "accepted" | "rejected";
  };
}

export interface VisitFigures {
  /** From the first flight to the request, and to the first byte of the response. */
  readonly request: Micros;
  readonly response: Micros;
  /** The version of the request's packets. */
  readonly version: number;
  readonly resumed: boolean;
  readonly acceptedEarlyData: boolean;
}

interface Kept {
  session: ClientSession | undefined;
  token: Uint8Array | undefined;
}

export function visit(options: VisitOptions): VisitFigures {
  const { seed, engine, delay, kept: wanted } = options;
  const rng = new SeededRng(seed);
  const server = createServer(options, rng);
  const client = new Endpoint({ config: connectionConfig({ engine, rng, versions: options.clientVersions }) });
  const kept: Kept = { session: undefined, token: undefined };
  let visits = wanted === undefined ? 1 : 2;
  let startedAt = 0 as Instant;
  let requestAt: Instant | undefined;
  let responseAt: Instant | undefined;
  let current: Connection | undefined;

  const connect = (now: Instant, flight: { readonly version: number; readonly followsNegotiation?: boolean }): void => {
    const isSecond = kept.session !== undefined;
    current = client.connect(
      {
        local: CLIENT,
        remote: SERVER,
        ...flight,
        ...(isSecond && wanted?.token && { token: () => kept.token }),
        createTls: (transportParameters) =>
          createTlsClient({
            engine,
            rng,
            alpn: ["lab"],
            transportParameters,
            serverName: "server.test",
            ...(isSecond && (wanted?.session || wanted?.earlyData) && { session: kept.session }),
            earlyData: wanted?.earlyData !== undefined,
          }),
      },
      now,
    );
  };

  const onClientEvent = ({ connection, event }: EndpointEvent, now: Instant): void => {
    switch (event.type) {
      case "verify-certificate":
        connection.certificateVerdict(undefined, now);
        break;
      case "connected":
        requestAt ??= now;
        connection.write(connection.openStream("bidi")!, REQUEST, true);
        break;
      case "stream-readable":
        if (visits === 1) responseAt ??= now;
        while (connection.read(event.id) !== undefined);
        break;
      case "session":
        kept.session = event.session;
        break;
      case "new-token":
        kept.token = event.token;
        break;
      case "closed":
        // RFC 9368 §2.1: another attempt, with a version that both have.
        if (event.reason.type === "version-negotiation")
          connect(now, { version: event.reason.next!, followsNegotiation: true });
    }
  };

  const startNext = (now: Instant): void => {
    if (visits < 2 || kept.session === undefined || kept.token === undefined) return;
    visits = 1;
    startedAt = now;
    requestAt = undefined;
    connect(now, { version: options.version });
  };

  connect(startedAt, { version: options.version });
  const network = new SimulatedNetwork({
    seed,
    network: [
      host({
        name: "client",
        address: CLIENT,
        machine: client,
        onEvent: onClientEvent,
        application: startNext,
      }),
      link({ delay }),
      host({ name: "server", address: SERVER, machine: server, onEvent: respond }),
    ],
  });
  network.run({ until: () => responseAt !== undefined, maxVirtualTime: MAX_TIME });
  return {
    request: since(startedAt, requestAt!),
    response: since(startedAt, responseAt!),
    version: current!.version,
    resumed: current!.handshakeFacts!.resumed,
    acceptedEarlyData: current!.handshakeFacts!.acceptedEarlyData,
  };
}

function createServer({ engine, retry, serverVersions, serverGroups, chain, kept }: VisitOptions, rng: SeededRng) {
  const own = simulatedIdentity();
  const identity = chain === undefined ? own : { ...own, chain: [...own.chain, new Uint8Array(chain)] };
  const register = kept?.earlyData === "rejected" ? REFUSING : new MemoryStrikeRegister();
  const tickets = {
    keys: new TicketKeys(engine, new Uint8Array(32), rng),
    earlyData: { context: EARLY_CONTEXT, register },
  };
  return new Endpoint({
    config: connectionConfig({ engine, rng, versions: serverVersions }),
    server: {
      retry: retry ? "always" : "never",
      createTls: (transportParameters, facts) =>
        createTlsServer({
          engine,
          rng,
          alpn: ["lab"],
          transportParameters,
          selectIdentity: () => identity,
          tickets: { ...tickets, binding: facts.version },
          ...(serverGroups && { groups: serverGroups }),
        }),
    },
  });
}

function respond({ connection, event }: EndpointEvent): void {
  if (event.type !== "stream-readable") return;
  for (let piece = connection.read(event.id); piece !== undefined; piece = connection.read(event.id)) {
    if (piece.fin) connection.write(event.id, RESPONSE, true);
  }
}
