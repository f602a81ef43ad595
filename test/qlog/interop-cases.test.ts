/**
 * The recordings of both sides, in both dialects, of every case of the public interop runner in virtual time. NAGARE_SEEDS=a,b,c
 * runs only those seeds.
 */

import { describe, expect, test } from "vitest";
import { portableEngine } from "../../src/crypto/portable/index.ts";
import { ALL_SEEDS } from "../properties/seeds.ts";
import { CASES, optionsOf } from "../simulator/interop-runner/cases.ts";
import { runCase } from "../simulator/interop-runner/run.ts";
import { Recordings } from "./recordings.ts";
import { eventsOf, problemsOf, type QlogRecord } from "./validate.ts";

const seeds = process.env.NAGARE_SEEDS?.split(",").map(Number) ?? [1];

function record(name: string, seed: number): Recordings {
  const one = CASES.find((each) => each.name === name)!;
  const recordings = new Recordings();
  const options = { ...optionsOf(one, one.pureFiles ?? one.files), trace: recordings.trace };
  runCase(options, portableEngine, seed);
  return recordings;
}

/** Events that only some cases have. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  transfer: [
    "quic:packet_sent mtu probe",
    "quic:mtu_updated",
    "quic:stream_data_blocked_updated blocked",
    "quic:stream_data_blocked_updated unblocked",
    "quic:connection_data_blocked_updated congestion_control",
    "quic:connection_data_blocked_updated pacing",
    "quic:connection_data_blocked_updated unblocked",
  ],
  multiplexing: ["quic:connection_data_blocked_updated stream_id"],
  amplificationlimit: ["quic:connection_data_blocked_updated amplification_protection"],
  retry: ["quic:packet_received retry"],
  zerortt: ["quic:parameters_restored", "quic:packet_sent 0RTT", "quic:packet_received 0RTT"],
  http3: [
    "http3:parameters_set",
    "http3:stream_type_set",
    "http3:frame_created headers",
    "http3:frame_created data",
    "http3:frame_created settings",
    "http3:frame_parsed headers",
    "http3:frame_parsed data",
    "http3:frame_parsed settings",
    "http3:frame_parsed reserved",
  ],
  blackhole: ["quic:timer_updated expired pto"],
  keyupdate: ["quic:key_updated local_update", "quic:key_updated remote_update"],
  ecn: ["quic:ecn_state_updated capable"],
  transferloss: ["quic:packet_lost", "quic:timer_updated set ack", "quic:timer_updated cancelled ack"],
  transfercorruption: ["quic:packet_dropped decryption_failure"],
  v2: ["quic:version_information"],
  "rebind-port": ["quic:tuple_assigned", "quic:migration_state_updated migration_complete"],
  "rebind-addr": ["quic:tuple_assigned", "quic:migration_state_updated migration_complete"],
  connectionmigration: ["quic:migration_state_updated probing_successful"],
};

/** The name of an event, and what tells it from others of this name. */
function kindsOf({ name, data }: QlogRecord): readonly string[] {
  const header = data.header as { packet_type: string } | undefined;
  const frame = data.frame as { frame_type: string } | undefined;
  const probe = data.is_mtu_probe_packet === true ? "mtu probe" : undefined;
  const timer = name === "quic:timer_updated" ? `${data.event_type} ${data.timer_type}` : undefined;
  const kind = [header?.packet_type, frame?.frame_type, data.trigger, data.new, data.reason, timer, probe].filter(
    (each) => each !== undefined,
  );
  return [name, ...kind.map((each) => `${name} ${each}`)];
}

/** In every recording of a connection that came to an end. */
const ALWAYS = [
  "quic:connection_started",
  "quic:version_information",
  "quic:alpn_information",
  "quic:parameters_set",
  "quic:connection_id_updated",
  "quic:key_updated tls",
  "quic:packet_sent initial",
  "quic:packet_sent handshake",
  "quic:packet_sent 1RTT",
  "quic:packet_received 1RTT",
  "quic:packets_acked",
  "quic:recovery_parameters_set",
  "quic:timer_updated set pto",
  "quic:timer_updated cancelled pto",
  "quic:recovery_metrics_updated",
  "quic:congestion_state_updated slow_start",
  "quic:connection_state_updated handshake_complete",
  "quic:stream_state_updated open",
  "quic:stream_data_moved",
  "quic:connection_closed",
];

/** All in CI, otherwise those with events of their own. */
const recorded = CASES.map(({ name }) => name).filter((name) => ALL_SEEDS || name in EXPECTED);

describe.each(recorded)("%s", (name) => {
  test.each(seeds)("is recorded without problems (seed %i)", (seed) => {
    const { all } = record(name, seed);
    expect(all.length).toBeGreaterThanOrEqual(2);
    const seen = new Set<string>();
    for (const { files, side } of all) {
      for (const dialect of ["rfc", "qvis"] as const) {
        expect(problemsOf(files[dialect], dialect).slice(0, 5), `${side}, ${dialect}`).toEqual([]);
      }
      const events = eventsOf(files.rfc);
      expect(eventsOf(files.qvis)).toHaveLength(events.length);
      for (const event of events) for (const kind of kindsOf(event)) seen.add(kind);
    }
    expect([...seen]).toEqual(expect.arrayContaining([...ALWAYS, ...(EXPECTED[name] ?? [])]));
  });
});

test("the same seed gives the same bytes, and another seed others", () => {
  const files = (seed: number) => record("transferloss", seed).all.map((each) => each.files);
  expect(files(1)).toEqual(files(1));
  expect(files(2)).not.toEqual(files(1));
});

test("both sides agree on the packets that arrived", () => {
  const { all } = record("transferloss", 1);
  const [client, server] = (["client", "server"] as const).map((side) =>
    eventsOf(all.find((each) => each.side === side)!.files.rfc),
  );
  const packets = (events: readonly QlogRecord[], wanted: string): ReadonlyMap<string, QlogRecord["data"]> =>
    new Map(
      events.flatMap(({ name, data }) => {
        if (name !== wanted) return [];
        const { packet_type, packet_number } = data.header as { packet_type: string; packet_number: number };
        return [[`${packet_type} ${packet_number}`, data]];
      }),
    );
  for (const [from, to] of [
    [client!, server!],
    [server!, client!],
  ] as const) {
    const sent = packets(from, "quic:packet_sent");
    const received = packets(to, "quic:packet_received");
    expect(received.size).toBeGreaterThan(50);
    for (const [key, data] of received) expect(sent.get(key)).toMatchObject(data);
  }
});

test("a packet that was sent is acknowledged or lost at most once", () => {
  const { all } = record("transferloss", 1);
  for (const { files } of all) {
    const outcomes: string[] = [];
    const sent = new Set<string>();
    for (const { name, data } of eventsOf(files.rfc)) {
      const header = data.header as { readonly packet_type: string; readonly packet_number: number };
      if (name === "quic:packet_sent") sent.add(`${header.packet_type} ${header.packet_number}`);
      if (name === "quic:packet_lost") outcomes.push(`${header.packet_type} ${header.packet_number}`);
      if (name !== "quic:packets_acked") continue;
      const type = data.packet_number_space === "application_data" ? "1RTT" : data.packet_number_space;
      for (const number of data.packet_numbers as readonly number[]) outcomes.push(`${type} ${number}`);
    }
    expect(outcomes.length).toBeGreaterThan(20);
    expect(new Set(outcomes).size).toBe(outcomes.length);
    for (const outcome of outcomes) expect(sent.has(outcome)).toBe(true);
  }
});
