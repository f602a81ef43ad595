/**
 * A client that finds its way: our stub resolver, our Happy Eyeballs and our QUIC, over datagrams of one simulated host. A
 * visit is a race for one host, then a request on the connection that won.
 */

import {
  type Endpoint as Place,
  Race,
  type RaceCommand,
  readServices,
  type ServiceInfo,
  type Transport,
} from "../../agent/index.ts";
import {
  type DatagramMachine,
  ReceivedBatch,
  type SlotWriter,
  type SocketAddress,
  type Transmit,
} from "../../base/datagrams.ts";
import type { Rng } from "../../base/rng.ts";
import { earliest, type Instant, millis } from "../../base/time.ts";
import { type Answer, RECORD_TYPES, StubResolver } from "../../dns/index.ts";
import { type Connection, connectionConfig, Endpoint, type EndpointEvent, VERSION_1 } from "../../quic/index.ts";
import { SeededRng } from "../../sim/index.ts";
import { createTlsClient } from "../../tls/index.ts";
import type { Run } from "../experiment.ts";
import { Outbox } from "./outbox.ts";
import { Flight, flightBytes, TCP_PORT } from "./tcp-model.ts";

const address = (port: number): SocketAddress => ({ family: 4, host: "10.0.0.1", port });
export const QUIC_ADDRESS = address(50_000);
export const TCP_ADDRESS = address(50_001);
export const DNS_ADDRESS = address(50_002);
export const NAME_SERVER: SocketAddress = { family: 4, host: "10.0.0.53", port: 53 };

/** The defaults of RFC 8305 §8. */
const RESOLUTION_DELAY = millis(50);
const ATTEMPT_DELAY = millis(250);
const REQUEST = new Uint8Array(100);

export interface BrowserOptions extends Run {
  /** Asks for HTTPS records. */
  readonly usesRecords: boolean;
  /** What it tries without a record, the best first. */
  readonly transports: readonly Transport[];
  /** Versions of QUIC, the best first. */
  readonly versions: readonly number[];
}

export interface VisitOptions {
  readonly host: string;
  /** Told what HTTPS records say. */
  readonly onServices?: (info: ServiceInfo, now: Instant) => void;
  /** The first byte of the response. */
  readonly onFirstByte?: (now: Instant) => void;
}

/** One host: its race, and the request once it is connected and wanted. */
export class Visit {
  readonly race: Race;
  readonly options: VisitOptions;
  /** By attempt. */
  readonly attempts: { readonly place: Place; connection: Connection | undefined }[] = [];
  isWanted = false;
  isRequested = false;
  firstByteAt: Instant | undefined;

  constructor(race: Race, options: VisitOptions) {
    this.race = race;
    this.options = options;
  }

  /** The attempt that won, once there is one. */
  get winner(): { readonly place: Place; readonly connection: Connection | undefined } | undefined {
    const { outcome } = this.race;
    return outcome?.type === "connected" ? this.attempts[outcome.attempt] : undefined;
  }
}

interface AskedRecord {
  readonly visit: Visit;
  readonly record: "A" | "AAAA" | "HTTPS";
  readonly name: string;
}

export class Browser implements DatagramMachine<never> {
  onReady: (() => void) | undefined;
  readonly #options: BrowserOptions;
  readonly #rng: Rng;
  readonly #resolver: StubResolver;
  readonly #endpoint: Endpoint;
  readonly #outbox = new Outbox();
  readonly #visits: Visit[] = [];
  readonly #asked = new Map<number, AskedRecord>();
  readonly #exchanges = new Set<number>();
  readonly #byConnection = new Map<Connection, { readonly visit: Visit; readonly attempt: number }>();

  constructor(options: BrowserOptions) {
    this.#options = options;
    const { seed, engine, versions } = options;
    this.#rng = new SeededRng(seed);
    const server = { protocol: "udp", address: NAME_SERVER.host, port: NAME_SERVER.port } as const;
    this.#resolver = new StubResolver({ servers: [server], rng: this.#rng });
    this.#endpoint = new Endpoint({ config: connectionConfig({ engine, rng: this.#rng, versions }) });
  }

  /** Connects to a host, and sends a request if `isWanted`. */
  visit(options: VisitOptions, isWanted: boolean, now: Instant): Visit {
    const { usesRecords, transports } = this.#options;
    const race = new Race({
      version: 3,
      host: options.host,
      port: 443,
      alpn: transports.includes("quic") ? ["h3", "h2", "http/1.1"] : ["h2", "http/1.1"],
      transports,
      usesRecords,
      isDnsProtected: false,
      families: { ipv4: true, ipv6: false },
      nat64: undefined,
      resolutionDelay: RESOLUTION_DELAY,
      attemptDelay: ATTEMPT_DELAY,
      headStart: ATTEMPT_DELAY,
      preferredCount: 1,
      rng: this.#rng,
    });
    const visit = new Visit(race, options);
    visit.isWanted = isWanted;
    this.#visits.push(visit);
    race.start(now);
    this.#run(now);
    return visit;
  }

  /** A connection that was opened in advance is wanted now. */
  want(visit: Visit, now: Instant): void {
    visit.isWanted = true;
    this.#run(now);
  }

  handleBatch(received: ReceivedBatch, now: Instant): void {
    const quic = new ReceivedBatch(received.arena, received.offset.length);
    for (let i = 0; i < received.count; i += 1) {
      const [local, remote] = [received.local[i]!, received.remote[i]!];
      const [from, length] = [received.offset[i]!, received.length[i]!];
      if (local.port === DNS_ADDRESS.port) this.#handleResponse(received.arena.slice(from, from + length), now);
      else if (local.port === TCP_ADDRESS.port) this.#handleFlight(received.arena[from] as Flight, remote, now);
      else quic.add(from, length, local, remote, received.ecn[i] as never);
    }
    if (quic.count > 0) this.#endpoint.handleBatch(quic, now);
    this.#run(now);
  }

  /** Ids and names tell the resolver which exchange a response belongs to. */
  #handleResponse(bytes: Uint8Array, now: Instant): void {
    for (const exchange of [...this.#exchanges]) this.#resolver.handleResponse(exchange, bytes, now);
  }

  #handleFlight(flight: Flight, remote: SocketAddress, now: Instant): void {
    for (const visit of this.#visits) {
      const attempt = visit.attempts.findIndex(
        ({ place }) => place.transport === "tcp" && place.address === remote.host,
      );
      if (attempt < 0) continue;
      if (flight === Flight.syn) {
        visit.race.handleProgress(attempt, now);
        this.#sendFlight(Flight.hello, remote.host);
      } else if (flight === Flight.hello) visit.race.handleConnected(attempt, now);
      else this.#handleFirstByte(visit, now);
    }
  }

  #handleFirstByte(visit: Visit, now: Instant): void {
    if (visit.firstByteAt !== undefined) return;
    visit.firstByteAt = now;
    visit.options.onFirstByte?.(now);
  }

  #sendFlight(flight: Flight, host: string): void {
    this.#outbox.push(TCP_ADDRESS, { family: 4, host, port: TCP_PORT }, flightBytes(flight));
  }

  handleTimeout(now: Instant): void {
    this.#resolver.handleTimeout(now);
    for (const { race } of this.#visits) race.handleTimeout(now);
    this.#endpoint.handleTimeout(now);
    this.#run(now);
  }

  nextTimeout(): Instant | undefined {
    const least = this.#visits.reduce<Instant | undefined>(
      (found, { race }) => earliest(found, race.nextTimeout()),
      earliest(this.#resolver.nextTimeout(), this.#endpoint.nextTimeout()),
    );
    return least;
  }

  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    return this.#outbox.poll(slots) ?? this.#endpoint.pollTransmit(slots, maxSegments, now);
  }

  handleSent(transmit: Transmit, sent: number, now: Instant): void {
    if (!this.#outbox.has(transmit)) this.#endpoint.handleSent(transmit, sent, now);
  }

  pollEvent(): undefined {
    return undefined;
  }

  pollCommand(): undefined {
    return undefined;
  }

  /** Passes on what each machine has for the others, until none has anything. */
  #run(now: Instant): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (let next = this.#endpoint.pollEvent(); next !== undefined; next = this.#endpoint.pollEvent()) {
        this.#handleEvent(next, now);
        isBusy = true;
      }
      for (let next = this.#resolver.pollCommand(); next !== undefined; next = this.#resolver.pollCommand()) {
        if (next.type === "close") this.#exchanges.delete(next.exchange);
        else {
          this.#exchanges.add(next.exchange);
          this.#outbox.push(DNS_ADDRESS, NAME_SERVER, next.message);
        }
      }
      for (let next = this.#resolver.pollEvent(); next !== undefined; next = this.#resolver.pollEvent()) {
        this.#handleAnswer(next.handle, next.answer, now);
        isBusy = true;
      }
      for (const visit of this.#visits) {
        for (let next = visit.race.pollCommand(); next !== undefined; next = visit.race.pollCommand()) {
          this.#perform(visit, next, now);
          isBusy = true;
        }
        this.#considerRequest(visit);
      }
    }
  }

  #handleAnswer(handle: number, answer: Answer, now: Instant): void {
    const asked = this.#asked.get(handle);
    this.#asked.delete(handle);
    if (asked === undefined) return;
    const { visit, record, name } = asked;
    const records = answer.kind === "records" ? answer.records : [];
    if (record === "HTTPS") {
      const alpn = this.#options.transports.includes("quic") ? ["h3", "h2", "http/1.1"] : ["h2", "http/1.1"];
      const info = readServices(records, alpn, this.#rng);
      visit.race.handleServices(name, info, now);
      visit.options.onServices?.(info, now);
      return;
    }
    const addresses = records.flatMap(({ data }) => (data.type === "A" || data.type === "AAAA" ? [data.address] : []));
    visit.race.handleAddresses(record, name, addresses, now);
  }

  #perform(visit: Visit, command: RaceCommand, now: Instant): void {
    if (command.type === "query") {
      const { record, name } = command;
      this.#asked.set(this.#resolver.ask(name, RECORD_TYPES[record].number, now), { visit, record, name });
    } else if (command.type === "start") {
      const { attempt, endpoint } = command;
      visit.attempts[attempt] = { place: endpoint, connection: undefined };
      if (endpoint.transport === "quic") this.#connect(visit, attempt, now);
      else this.#sendFlight(Flight.syn, endpoint.address);
    }
  }

  /** RFC 9368 §2.1: after a Version Negotiation, another first flight, in a version that both have. */
  #connect(visit: Visit, attempt: number, now: Instant, next?: number): void {
    const { engine, versions } = this.#options;
    const { place } = visit.attempts[attempt]!;
    // The record's order counts: the server has those versions, and knows which one suits it.
    const known = place.quicv.find((each) => versions.includes(each));
    const connection = this.#endpoint.connect(
      {
        local: QUIC_ADDRESS,
        remote: { family: 4, host: place.address, port: place.port },
        version: next ?? known ?? versions[0] ?? VERSION_1,
        ...(next === undefined ? {} : { followsNegotiation: true }),
        createTls: (transportParameters) =>
          createTlsClient({
            engine,
            rng: this.#rng,
            alpn: ["h3"],
            transportParameters,
            serverName: visit.options.host,
          }),
      },
      now,
    );
    visit.attempts[attempt]!.connection = connection;
    this.#byConnection.set(connection, { visit, attempt });
  }

  #handleEvent({ connection, event }: EndpointEvent, now: Instant): void {
    const { visit, attempt } = this.#byConnection.get(connection)!;
    switch (event.type) {
      case "verify-certificate":
        connection.certificateVerdict(undefined, now);
        break;
      case "connected":
        visit.race.handleConnected(attempt, now);
        break;
      case "stream-readable":
        this.#handleFirstByte(visit, now);
        while (connection.read(event.id) !== undefined);
        break;
      case "closed":
        if (event.reason.type === "version-negotiation" && event.reason.next !== undefined)
          this.#connect(visit, attempt, now, event.reason.next);
        else visit.race.handleFailed(attempt, new Error(event.reason.type), false, now);
    }
  }

  #considerRequest(visit: Visit): void {
    const { winner } = visit;
    if (winner === undefined || !visit.isWanted || visit.isRequested) return;
    visit.isRequested = true;
    const { connection, place } = winner;
    if (connection === undefined) this.#sendFlight(Flight.request, place.address);
    else connection.write(connection.openStream("bidi")!, REQUEST, true);
  }
}
