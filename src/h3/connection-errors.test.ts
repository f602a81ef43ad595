/** Connection errors and their codes (RFC 9114, RFC 9204), for both roles where both are possible. */

import { describe, expect, test } from "vitest";
import { QPACK_ERRORS } from "../qpack/errors.ts";
import { fromHex } from "../wire/hex.ts";
import { concat } from "../wire/text.ts";
import { wideInt } from "../wire/varint.ts";
import { H3_ERRORS, type H3ErrorName } from "./errors.ts";
import { FRAMES, FrameType, greaseId, type Role } from "./frames.ts";
import { data, frame, headers, RawPeer, section, settings, varint } from "./testing/raw-peer.ts";

type ErrorName = H3ErrorName | keyof typeof QPACK_ERRORS;
const codeOf = (name: ErrorName): number => ({ ...H3_ERRORS, ...QPACK_ERRORS })[name].code;

interface Case {
  readonly name: string;
  readonly roles?: readonly Role[];
  readonly error: ErrorName;
  readonly wrong: (peer: RawPeer) => void;
}

const both: readonly Role[] = ["server", "client"];

function check(cases: readonly Case[]): void {
  for (const { name, roles = both, error, wrong } of cases) {
    test.each(roles)(`${name}: a %s closes with ${error}`, (role) => {
      const peer = new RawPeer(role);
      wrong(peer);
      peer.run();
      expect(peer.closeCode).toBe(codeOf(error));
      expect(peer.victim.of("closed")).toHaveLength(1);
      // It closes without responding first.
      if (role === "server") expect(peer.victim.transport.writes.filter(({ id }) => id % 4 === 0)).toEqual([]);
    });
  }
}

const onControl =
  (...parts: Uint8Array[]) =>
  (peer: RawPeer): void => {
    peer.openControl(settings(), ...parts);
  };
const onRequest =
  (...parts: Uint8Array[]) =>
  (peer: RawPeer): void => {
    peer.send(peer.openRequest(), concat(...parts));
  };

describe("frames on a request stream (RFC 9114 §4.1, §7)", () => {
  check([
    { name: "DATA before HEADERS", error: "H3_FRAME_UNEXPECTED", wrong: onRequest(data(0)) },
    {
      name: "DATA after trailers",
      error: "H3_FRAME_UNEXPECTED",
      wrong: (peer) => peer.send(peer.openRequest(), concat(headers(peer.head), headers([["a", "b"]]), data(0))),
    },
    {
      name: "HEADERS after trailers",
      error: "H3_FRAME_UNEXPECTED",
      wrong: (peer) =>
        peer.send(peer.openRequest(), concat(headers(peer.head), headers([["a", "b"]]), headers([["a", "b"]]))),
    },
    ...FRAMES.filter(({ place }) => place !== "request").map(
      ({ name, type }): Case => ({
        name,
        error: "H3_FRAME_UNEXPECTED",
        wrong: (peer) => peer.send(peer.openRequest(), concat(headers(peer.head), frame(type, varint(0)))),
      }),
    ),
    {
      name: "CANCEL_PUSH before HEADERS",
      error: "H3_FRAME_UNEXPECTED",
      wrong: onRequest(frame(FrameType.CANCEL_PUSH, varint(0)), headers([])),
    },
    {
      name: "PUSH_PROMISE from a client",
      roles: ["server"],
      error: "H3_FRAME_UNEXPECTED",
      wrong: onRequest(frame(FrameType.PUSH_PROMISE, varint(0))),
    },
    {
      name: "PUSH_PROMISE without MAX_PUSH_ID",
      roles: ["client"],
      error: "H3_ID_ERROR",
      wrong: onRequest(frame(FrameType.PUSH_PROMISE, concat(varint(0), section([])))),
    },
    {
      name: "an end inside a frame's header",
      error: "H3_FRAME_ERROR",
      wrong: (peer) => peer.send(peer.openRequest(), concat(headers(peer.head), fromHex("00")), true),
    },
    {
      name: "an end inside a frame's length",
      error: "H3_FRAME_ERROR",
      wrong: (peer) => peer.send(peer.openRequest(), concat(headers(peer.head), fromHex("2180")), true),
    },
    {
      name: "an end inside HEADERS",
      error: "H3_FRAME_ERROR",
      wrong: (peer) => peer.send(peer.openRequest(), headers(peer.head).subarray(0, -1), true),
    },
    {
      name: "an end inside a frame of unknown type",
      error: "H3_FRAME_ERROR",
      wrong: (peer) => peer.send(peer.openRequest(), fromHex("210500"), true),
    },
  ]);

  test.each(both)("an end inside DATA: a %s closes with H3_FRAME_ERROR when the content is read", (role) => {
    const peer = new RawPeer(role);
    const id = peer.openRequest();
    peer.send(id, concat(headers(peer.head), data(10).subarray(0, -1)), true);
    while (peer.victim.connection.readData(id) !== undefined);
    expect(peer.closeCode).toBe(codeOf("H3_FRAME_ERROR"));
  });

  test.each(["HEADERS", "trailers"])("%s after CONNECT are unexpected", (what) => {
    for (const role of both) {
      const peer = new RawPeer(role);
      const id = peer.openRequest("CONNECT");
      const head =
        role === "client"
          ? peer.head
          : ([
              [":method", "CONNECT"],
              [":authority", "example.com:443"],
            ] as const);
      peer.send(id, concat(headers(head), what === "HEADERS" ? headers(head) : headers([["a", "b"]])));
      expect(peer.closeCode).toBe(codeOf("H3_FRAME_UNEXPECTED"));
    }
  });
});

describe("the control stream (RFC 9114 §6.2.1, §7.2)", () => {
  check([
    ...FRAMES.filter(({ place }) => place !== "control").map(
      ({ name, type }): Case => ({ name, error: "H3_FRAME_UNEXPECTED", wrong: onControl(frame(type)) }),
    ),
    ...FRAMES.filter(({ type }) => type !== FrameType.SETTINGS).map(
      ({ name, type }): Case => ({
        name: `${name} first`,
        error: "H3_MISSING_SETTINGS",
        wrong: (peer) => void peer.openControl(frame(type, varint(0))),
      }),
    ),
    {
      name: "a frame of unknown type first",
      error: "H3_MISSING_SETTINGS",
      wrong: (peer) => void peer.openControl(frame(greaseId(1)), settings()),
    },
    { name: "a second SETTINGS", error: "H3_FRAME_UNEXPECTED", wrong: onControl(settings()) },
    {
      name: "MAX_PUSH_ID from a server",
      roles: ["client"],
      error: "H3_FRAME_UNEXPECTED",
      wrong: onControl(frame(FrameType.MAX_PUSH_ID, varint(1))),
    },
    {
      name: "a decreasing MAX_PUSH_ID",
      roles: ["server"],
      error: "H3_ID_ERROR",
      wrong: onControl(frame(FrameType.MAX_PUSH_ID, varint(5)), frame(FrameType.MAX_PUSH_ID, varint(4))),
    },
    { name: "CANCEL_PUSH", error: "H3_ID_ERROR", wrong: onControl(frame(FrameType.CANCEL_PUSH, varint(0))) },
    {
      name: "an increasing GOAWAY",
      error: "H3_ID_ERROR",
      wrong: onControl(frame(FrameType.GOAWAY, varint(4)), frame(FrameType.GOAWAY, varint(8))),
    },
    {
      name: "a GOAWAY with an ID that is not a request's",
      roles: ["client"],
      error: "H3_ID_ERROR",
      wrong: onControl(frame(FrameType.GOAWAY, varint(3))),
    },
    { name: "an empty GOAWAY", error: "H3_FRAME_ERROR", wrong: onControl(frame(FrameType.GOAWAY)) },
    {
      name: "a GOAWAY with trailing bytes",
      error: "H3_FRAME_ERROR",
      wrong: onControl(frame(FrameType.GOAWAY, fromHex("0000"))),
    },
    {
      name: "a GOAWAY of nine bytes",
      error: "H3_FRAME_ERROR",
      wrong: onControl(frame(FrameType.GOAWAY, new Uint8Array(9))),
    },
    {
      name: "a MAX_PUSH_ID that ends early",
      roles: ["server"],
      error: "H3_FRAME_ERROR",
      wrong: onControl(frame(FrameType.MAX_PUSH_ID, fromHex("40"))),
    },
    {
      name: "its end",
      error: "H3_CLOSED_CRITICAL_STREAM",
      wrong: (peer) => peer.send(peer.openControl(), new Uint8Array(0), true),
    },
    {
      name: "its reset",
      error: "H3_CLOSED_CRITICAL_STREAM",
      wrong: (peer) => peer.transport.reset(peer.openControl(), 0),
    },
    {
      name: "STOP_SENDING for ours",
      error: "H3_CLOSED_CRITICAL_STREAM",
      wrong: (peer) => {
        const id = peer.victim.transport.writes[0]!.id;
        peer.transport.stopSending(id, 0);
      },
    },
  ]);
});

describe("SETTINGS (RFC 9114 §7.2.4)", () => {
  check([
    {
      name: "a duplicate setting",
      error: "H3_SETTINGS_ERROR",
      wrong: (peer) => void peer.openControl(settings([6, 100], [6, 100])),
    },
    {
      name: "a duplicate unknown setting of 62 bits",
      error: "H3_SETTINGS_ERROR",
      wrong: (peer) => {
        const id = wideInt(0x3fff_ffff, 0xffff_fff1);
        peer.openControl(settings([id, 1], [id, 1]));
      },
    },
    ...[2, 3, 4, 5].map(
      (id): Case => ({
        name: `HTTP/2's setting ${id}`,
        error: "H3_SETTINGS_ERROR",
        wrong: (peer) => void peer.openControl(settings([id, 0])),
      }),
    ),
    {
      name: "an end inside a setting",
      error: "H3_FRAME_ERROR",
      wrong: (peer) => void peer.openControl(frame(FrameType.SETTINGS, fromHex("0640"))),
    },
    {
      name: "endless settings",
      error: "H3_EXCESSIVE_LOAD",
      wrong: (peer) => void peer.openControl(varint(FrameType.SETTINGS), varint(5000)),
    },
  ]);
});

describe("streams (RFC 9114 §6)", () => {
  check([
    ...[
      ["control", 0],
      ["QPACK encoder", 2],
      ["QPACK decoder", 3],
    ].map(
      ([name, type]): Case => ({
        name: `a second ${name} stream`,
        error: "H3_STREAM_CREATION_ERROR",
        wrong: (peer) => {
          const content = type === 0 ? [settings()] : [];
          peer.openUni(type as number, ...content);
          peer.openUni(type as number, ...content);
        },
      }),
    ),
    ...[
      ["encoder", 2],
      ["decoder", 3],
    ].flatMap(([name, type]): Case[] => [
      {
        name: `the end of the QPACK ${name} stream`,
        error: "H3_CLOSED_CRITICAL_STREAM",
        wrong: (peer) => peer.send(peer.openUni(type as number), new Uint8Array(0), true),
      },
      {
        name: `the reset of the QPACK ${name} stream`,
        error: "H3_CLOSED_CRITICAL_STREAM",
        wrong: (peer) => peer.transport.reset(peer.openUni(type as number), 0),
      },
      {
        name: `a QPACK ${name} stream that is closed and reopened`,
        error: "H3_CLOSED_CRITICAL_STREAM",
        wrong: (peer) => {
          peer.send(peer.openUni(type as number), new Uint8Array(0), true);
          peer.openUni(type as number);
        },
      },
    ]),
    {
      name: "a push stream from a client",
      roles: ["server"],
      error: "H3_STREAM_CREATION_ERROR",
      wrong: (peer) => void peer.openUni(1, varint(0)),
    },
    {
      name: "a push stream without MAX_PUSH_ID",
      roles: ["client"],
      error: "H3_ID_ERROR",
      wrong: (peer) => void peer.openUni(1, varint(0)),
    },
    {
      name: "a bidirectional stream from a server",
      roles: ["client"],
      error: "H3_STREAM_CREATION_ERROR",
      wrong: (peer) => void peer.send(peer.transport.openStream("bidi")!, data(1)),
    },
  ]);
});

describe("QPACK (RFC 9204)", () => {
  check([
    {
      name: "a static index that does not exist",
      error: "QPACK_DECOMPRESSION_FAILED",
      wrong: onRequest(frame(FrameType.HEADERS, fromHex("0000ff24"))),
    },
    {
      name: "a reference to an empty table",
      error: "QPACK_DECOMPRESSION_FAILED",
      wrong: onRequest(frame(FrameType.HEADERS, fromHex("000080"))),
    },
    {
      name: "an empty HEADERS",
      error: "QPACK_DECOMPRESSION_FAILED",
      wrong: onRequest(frame(FrameType.HEADERS)),
    },
    {
      name: "one blocked stream too many",
      error: "QPACK_DECOMPRESSION_FAILED",
      wrong: (peer) => {
        for (let i = 0; i < 17; i += 1) peer.send(peer.openRequest(), frame(FrameType.HEADERS, fromHex("020080")));
      },
    },
    {
      name: "a capacity over the limit",
      error: "QPACK_ENCODER_STREAM_ERROR",
      wrong: (peer) => void peer.openUni(2, fromHex("3fe21f")),
    },
    {
      name: "an insertion larger than the table",
      error: "QPACK_ENCODER_STREAM_ERROR",
      wrong: (peer) => void peer.openUni(2, fromHex("20416100")),
    },
    {
      name: "an Insert Count Increment of 0",
      error: "QPACK_DECODER_STREAM_ERROR",
      wrong: (peer) => void peer.openUni(3, fromHex("00")),
    },
    {
      name: "an Insert Count Increment beyond what was inserted",
      error: "QPACK_DECODER_STREAM_ERROR",
      wrong: (peer) => void peer.openUni(3, fromHex("01")),
    },
    {
      name: "an acknowledgment of nothing",
      error: "QPACK_DECODER_STREAM_ERROR",
      wrong: (peer) => void peer.openUni(3, fromHex("80")),
    },
  ]);

  test.each(both)("sixteen blocked streams are accepted by a %s, and unblocked by one insertion", (role) => {
    const peer = new RawPeer(role);
    for (let i = 0; i < 16; i += 1) peer.send(peer.openRequest(), frame(FrameType.HEADERS, fromHex("020080")));
    expect(peer.closeCode).toBeUndefined();
    // `:status: 300`, which is valid in a response but not in a request.
    peer.openUni(2, fromHex("3fe11f d803333030"));
    expect(peer.closeCode).toBeUndefined();
    if (role === "client") expect(peer.victim.of("response")).toHaveLength(16);
    else expect(peer.victim.transport.resets.size).toBe(16);
  });
});

describe("unknown types are not errors (RFC 9114 §9)", () => {
  test.each(both)("frames, settings, streams: a %s ignores them", (role) => {
    const peer = new RawPeer(role);
    const wide = wideInt(0x3fff_ffff, 0xffff_fff0);
    peer.openControl(settings([wide, wide], [greaseId(3), 7], [0x33, 1]), frame(wide, data(20)), frame(greaseId(9)));
    const unknown = peer.openUni(greaseId(5), fromHex("010203"));
    expect(peer.victim.transport.stops.get(unknown)).toBe(codeOf("H3_STREAM_CREATION_ERROR"));
    const id = peer.openRequest();
    const noise = frame(0x21, data(100));
    peer.send(
      id,
      concat(noise, headers(peer.head), noise, frame(wide), data(3), noise, headers([["a", "b"]]), noise),
      true,
    );
    expect(peer.victim.connection.readData(id)?.bytes.length).toBe(3);
    peer.victim.drain();
    expect(peer.victim.of("trailers")).toHaveLength(1);
    expect(peer.victim.of("finished")).toHaveLength(1);
    expect(peer.closeCode).toBeUndefined();
  });

  test.each(both)("a stream that ends before its type is complete does not affect a %s", (role) => {
    const peer = new RawPeer(role);
    for (const bytes of ["", "40"]) {
      peer.send(peer.transport.openStream("uni")!, fromHex(bytes), true);
      const id = peer.transport.openStream("uni")!;
      peer.send(id, fromHex(bytes));
      peer.transport.reset(id, 0);
      peer.run();
    }
    expect(peer.closeCode).toBeUndefined();
  });

  test.each(both)("but a %s limits how much it ignores", (role) => {
    for (const flood of ["request", "control", "streams"]) {
      const peer = new RawPeer(role, { maxUniStreams: 100_000 });
      const control = peer.openControl();
      const id = peer.openRequest();
      const noise = frame(greaseId(1), new Uint8Array(60_000));
      for (let i = 0; i < 20 && flood !== "streams"; i += 1) peer.send(flood === "control" ? control : id, noise);
      for (let i = 0; i < 17_000 && flood === "streams"; i += 1) peer.openUni(greaseId(1));
      expect(peer.closeCode).toBe(codeOf("H3_EXCESSIVE_LOAD"));
    }
  });
});
