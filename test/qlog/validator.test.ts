/** The validator finds what is wrong: each change of a valid recording is a problem. */

import { beforeAll, describe, expect, test } from "vitest";
import { portableEngine } from "../../src/crypto/portable/index.ts";
import { CASES, optionsOf } from "../simulator/interop-runner/cases.ts";
import { runCase } from "../simulator/interop-runner/run.ts";
import { isObject, type JsonObject } from "./checks.ts";
import { Recordings } from "./recordings.ts";
import { problemsOf, recordsOf } from "./validate.ts";

let file: string;
let records: readonly JsonObject[];

beforeAll(() => {
  const recordings = new Recordings();
  const case_ = CASES.find(({ name }) => name === "http3")!;
  runCase({ ...optionsOf(case_, case_.files), trace: recordings.trace }, portableEngine, 1);
  file = recordings.of("server")[0]!.files.rfc;
  records = recordsOf(file) as JsonObject[];
});

const written = (changed: readonly unknown[]): string =>
  changed.map((record) => `\u001e${JSON.stringify(record)}\n`).join("");

/** One record of each name. */
const samples = (): JsonObject[] => [...new Map(records.slice(1).map((record) => [record.name, record])).values()];

/** The same value with each object in it changed once. */
function* changes(value: unknown, change: (object: JsonObject) => JsonObject): Generator<unknown> {
  if (isObject(value)) {
    yield change(value);
    for (const [name, member] of Object.entries(value)) {
      for (const changed of changes(member, change)) yield { ...value, [name]: changed };
    }
  }
  if (Array.isArray(value)) {
    for (const [i, member] of value.entries()) {
      for (const changed of changes(member, change)) yield value.with(i, changed);
    }
  }
}

describe("a valid recording", () => {
  test("has no problems", () => {
    expect(problemsOf(file, "rfc")).toEqual([]);
    expect(samples().length).toBeGreaterThan(15);
  });

  test("with an unknown member in any object of any event has a problem", () => {
    let count = 0;
    for (const sample of samples()) {
      for (const changed of changes(sample, (object) => ({ ...object, surplus: 1 }))) {
        count += 1;
        expect(problemsOf(written([records[0], changed]), "rfc"), JSON.stringify(changed)).not.toEqual([]);
      }
    }
    expect(count).toBeGreaterThan(40);
  });

  test("with a member of another type has a problem", () => {
    for (const sample of samples()) {
      for (const name of Object.keys(sample.data as JsonObject)) {
        const changed = { ...sample, data: { ...(sample.data as JsonObject), [name]: [{}] } };
        expect(problemsOf(written([records[0], changed]), "rfc"), JSON.stringify(changed)).not.toEqual([]);
      }
    }
  });

  test("without the time, the name or the data of an event has a problem", () => {
    for (const name of ["time", "name", "data"]) {
      const { [name]: _, ...changed } = samples()[0]!;
      expect(problemsOf(written([records[0], changed]), "rfc")).not.toEqual([]);
    }
  });

  test.each<[string, JsonObject, string]>([
    ["an unknown event", { name: "quic:packets_sent", data: {} }, "no known name"],
    ["an unknown namespace", { name: "transport:packet_sent", data: {} }, "no known name"],
    ["a state that does not exist", { name: "quic:connection_state_updated", data: { new: "done" } }, "is not one of"],
    [
      "an upper-case id",
      { name: "quic:connection_id_updated", data: { initiator: "local", new: "AB" } },
      "hexadecimal",
    ],
    ["half a byte", { name: "quic:connection_id_updated", data: { initiator: "local", new: "abc" } }, "hexadecimal"],
    ["a fraction of a byte", { name: "quic:mtu_updated", data: { new: 1200.5 } }, "unsigned integer"],
    ["a required member missing", { name: "quic:mtu_updated", data: {} }, "lacks new"],
    [
      "the value of a key",
      { name: "quic:key_updated", data: { key_type: "client_1rtt_secret", new: "00" } },
      "unknown",
    ],
    [
      "the number of a named error",
      { name: "quic:connection_closed", data: { connection_error: "no_error", error_code: 0 } },
      "error_code is for unknown errors",
    ],
    [
      "a 1-RTT packet with a token",
      { name: "quic:packet_sent", data: { header: { packet_type: "1RTT", packet_number: 1, token: {} }, frames: [] } },
      "only Initial and Retry packets have a token",
    ],
    [
      "an unknown frame",
      {
        name: "quic:packet_sent",
        data: { header: { packet_type: "1RTT", packet_number: 1 }, frames: [{ frame_type: "streams" }] },
      },
      "no known frame_type",
    ],
    ["a tuple that was not assigned", { name: "quic:mtu_updated", data: { new: 1 }, tuple: "7" }, "unknown tuple"],
  ])("with %s has a problem", (_, event, problem) => {
    const problems = problemsOf(written([records[0], { time: 0, ...event }]), "rfc");
    expect(problems.join("\n")).toContain(problem);
  });

  const timer = (event_type: string, timer_type = "pto"): JsonObject => ({
    name: "quic:timer_updated",
    data: { timer_type, packet_number_space: "initial", event_type },
  });
  const blocked = (data: JsonObject): JsonObject => ({ name: "quic:stream_data_blocked_updated", data });
  test.each<[string, readonly JsonObject[], string]>([
    ["a timer that expires without being set", [timer("expired")], "not set"],
    ["a timer that is cancelled twice", [timer("set"), timer("cancelled"), timer("cancelled")], "not set"],
    ["a timer that runs beside another", [timer("set"), timer("set", "ack")], "runs"],
    ["an unblocked stream that was never blocked", [blocked({ stream_id: 0, new: "unblocked" })], "as before"],
    [
      "a stream that is blocked twice",
      [blocked({ stream_id: 0, new: "blocked" }), blocked({ stream_id: 0, new: "blocked" })],
      "as before",
    ],
    ["an event that repeats the connection", [{ ...timer("set"), group_id: "00" }], "repeats the group_id"],
  ])("with %s has a problem", (_, events, problem) => {
    const problems = problemsOf(written([records[0], ...events.map((event) => ({ time: 0, ...event }))]), "rfc");
    expect(problems.join("\n")).toContain(problem);
  });

  test("of several connections names one in each event", () => {
    const { trace, ...header } = records[0] as { readonly trace: JsonObject };
    const { group_id, ...common_fields } = trace.common_fields as JsonObject;
    const shared = { ...header, trace: { ...trace, common_fields } };
    const grouped = records.slice(1).map((record) => ({ ...record, group_id }));
    expect(problemsOf(written([shared, ...grouped]), "rfc")).toEqual([]);
    expect(problemsOf(written([shared, ...grouped.slice(0, -1), records.at(-1)]), "rfc").join()).toContain(
      "has no group_id",
    );
  });

  test("with times out of order has a problem", () => {
    const late = { ...samples()[0], time: 5 };
    const early = { ...samples()[0], time: 4 };
    expect(problemsOf(written([records[0], late, early]), "rfc").join()).toContain("earlier");
  });

  test("with a header that comes too late, or is of another kind, has a problem", () => {
    expect(problemsOf(written([{ description: "x".repeat(300), ...records[0] }]), "rfc").join()).toContain(
      "first 256 bytes",
    );
    expect(problemsOf(written([{ ...records[0], qlog_version: "0.3" }]), "rfc")).not.toEqual([]);
  });

  test("without a record separator or line feed is not read", () => {
    expect(() => problemsOf(file.slice(1), "rfc")).toThrow("record separator");
    expect(() => problemsOf(file.slice(0, -1), "rfc")).toThrow("line feed");
  });
});
