/** Events that the cases of the interop runner do not have: any frame, any end of a connection, unusual HTTP/3. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Instant } from "../../src/base/time.ts";
import type { H3TraceEvent, TracedFrame } from "../../src/h3/index.ts";
import type { ConnectionTraceEvent } from "../../src/host/quic/tracing.ts";
import { anyFrame, code } from "../../src/quic/frame/testing/arbitraries.ts";
import { ConnectionId } from "../../src/quic/packet/index.ts";
import { DEFAULT_TRANSPORT_PARAMETERS } from "../../src/quic/params/index.ts";
import type { QuicTraceEvent } from "../../src/quic/trace.ts";
import type { CloseReason } from "../../src/quic/transport.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { runs } from "../properties/runs.ts";
import { Recordings } from "./recordings.ts";
import { eventsOf, problemsOf } from "./validate.ts";

const REMOTE = { family: 6, host: "2001:db8::1", port: 443 } as const;
const STARTED: QuicTraceEvent = {
  type: "quic:connection-started",
  role: "client",
  version: 1,
  local: undefined,
  remote: REMOTE,
  congestionControl: "cubic",
  timerGrain: 1_000 as never,
};
const NEGOTIATED: QuicTraceEvent = {
  type: "quic:negotiated",
  version: 1,
  alpn: "h3",
  cipherSuite: "TLS_AES_128_GCM_SHA256",
  group: "x25519",
  duration: 1 as never,
  resumed: false,
  acceptedEarlyData: false,
};

/** Checks the recording in both dialects. Returns the events of the given ones. */
function recorded(...events: readonly ConnectionTraceEvent[]) {
  const recordings = new Recordings();
  const trace = recordings.trace(ConnectionId.from(new Uint8Array(8)), "client")!;
  trace(STARTED, 0 as Instant);
  const before = eventsOf(recordings.all[0]!.files.rfc).length;
  for (const event of events) trace(event, 1_500 as Instant);
  const { files } = recordings.all[0]!;
  for (const dialect of ["rfc", "qvis"] as const) expect(problemsOf(files[dialect], dialect)).toEqual([]);
  return eventsOf(files.rfc).slice(before);
}

const packet = (frames: Extract<QuicTraceEvent, { type: "quic:packet-sent" }>["frames"]): QuicTraceEvent => ({
  type: "quic:packet-sent",
  level: EncryptionLevel.oneRtt,
  pathId: 0,
  packetNumber: 7,
  size: 1_200,
  header: {
    version: 0,
    destination: new Uint8Array(8),
    source: new Uint8Array(0),
    tokenLength: 0,
    packetNumberLength: 2,
    keyPhase: 1,
  },
  local: undefined,
  remote: REMOTE,
  ecn: 0,
  frames,
  isMtuProbe: false,
});

describe("QUIC", () => {
  test.each(["h3", "hq-interop"])("any frame in a packet (%s)", (alpn) => {
    fc.assert(
      fc.property(fc.array(anyFrame, { minLength: 1, maxLength: 5 }), (frames) => {
        const { data } = recorded({ ...NEGOTIATED, alpn }, packet(frames)).at(-1)!;
        expect(data.frames).toHaveLength(frames.length);
      }),
      { numRuns: runs(200) },
    );
  });

  const kinds: readonly CloseReason[] = [
    { type: "idle-timeout" },
    { type: "stateless-reset" },
    { type: "unanswered" },
    { type: "handshake-timeout" },
    { type: "version-negotiation", versions: [1], next: undefined },
  ];
  test.each(kinds)("a connection that ends by $type", (reason) => {
    const [event] = recorded({ type: "quic:connection-closed", reason });
    expect(event!.data.trigger).toBeDefined();
  });

  test("any code of an error", () => {
    const reason = fc.record({
      type: fc.constantFrom("local" as const, "peer" as const),
      layer: fc.constantFrom("transport" as const, "application" as const),
      code: fc.oneof(code, fc.integer({ min: 0, max: 0x1ff })),
      phrase: fc.string({ unit: "binary" }),
    });
    fc.assert(
      fc.property(reason, (given) => void recorded(NEGOTIATED, { type: "quic:connection-closed", reason: given })),
      { numRuns: runs(300) },
    );
  });

  test.each<[number, string]>([
    [0x0, "no_error"],
    [0x1, "internal_error"],
    [0xa, "protocol_violation"],
    [0x12f, "crypto_error_0x12f"],
    [0x11, "unknown"],
  ])("the name of the error %i", (number, name) => {
    const reason: CloseReason = { type: "peer", layer: "transport", code: number, phrase: "" };
    expect(recorded({ type: "quic:connection-closed", reason })[0]!.data.connection_error).toBe(name);
  });

  test("parameters with a preferred address, and a secret token that is not shown", () => {
    const statelessResetToken = new Uint8Array(16).fill(0xab);
    const preferredAddress = {
      ipv4: Uint8Array.of(192, 0, 2, 1),
      ipv4Port: 443,
      ipv6: new Uint8Array(16),
      ipv6Port: 443,
      connectionId: new Uint8Array(8).fill(1),
      statelessResetToken,
    };
    const limit = { initialMaxStreamsUni: 2 ** 60 };
    const parameters = { ...DEFAULT_TRANSPORT_PARAMETERS, ...limit, statelessResetToken, preferredAddress };
    const [event] = recorded({ type: "quic:parameters-set", initiator: "remote", parameters });
    expect(event!.data.preferred_address).toMatchObject({ ip_v4: "192.0.2.1", port_v4: 443 });
    expect(JSON.stringify(event)).not.toContain("abab");
  });

  test("addresses and ids that change with every packet are remembered up to a limit", () => {
    const base = packet([{ type: "ping" }]) as Extract<QuicTraceEvent, { type: "quic:packet-sent" }>;
    const at = (i: number): QuicTraceEvent => ({
      ...base,
      remote: { ...REMOTE, port: 1_000 + i },
      header: { ...base.header, destination: Uint8Array.of(9, 9, 9, i) },
    });
    const packets = Array.from({ length: 100 }, (_, i) => at(i));
    const events = recorded(...packets, at(99), at(0));
    const count = (wanted: string): number => events.filter(({ name }) => name === wanted).length;
    // The last one is known, and the first one forgotten.
    expect(count("quic:tuple_assigned")).toBe(101);
    expect(count("quic:connection_id_updated")).toBe(101);
  });

  test("what else can happen", () => {
    const { length } = recorded(
      { type: "quic:packet-buffered", level: EncryptionLevel.handshake, size: 100 },
      { type: "quic:packet-dropped", cause: "duplicate", size: 100, form: "retry" },
      { type: "quic:packet-dropped", cause: "invalid", size: 100, form: "unknown-version" },
      { type: "quic:retry-received", source: new Uint8Array(4), tokenLength: 20, size: 60 },
      { type: "quic:version-negotiation-received", versions: [0x6b3343cf, 0x1a2a3a4a], size: 40 },
      { type: "quic:datagram-dropped", remote: REMOTE, size: 100 },
      { type: "quic:datagram-data-moved", direction: "written", length: 5 },
      { type: "quic:datagram-data-moved", direction: "read", length: 5 },
      { type: "quic:spurious-loss", pathId: 0, space: 2, packetNumber: 3 },
      { type: "quic:persistent-congestion", pathId: 0 },
      { type: "quic:early-data", accepted: false },
      { type: "quic:path-validation", state: "failed", local: undefined, remote: { ...REMOTE, port: 1 } },
      { type: "quic:parameters-restored", parameters: DEFAULT_TRANSPORT_PARAMETERS },
      { type: "quic:connection-freed" },
    );
    // The address that is validated was not known.
    expect(length).toBe(15);
  });
});

describe("HTTP/3", () => {
  const frameOf = (frame: TracedFrame): H3TraceEvent => ({ type: "http3:frame-parsed", id: 4, frame });

  test("fields with any bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string({ unit: "binary" }))), (lines) => {
        const fields = lines.map(([name, value]) => [name, value.replace(/[^\0-\xff]/gu, "")] as const);
        const [event] = recorded(frameOf({ type: "headers", fields, length: 9 }));
        const { headers } = event!.data.frame as { headers: { value?: string; value_bytes?: string }[] };
        expect(
          headers.map(({ value, value_bytes }) => value ?? Buffer.from(value_bytes!, "hex").toString("latin1")),
        ).toEqual(fields.map(([, value]) => value));
      }),
      { numRuns: runs(200) },
    );
  });

  test("settings and types with numbers of 62 bits", () => {
    const huge = { high: 0x3fff_ffff, low: 0xffff_ffff };
    const [settings] = recorded(
      frameOf({
        type: "settings",
        length: 30,
        settings: [
          { id: 0x33, value: 1 },
          { id: 0x21, value: huge },
          { id: huge, value: 0 },
        ],
      }),
    );
    expect((settings!.data.frame as { settings: unknown }).settings).toEqual([
      { name: "settings_h3_datagram", value: 1 },
      { name: "reserved", value: "4611686018427387903" },
      { name: "unknown", name_bytes: "4611686018427387903", value: 0 },
    ]);
  });

  test("what else can happen", () => {
    const settings = {
      qpackMaxTableCapacity: 0,
      maxFieldSectionSize: Number.POSITIVE_INFINITY,
      qpackBlockedStreams: 0,
      enableConnectProtocol: true,
      h3Datagram: true,
    };
    const events = recorded(
      frameOf({ type: "goaway", id: 8 }),
      frameOf({ type: "max-push-id", id: 8 }),
      frameOf({ type: "unknown", number: 0x4d, length: 3 }),
      { type: "http3:stream-type-set", id: 15, initiator: "remote", streamType: "unknown", number: 0x41 },
      { type: "http3:stream-type-set", id: 19, initiator: "remote", streamType: "reserved", number: 0x21 },
      { type: "http3:parameters-set", initiator: "remote", settings },
      { type: "http3:parameters-restored", settings },
    );
    expect(events.at(-1)!.data).toEqual({
      max_table_capacity: 0,
      blocked_streams_count: 0,
      extended_connect: 1,
      h3_datagram: 1,
    });
  });
});
