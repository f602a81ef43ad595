/**
 * QUIC's trace events as qlog events (draft-ietf-quic-qlog-quic-events). Also derives what single events do not tell: a
 * value before it changed, connection ids and addresses that packets show, and the states that follow from packets.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import type { PacketForm } from "../../quic/packet/header.ts";
import type { QuicTraceEvent } from "../../quic/trace.ts";
import type { StreamId } from "../../quic/transport.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import { toHex } from "../../wire/hex.ts";
import type { Emit } from "./event.ts";
import { type FrameContext, frameOf } from "./frames.ts";
import { closedData } from "./quic-close.ts";
import { parametersData, restoredParameters } from "./quic-parameters.ts";
import { endpointOf, SeenAddresses, SeenIds } from "./seen.ts";
import { milliseconds, type QlogObject, versionHex } from "./values.ts";

type Of<Type> = Extract<QuicTraceEvent, { type: Type }>;
type Packet = Of<"quic:packet-sent"> | Of<"quic:packet-received">;
type Metrics = Of<"quic:recovery-metrics-updated">;

const PACKET_TYPES = ["initial", "0RTT", "handshake", "1RTT"] as const;
const SPACE_TYPES = ["initial", "handshake", "1RTT"] as const;
const SPACE_NAMES = ["initial", "handshake", "application_data"] as const;
const KEY_NAMES = ["initial", "0rtt", "handshake", "1rtt"] as const;
const FORM_TYPES: Readonly<Record<PacketForm, string>> = {
  initial: "initial",
  "zero-rtt": "0RTT",
  handshake: "handshake",
  retry: "retry",
  "one-rtt": "1RTT",
  "version-negotiation": "version_negotiation",
  "unknown-version": "unknown",
};

const snake = (name: string): string => name.replaceAll("-", "_");

/** Between what data moves that the application writes or reads. */
const endsOf = (direction: "written" | "read"): QlogObject =>
  direction === "written" ? { from: "application", to: "transport" } : { from: "transport", to: "application" };

export class QuicEvents {
  readonly #emit: Emit;
  #role: "client" | "server" = "client";
  #isHttp3 = false;
  /** Exponents of ack_delay, of both sides. */
  readonly #ackDelayExponents = { local: 3, remote: 3 };
  readonly #versions: { local?: readonly number[]; remote?: readonly number[] } = {};
  /** The latest states and values, by name. */
  readonly #latest = new Map<string, unknown>();
  /** Connection ids that each side has used. */
  readonly #ids = { local: new SeenIds(), remote: new SeenIds() };
  readonly #addresses = new SeenAddresses((data) => this.#quic("tuple_assigned", data));
  /** How many bytes the application has written to and read from each stream. */
  readonly #moved = new Map<StreamId, { written: number; read: number }>();
  /** The largest packet number of a 0-RTT packet that was sent. */
  #largestZeroRtt = -1;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  handle(event: QuicTraceEvent): void {
    switch (event.type) {
      case "quic:packet-sent":
      case "quic:packet-received":
        this.#packet(event);
        break;
      case "quic:packet-buffered":
        this.#quic("packet_buffered", {
          header: { packet_type: PACKET_TYPES[event.level] },
          raw: { length: event.size },
          trigger: "keys_unavailable",
        });
        break;
      case "quic:packet-dropped":
        this.#quic("packet_dropped", {
          ...(event.form === undefined ? {} : { header: { packet_type: FORM_TYPES[event.form] } }),
          raw: { length: event.size },
          trigger: snake(event.cause),
        });
        break;
      case "quic:datagram-dropped":
        this.#quic("udp_datagram_dropped", { raw: { length: event.size } });
        break;
      case "quic:retry-received":
        this.#quic("packet_received", {
          header: {
            packet_type: "retry",
            scid: toHex(event.source),
            token: { type: "retry", raw: { length: event.tokenLength } },
          },
          raw: { length: event.size },
        });
        break;
      case "quic:version-negotiation-received":
        this.#quic("packet_received", {
          header: { packet_type: "version_negotiation" },
          supported_versions: event.versions.map(versionHex),
          raw: { length: event.size },
        });
        break;
      case "quic:migrated":
        this.#migration("migration_complete", event.local, event.remote);
        break;
      case "quic:path-validation":
        this.#migration(VALIDATION_STATES[event.state], event.local, event.remote);
        break;
      case "quic:packet-lost":
        this.#quic("packet_lost", {
          header: { packet_type: this.#typeIn(event.space, event.packetNumber), packet_number: event.packetNumber },
          ...(event.isMtuProbe ? { is_mtu_probe_packet: true } : {}),
          trigger: snake(event.cause),
        });
        break;
      case "quic:packets-acked":
        this.#quic("packets_acked", {
          packet_number_space: SPACE_NAMES[event.space],
          packet_numbers: event.packetNumbers,
        });
        break;
      case "quic:spurious-loss": {
        const type = this.#typeIn(event.space, event.packetNumber);
        this.#info(`${type} packet ${event.packetNumber} was declared lost, but has arrived`);
        break;
      }
      case "quic:persistent-congestion":
        this.#congestion("persistent_congestion", "persistent_congestion");
        break;
      case "quic:probe-timeout":
        this.#latest.set("pto_count", event.ptoCount);
        this.#quic("recovery_metrics_updated", { pto_count: event.ptoCount });
        break;
      case "quic:timer-updated":
        this.#quic("timer_updated", {
          timer_type: event.timer,
          packet_number_space: SPACE_NAMES[event.space],
          event_type: event.state,
          ...(event.state === "set" ? { delta: milliseconds(event.delay) } : {}),
        });
        break;
      case "quic:recovery-metrics-updated":
        this.#metrics(event);
        break;
      case "quic:mtu-updated": {
        const old = this.#change("mtu", event.size);
        this.#quic("mtu_updated", { ...old, new: event.size });
        break;
      }
      case "quic:stream-opened":
        this.#streamState(event.id, "open", event.isLocal ? "local" : "remote");
        break;
      case "quic:stream-closed":
        this.#moved.delete(event.id);
        this.#streamState(event.id, "destroyed");
        break;
      case "quic:stream-data-blocked-updated": {
        const name = `stream ${event.id} blocked`;
        const reason = event.isBlocked ? "stream-flow-control" : undefined;
        this.#quic("stream_data_blocked_updated", { stream_id: event.id, ...this.#blocked(name, reason) });
        if (!event.isBlocked) this.#latest.delete(name);
        break;
      }
      case "quic:connection-data-blocked-updated":
        this.#quic("connection_data_blocked_updated", this.#blocked("connection blocked", event.reason));
        break;
      case "quic:datagram-data-blocked-updated":
        this.#quic("datagram_data_blocked_updated", this.#blocked("datagrams blocked", event.reason));
        break;
      case "quic:stream-data-moved":
        this.#dataMoved(event);
        break;
      case "quic:datagram-data-moved":
        this.#quic("datagram_data_moved", {
          ...endsOf(event.direction),
          raw: { payload_length: event.length },
        });
        break;
      case "quic:connection-started":
        this.#started(event);
        break;
      case "quic:version-negotiated":
        this.#versionInformation(event.version);
        break;
      case "quic:connection-state-updated":
        this.#state(snake(event.state));
        break;
      case "quic:parameters-set":
        this.#parameters(event);
        break;
      case "quic:parameters-restored":
        this.#quic("parameters_restored", restoredParameters(event.parameters));
        break;
      case "quic:negotiated":
        this.#negotiated(event);
        break;
      case "quic:key-updated":
        this.#quic("key_updated", {
          key_type: this.#keyType(event.level, event.direction),
          ...(event.level === EncryptionLevel.oneRtt ? { key_phase: event.generation } : {}),
          trigger: event.cause === "tls" ? "tls" : `${event.cause}_update`,
        });
        break;
      case "quic:key-discarded":
        for (const direction of ["read", "write"] as const) {
          this.#quic("key_discarded", { key_type: this.#keyType(event.level, direction), trigger: "tls" });
        }
        break;
      case "quic:early-data":
        this.#info(`early data was ${event.accepted ? "accepted" : "rejected"}`);
        break;
      case "quic:connection-closed":
        this.#quic("connection_closed", closedData(event.reason, this.#isHttp3));
        break;
      case "quic:connection-freed":
        this.#state("closed");
        break;
    }
  }

  #quic(name: string, data: QlogObject, tuple?: string): void {
    this.#emit({ name: `quic:${name}`, data, ...(tuple === undefined ? {} : { tuple }) });
  }

  #info(message: string): void {
    this.#emit({ name: "loglevel:info", data: { message } });
  }

  /** Remembers a value. Returns the one before as `old`, if there was one. */
  #change(name: string, value: unknown): { readonly old?: unknown } {
    const old = this.#latest.get(name);
    this.#latest.set(name, value);
    return old === undefined ? {} : { old };
  }

  #blocked(name: string, reason: string | undefined): QlogObject {
    const state = reason === undefined ? "unblocked" : "blocked";
    return { ...this.#change(name, state), new: state, ...(reason === undefined ? {} : { reason: snake(reason) }) };
  }

  #keyType(level: EncryptionLevel, direction: "read" | "write"): string {
    const isClient = (this.#role === "client") === (direction === "write");
    return `${isClient ? "client" : "server"}_${KEY_NAMES[level]}_secret`;
  }

  #state(state: string): void {
    if (this.#latest.get("state") === state) return;
    const old = this.#change("state", state);
    this.#quic("connection_state_updated", { ...old, new: state });
  }

  #streamState(id: StreamId, state: string, trigger?: "local" | "remote"): void {
    // RFC 9000 §2.1.
    const isUni = (id & 2) !== 0;
    const isLocal = ((id & 1) !== 0) === (this.#role === "server");
    const sides = !isUni ? ["sending", "receiving"] : isLocal ? ["sending"] : ["receiving"];
    for (const side of sides) {
      this.#quic("stream_state_updated", {
        stream_id: id,
        stream_type: isUni ? "unidirectional" : "bidirectional",
        new: state,
        stream_side: side,
        ...(trigger === undefined ? {} : { trigger }),
      });
    }
  }

  #dataMoved({ id, direction, length, fin }: Of<"quic:stream-data-moved">): void {
    const moved = this.#moved.get(id) ?? { written: 0, read: 0 };
    this.#moved.set(id, moved);
    this.#quic("stream_data_moved", {
      stream_id: id,
      offset: moved[direction],
      ...endsOf(direction),
      ...(fin ? { additional_info: "fin_set" } : {}),
      raw: { payload_length: length },
    });
    moved[direction] += length;
  }

  #started({ role, version, local, remote, congestionControl, timerGrain }: Of<"quic:connection-started">): void {
    this.#role = role;
    this.#addresses.start(local, remote);
    this.#quic("connection_started", { local: endpointOf(local), remote: endpointOf(remote) });
    this.#quic("version_information", { chosen_version: versionHex(version) });
    this.#state("attempted");
    // RFC 9002 Appendix A.2, B.1.
    this.#quic("recovery_parameters_set", {
      reordering_threshold: 3,
      time_threshold: 9 / 8,
      timer_granularity: Math.max(1, Math.round(milliseconds(timerGrain))),
      initial_rtt: 333,
      max_datagram_size: 1_200,
      initial_congestion_window: 12_000,
      minimum_congestion_window: 2_400,
      persistent_congestion_threshold: 3,
    });
    this.#info(`congestion control: ${congestionControl}`);
  }

  // ── Packets ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #packet(packet: Packet): void {
    const { level, header, size, frames } = packet;
    const isSent = packet.type === "quic:packet-sent";
    if (isSent && level === EncryptionLevel.zeroRtt) this.#largestZeroRtt = packet.packetNumber;
    if (level === EncryptionLevel.handshake && this.#latest.get("state") === "attempted") {
      this.#state("handshake_started");
    }
    const tuple = this.#addresses.idOf(packet.local, packet.remote);
    this.#seeIds(packet, isSent);
    const context: FrameContext = {
      ackDelayExponent: isSent ? this.#ackDelayExponents.local : this.#ackDelayExponents.remote,
      isHttp3: this.#isHttp3,
    };
    const isLong = level !== EncryptionLevel.oneRtt;
    const data = {
      header: {
        packet_type: PACKET_TYPES[level],
        packet_number: packet.packetNumber,
        packet_number_length: header.packetNumberLength,
        ...(isLong ? {} : { key_phase_bit: header.keyPhase === 1 }),
        ...(header.tokenLength === 0 ? {} : { token: { raw: { length: header.tokenLength } } }),
        ...(isLong ? { version: versionHex(header.version), ...idsOf(header) } : { dcid: toHex(header.destination) }),
      },
      frames: frames.map((frame) => frameOf(frame, context)),
      raw: { length: size },
      ...(packet.type === "quic:packet-sent" && packet.isMtuProbe ? { is_mtu_probe_packet: true } : {}),
    };
    this.#quic(isSent ? "packet_sent" : "packet_received", data, tuple === "" ? undefined : tuple);
  }

  /** A peer chooses the ids that packets to it carry. */
  #seeIds({ header }: Packet, isSent: boolean): void {
    this.#seeId(isSent ? "remote" : "local", header.destination);
    if (header.source.length > 0) this.#seeId(isSent ? "local" : "remote", header.source);
  }

  #seeId(initiator: "local" | "remote", bytes: Uint8Array): void {
    const change = this.#ids[initiator].use(bytes);
    if (change !== undefined) this.#quic("connection_id_updated", { initiator, ...change });
  }

  #migration(state: string, local: SocketAddress | undefined, remote: SocketAddress): void {
    const tuple = this.#addresses.idOf(local, remote);
    this.#quic("migration_state_updated", { new: state, tuple_id: tuple });
  }

  /** 0-RTT and 1-RTT packets share a space, and 0-RTT packets come first. */
  #typeIn(space: 0 | 1 | 2, packetNumber: number): string {
    return space === 2 && packetNumber <= this.#largestZeroRtt ? "0RTT" : SPACE_TYPES[space];
  }

  // ── Recovery ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #metrics(event: Metrics): void {
    const { congestionState, ecn } = event;
    const values: Readonly<Record<string, number>> = {
      min_rtt: milliseconds(event.minRtt),
      smoothed_rtt: milliseconds(event.smoothedRtt),
      latest_rtt: milliseconds(event.latestRtt),
      rtt_variance: milliseconds(event.rttVariance),
      pto_count: event.ptoCount,
      congestion_window: event.congestionWindow,
      bytes_in_flight: event.bytesInFlight,
      ssthresh: Math.floor(event.ssthresh),
      pacing_rate: Math.round(event.pacingRate * 8e6),
    };
    const changed: Record<string, number> = {};
    for (const [name, value] of Object.entries(values)) {
      // The slow start threshold is infinite before the first congestion event.
      if (!Number.isFinite(value) || this.#latest.get(name) === value) continue;
      this.#latest.set(name, value);
      changed[name] = value;
    }
    if (Object.keys(changed).length > 0) this.#quic("recovery_metrics_updated", changed);
    this.#congestion(snake(congestionState));
    if (ecn === "off" || this.#latest.get("ecn") === ecn) return;
    const old = this.#change("ecn", ecn);
    this.#quic("ecn_state_updated", { ...old, new: ecn });
  }

  #congestion(state: string, trigger?: string): void {
    if (this.#latest.get("congestion") === state) return;
    const old = this.#change("congestion", state);
    this.#quic("congestion_state_updated", { ...old, new: state, ...(trigger === undefined ? {} : { trigger }) });
  }

  // ── The handshake ─────────────────────────────────────────────────────────────────────────────────────────────────

  #parameters({ initiator, parameters }: Of<"quic:parameters-set">): void {
    this.#ackDelayExponents[initiator] = parameters.ackDelayExponent ?? 3;
    const versions = parameters.versionInformation?.available;
    if (versions !== undefined) this.#versions[initiator] = versions;
    this.#quic("parameters_set", { initiator, ...parametersData(parameters) });
  }

  #versionInformation(chosen: number): void {
    const { local, remote } = this.#versions;
    const [client, server] = this.#role === "client" ? [local, remote] : [remote, local];
    this.#quic("version_information", {
      ...(server === undefined ? {} : { server_versions: server.map(versionHex) }),
      ...(client === undefined ? {} : { client_versions: client.map(versionHex) }),
      chosen_version: versionHex(chosen),
    });
  }

  #negotiated({ version, alpn, cipherSuite, resumed, acceptedEarlyData }: Of<"quic:negotiated">): void {
    this.#isHttp3 = alpn === "h3";
    this.#versionInformation(version);
    this.#quic("alpn_information", { chosen_alpn: { string_value: alpn } });
    this.#quic("parameters_set", {
      tls_cipher: cipherSuite.replace(/^TLS_/, ""),
      resumption_allowed: resumed,
      early_data_enabled: acceptedEarlyData,
    });
  }
}

const VALIDATION_STATES = {
  started: "probing_started",
  succeeded: "probing_successful",
  failed: "probing_abandoned",
} as const;

const idsOf = ({ source, destination }: Packet["header"]): QlogObject => ({
  scil: source.length,
  dcil: destination.length,
  scid: toHex(source),
  dcid: toHex(destination),
});
