import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { ProtocolError } from "../../base/errors.ts";
import { SeededRng } from "../../base/rng.ts";
import { type Micros, micros, millis } from "../../base/time.ts";
import { fromHex } from "../../wire/hex.ts";
import { Reader } from "../../wire/reader.ts";
import { concat } from "../../wire/text.ts";
import { Writer } from "../../wire/writer.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import {
  DEFAULT_TRANSPORT_PARAMETERS,
  emitTransportParameters,
  PARAMETERS,
  parseTransportParameters,
  type TransportParameters,
} from "./index.ts";

const entry = (id: number, value: Uint8Array): Uint8Array => {
  const writer = new Writer(new Uint8Array(16 + value.length));
  writer.varint(id);
  writer.varint(value.length);
  writer.write(value);
  return writer.written();
};

function refusal(
  bytes: Uint8Array,
  sender: "client" | "server" = "server",
): { code: number; where: string } | undefined {
  try {
    parseTransportParameters(bytes, sender);
    return undefined;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { code: error.code, where: error.where };
  }
}

const refused = (where: string) => ({ code: TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code, where });

const id = fc.uint8Array({ maxLength: 20 });
const token = fc.uint8Array({ minLength: 16, maxLength: 16 });
const integer = fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.maxSafeInteger().map(Math.abs));
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const version = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const port = fc.integer({ min: 0, max: 65_535 });

const parameters: fc.Arbitrary<TransportParameters> = fc.record({
  originalDestinationConnectionId: optional(id),
  maxIdleTimeout: fc.integer({ min: 0, max: 2 ** 31 }).map(millis),
  statelessResetToken: optional(token),
  maxUdpPayloadSize: fc.integer({ min: 1200, max: 70_000 }),
  initialMaxData: integer,
  initialMaxStreamDataBidiLocal: integer,
  initialMaxStreamDataBidiRemote: integer,
  initialMaxStreamDataUni: integer,
  initialMaxStreamsBidi: fc.oneof(integer, fc.constant(2 ** 60)),
  initialMaxStreamsUni: integer,
  ackDelayExponent: fc.integer({ min: 0, max: 20 }),
  maxAckDelay: fc.integer({ min: 0, max: 2 ** 14 - 1 }).map(millis),
  disableActiveMigration: fc.boolean(),
  preferredAddress: optional(
    fc.record({
      ipv4: bytes(4),
      ipv4Port: port,
      ipv6: bytes(16),
      ipv6Port: port,
      connectionId: fc.uint8Array({ minLength: 1, maxLength: 20 }),
      statelessResetToken: token,
    }),
  ),
  activeConnectionIdLimit: integer.map((limit) => Math.max(2, limit)),
  initialSourceConnectionId: optional(id),
  retrySourceConnectionId: optional(id),
  versionInformation: optional(
    fc
      .tuple(fc.array(version, { minLength: 1, maxLength: 8 }), fc.nat())
      .map(([available, n]) => ({ chosen: available[n % available.length]!, available })),
  ),
  resetStreamAt: fc.boolean(),
  maxDatagramFrameSize: integer,
  minAckDelay: optional(fc.nat(25_000).map(micros)),
  greaseQuicBit: fc.boolean(),
  resetStreamAtDraft: fc.boolean(),
});

describe("transport parameters", () => {
  it("parse(emit(p)) = p, with and without grease", () => {
    fc.assert(
      fc.property(parameters, fc.integer(), (given, seed) => {
        expect(parseTransportParameters(emitTransportParameters(given), "server")).toEqual(given);
        const greased = emitTransportParameters(given, { grease: new SeededRng(seed) });
        expect(greased.length).toBeGreaterThan(emitTransportParameters(given).length);
        expect(parseTransportParameters(greased, "server")).toEqual(given);
      }),
    );
  });

  it("a peer that sends no parameters has the defaults of RFC 9000 §18.2", () => {
    const nothing = parseTransportParameters(new Uint8Array(0), "client");
    expect(nothing).toEqual(DEFAULT_TRANSPORT_PARAMETERS);
    expect(nothing).toMatchObject({
      maxIdleTimeout: 0,
      maxUdpPayloadSize: 65_527,
      initialMaxData: 0,
      initialMaxStreamsBidi: 0,
      ackDelayExponent: 3,
      maxAckDelay: 25_000,
      activeConnectionIdLimit: 2,
      disableActiveMigration: false,
      initialSourceConnectionId: undefined,
    });
    expect(emitTransportParameters(nothing)).toHaveLength(0);
  });

  it("ids are 0x00 to 0x10, each once, in the order of the registry, and those of extensions", () => {
    const version1 = Array.from({ length: 0x11 }, (_, id) => id);
    expect(PARAMETERS.map((row) => row.id)).toEqual([
      ...version1,
      0x11,
      0x1d,
      0x20,
      0x2ab2,
      0xff04de1b,
      0x17f7586d2cb571,
    ]);
  });

  it("the table matches README.md", () => {
    const readme = readFileSync(new URL("./README.md", import.meta.url), "utf8");
    const rows = readme.split("\n").filter((line) => line.startsWith("| 0x"));
    const cells = rows.map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
    const expected = PARAMETERS.map(({ id, wireName, type, sender, default: fallback }) => {
      const value =
        typeof fallback !== "number" ? "absent" : type === "millis" ? `${fallback / 1000} ms` : `${fallback}`;
      return [`0x${id.toString(16).padStart(2, "0")}`, wireName, type, sender, value];
    });
    expect(cells).toEqual(expected);
  });

  it("an empty connection id is written, not omitted", () => {
    const empty = emitTransportParameters({ initialSourceConnectionId: new Uint8Array(0) });
    expect(empty).toEqual(fromHex("0f00"));
    expect(parseTransportParameters(empty, "client").initialSourceConnectionId).toEqual(new Uint8Array(0));
  });

  it("idle timeouts are milliseconds on the wire, and extreme values are capped", () => {
    expect(emitTransportParameters({ maxIdleTimeout: millis(30_000) })).toEqual(fromHex("0104 80007530"));
    expect(emitTransportParameters({ maxIdleTimeout: 1 as Micros })).toEqual(fromHex("0101 01"));
    const endless = parseTransportParameters(fromHex("0108 ffffffffffffffff"), "server").maxIdleTimeout;
    expect(Number.isSafeInteger(endless * 2)).toBe(true);
    expect(endless).toBeGreaterThan(365 * 24 * 3600 * 1e6);
  });

  it("grease is a reserved parameter, 31 * N + 27 (RFC 9000 §18.1)", () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const reader = new Reader(emitTransportParameters({}, { grease: new SeededRng(seed) }));
      expect((reader.varint() - 27) % 31).toBe(0);
      reader.skip(reader.varint());
      expect(reader.isAtEnd).toBe(true);
    }
  });

  it("unknown parameters with ids up to 62 bits are skipped", () => {
    const unknown = concat(
      entry(0x2b603742, fromHex("0102")),
      fromHex("ffffffffffffffff 00"),
      fromHex("fffffffffffffffe 01 aa"),
    );
    expect(parseTransportParameters(unknown, "client")).toEqual(DEFAULT_TRANSPORT_PARAMETERS);
  });

  it("duplicates are rejected, even of unknown parameters (RFC 9000 §7.4)", () => {
    expect(refusal(concat(entry(4, fromHex("01")), entry(4, fromHex("01"))))).toEqual(refused("initial_max_data"));
    // The same id, the second time in a longer encoding.
    expect(refusal(fromHex("0401 01 400401 01"))).toEqual(refused("initial_max_data"));
    const wide = fromHex("ffffffffffffffff 00");
    expect(refusal(concat(wide, wide))?.code).toBe(TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code);
  });

  it.each([
    [0x00, "original_destination_connection_id", "aabb"],
    [0x02, "stateless_reset_token", "00".repeat(16)],
    [0x0d, "preferred_address", `${"00".repeat(24)} 01 aa ${"00".repeat(16)}`],
    [0x10, "retry_source_connection_id", "aabb"],
  ])("parameter %i may only be sent by servers (RFC 9000 §18.2): %s", (id, wireName, value) => {
    expect(refusal(entry(id, fromHex(value)), "server")).toBeUndefined();
    expect(refusal(entry(id, fromHex(value)), "client")).toEqual(refused(wireName));
  });

  const cases: readonly (readonly [what: string, id: number, value: string, where: string | undefined])[] = [
    ["max_udp_payload_size 1199", 0x03, "44af", "max_udp_payload_size"],
    ["max_udp_payload_size 1200", 0x03, "44b0", undefined],
    ["ack_delay_exponent 20", 0x0a, "14", undefined],
    ["ack_delay_exponent 21", 0x0a, "15", "ack_delay_exponent"],
    ["max_ack_delay 2^14 - 1", 0x0b, "7fff", undefined],
    ["max_ack_delay 2^14", 0x0b, "80004000", "max_ack_delay"],
    ["active_connection_id_limit 1", 0x0e, "01", "active_connection_id_limit"],
    ["active_connection_id_limit 2", 0x0e, "02", undefined],
    ["initial_max_streams_bidi 2^60", 0x08, "d000000000000000", undefined],
    ["initial_max_streams_bidi 2^60 + 1", 0x08, "d000000000000001", "initial_max_streams_bidi"],
    ["initial_max_streams_uni 2^62 - 1", 0x09, "ffffffffffffffff", "initial_max_streams_uni"],
    ["initial_max_data 2^62 - 1", 0x04, "ffffffffffffffff", undefined],
    ["an integer followed by an extra byte", 0x04, "0100", "initial_max_data"],
    ["a truncated integer", 0x04, "40", "initial_max_data"],
    ["an empty integer", 0x04, "", "initial_max_data"],
    ["a flag with a value", 0x0c, "00", "disable_active_migration"],
    ["a reset token of 15 bytes", 0x02, "00".repeat(15), "stateless_reset_token"],
    ["a reset token of 17 bytes", 0x02, "00".repeat(17), "stateless_reset_token"],
    ["a connection id of 20 bytes", 0x0f, "00".repeat(20), undefined],
    ["a connection id of 21 bytes", 0x0f, "00".repeat(21), "initial_source_connection_id"],
    ["a preferred address without an id", 0x0d, `${"00".repeat(24)} 00 ${"00".repeat(16)}`, "preferred_address"],
    ["a truncated preferred address", 0x0d, `${"00".repeat(24)} 01 aa ${"00".repeat(15)}`, "preferred_address"],
    ["version_information of one version and its list", 0x11, "00000001 6b3343cf 00000001", undefined],
    ["version_information with an empty list", 0x11, "00000001", undefined],
    ["version_information of 6 bytes", 0x11, "00000001 6b33", "version_information"],
    ["version_information of 3 bytes", 0x11, "000001", "version_information"],
    ["an empty version_information", 0x11, "", "version_information"],
    ["version_information with chosen version 0", 0x11, "00000000 00000001", "version_information"],
    ["version_information with version 0 in its list", 0x11, "00000001 00000001 00000000", "version_information"],
  ];
  it.each(cases)("%s", (_, id, value, where) => {
    expect(refusal(entry(id, fromHex(value)))).toEqual(where === undefined ? undefined : refused(where));
  });

  it("version_information is written as its list of versions (RFC 9368 §3)", () => {
    const bytes = emitTransportParameters({ versionInformation: { chosen: 1, available: [0x6b3343cf, 1] } });
    expect(bytes).toEqual(fromHex("11 0c 00000001 6b3343cf 00000001"));
  });

  it("a client's chosen version must be among its available ones (RFC 9368 §4)", () => {
    const information = entry(0x11, fromHex("00000001 6b3343cf"));
    expect(refusal(information, "client")).toEqual(refused("version_information"));
    expect(refusal(information, "server")).toBeUndefined();
  });

  it("more than 4 KB is rejected before parsing", () => {
    const padding = (length: number) => entry(0x1f + 31, new Uint8Array(length));
    expect(refusal(padding(4096 - 3))).toBeUndefined();
    expect(refusal(padding(4096 - 2))).toEqual(refused("transport parameters"));
  });

  it("truncated at any byte, it is a shorter list or an error", () => {
    const whole = emitTransportParameters(fc.sample(parameters, { numRuns: 1, seed: 7 })[0]!);
    for (let end = 0; end < whole.length; end += 1) {
      const error = refusal(whole.subarray(0, end));
      if (error !== undefined) expect(error.code).toBe(TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code);
    }
    expect(refusal(whole.subarray(0, whole.length - 1))).toBeDefined();
  });

  it("any bytes are parameters or a TRANSPORT_PARAMETER_ERROR", () => {
    const item = fc.oneof(
      fc
        .tuple(fc.integer({ min: 0, max: 0x12 }), fc.uint8Array({ maxLength: 40 }))
        .map(([id, value]) => entry(id, value)),
      fc.uint8Array({ maxLength: 10 }),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 8 }), fc.constantFrom("client", "server"), (items, sender) => {
        const code = refusal(concat(...items), sender)?.code ?? TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code;
        expect(code).toBe(TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code);
      }),
      { numRuns: runs(2_000) },
    );
  });
});
