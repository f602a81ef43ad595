/** QUIC version 2 and compatible version negotiation (RFC 9368, RFC 9369), as two endpoints see it. */

import { describe, expect, it } from "vitest";
import { fromHex } from "../../wire/hex.ts";
import { Writer } from "../../wire/writer.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import type { TransportParameters } from "../params/index.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { headersOf } from "../testing/initial.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";
import { isReservedVersion, VERSION_1, VERSION_2 } from "../versions/index.ts";

type Versions = readonly number[];

interface Negotiation {
  readonly start: number;
  readonly client?: Versions;
  readonly server?: Versions;
}

const pairOf = ({ start, client, server }: Negotiation, more: PairOptions = {}): Pair =>
  new Pair({ ...more, version: start, client: { versions: client }, server: { versions: server } });

/** The versions of all long headers of one side, by form and without repetitions. */
function versionsOf(datagrams: readonly Uint8Array[]): Record<string, Versions> {
  const found: Record<string, number[]> = {};
  for (const { form, version } of datagrams.flatMap(headersOf)) {
    if (form === "one-rtt") continue;
    const list = (found[form] ??= []);
    if (!list.includes(version)) list.push(version);
  }
  return found;
}

const cases: readonly (readonly [what: string, negotiation: Negotiation, expected: number])[] = [
  ["both sides with their defaults stay with version 1", { start: VERSION_1 }, VERSION_1],
  ["a server follows a client that prefers version 2", { start: VERSION_1, client: [VERSION_2, VERSION_1] }, VERSION_2],
  [
    "a server that prefers version 2 converts version 1 to it",
    { start: VERSION_1, server: [VERSION_2, VERSION_1] },
    VERSION_2,
  ],
  ["a client may start with version 2", { start: VERSION_2, client: [VERSION_2, VERSION_1] }, VERSION_2],
  [
    "a server that prefers version 1 converts version 2 to it",
    { start: VERSION_2, client: [VERSION_2, VERSION_1], server: [VERSION_1, VERSION_2] },
    VERSION_1,
  ],
  [
    "a server never chooses a version that the client does not list",
    { start: VERSION_1, client: [VERSION_1], server: [VERSION_2, VERSION_1] },
    VERSION_1,
  ],
  ["both sides may have version 2 only", { start: VERSION_2, client: [VERSION_2], server: [VERSION_2] }, VERSION_2],
];

describe.each(cases)("%s", (_, negotiation, expected) => {
  it("and the connection works", () => {
    const pair = pairOf(negotiation).connect();
    expect(pair.connection.version).toBe(expected);
    expect(pair.peer!.version).toBe(expected);
    const id = pair.connection.openStream("bidi")!;
    pair.connection.write(id, new Uint8Array(20_000), true);
    let received = 0;
    pair.onEvent = (side, connection, event) => {
      if (side !== "server" || event.type !== "stream-readable") return;
      for (let chunk = connection.read(id); chunk !== undefined; chunk = connection.read(id)) {
        received += chunk.bytes.length;
      }
    };
    pair.run(() => received === 20_000);
    expect(received).toBe(20_000);
  });

  it("with Handshake packets in the negotiated version only (RFC 9369 §4.1)", () => {
    const pair = pairOf(negotiation).connect();
    const client = versionsOf(pair.sent["to-server"]);
    const server = versionsOf(pair.sent["to-client"]);
    expect(client.initial?.[0]).toBe(negotiation.start);
    expect(server.initial).toEqual([expected]);
    expect([client.handshake, server.handshake]).toEqual([[expected], [expected]]);
  });

  it("after a Retry, which uses the original version, and under loss and reordering", () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      let drops = 0;
      const pair = pairOf(negotiation, {
        seed,
        policy: { retry: "always" },
        // A different datagram of each side is lost for each seed.
        wire: (datagram, _direction, index) => (index === seed % 5 && drops++ < 2 ? undefined : datagram),
      }).connect();
      expect(pair.connection.isHandshakeComplete, `seed ${seed}`).toBe(true);
      expect(pair.connection.version).toBe(expected);
      expect(pair.peer!.version).toBe(expected);
      expect(versionsOf(pair.sent["to-client"]).retry).toEqual([negotiation.start]);
    }
  });
});

describe("compatible version negotiation", () => {
  it("each side lists its versions and a reserved one, and the chosen version", () => {
    const pair = pairOf({ start: VERSION_1, client: [VERSION_2, VERSION_1] }).connect();
    const known = (parameters: TransportParameters) => {
      const { chosen, available } = parameters.versionInformation!;
      expect(available.filter(isReservedVersion)).toHaveLength(1);
      return { chosen, available: available.filter((version) => !isReservedVersion(version)) };
    };
    expect(known(pair.peer!.peerParameters!)).toEqual({ chosen: VERSION_1, available: [VERSION_2, VERSION_1] });
    expect(known(pair.connection.peerParameters!)).toEqual({ chosen: VERSION_2, available: [VERSION_1, VERSION_2] });
  });

  it("a Handshake packet in the negotiated version that overtakes the Initial packets is kept", () => {
    const pair = pairOf(
      { start: VERSION_1, client: [VERSION_2, VERSION_1] },
      {
        wire: (datagram, direction, index) => {
          if (direction !== "to-client" || index !== 0) return datagram;
          // The Initial is lost; the Handshake packet after it in the datagram arrives.
          const [, handshake] = headersOf(datagram);
          return handshake && datagram.slice(handshake.start);
        },
      },
    ).connect();
    expect(pair.connection.version).toBe(VERSION_2);
    expect(pair.connection.stats.packetsDropped).toBe(0);
  });

  it("is traced", () => {
    const versions: unknown[] = [];
    pairOf(
      { start: VERSION_1, client: [VERSION_2, VERSION_1] },
      { trace: (side, event) => event.type === "quic:version-negotiated" && versions.push([side, event.version]) },
    ).connect();
    expect(versions).toEqual([
      ["server", VERSION_2],
      ["client", VERSION_2],
    ]);
  });
});

/** The code with which the victim closes the connection after the peer's parameters. */
function refusalOf(role: "client" | "server", information: string | undefined): unknown {
  const given = information === undefined ? undefined : fromHex(information.replaceAll(" ", ""));
  const read = (at: number): number => new DataView(given!.buffer).getUint32(at);
  const versionInformation = given && {
    chosen: read(0),
    available: Array.from({ length: given.length / 4 - 1 }, (_, i) => read(4 * i + 4)),
  };
  const peer = new HostilePeer({ role, parameters: { versionInformation } }).handshake();
  return peer.close?.code;
}

const VERSION_NEGOTIATION_ERROR = TRANSPORT_ERRORS.VERSION_NEGOTIATION_ERROR.code;
const TRANSPORT_PARAMETER_ERROR = TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code;

describe("a server's check of version_information (RFC 9368 §4)", () => {
  it.each([
    ["absent", undefined, undefined],
    ["the version in use, in a list", "00000001 6b3343cf 00000001", undefined],
    ["the version in use, only", "00000001 00000001", undefined],
    ["a chosen version that is not in use", "6b3343cf 6b3343cf 00000001", VERSION_NEGOTIATION_ERROR],
    ["a chosen version that is not available", "00000001 6b3343cf", TRANSPORT_PARAMETER_ERROR],
    ["version 0", "00000001 00000001 00000000", TRANSPORT_PARAMETER_ERROR],
  ])("%s", (_, information, code) => {
    expect(refusalOf("client", information)).toBe(code);
  });
});

describe("a client's check of version_information (RFC 9368 §4)", () => {
  it.each([
    ["absent from a server of version 1", undefined, undefined],
    ["the version in use, and an empty list", "00000001", undefined],
    ["the version in use, which is not in the list", "00000001 6b3343cf", undefined],
    ["a chosen version that is not in use", "6b3343cf 00000001 6b3343cf", VERSION_NEGOTIATION_ERROR],
    ["a version that this client does not have", "709a50c4 00000001", VERSION_NEGOTIATION_ERROR],
  ])("%s", (_, information, code) => {
    expect(refusalOf("server", information)).toBe(code);
  });

  it("a connection that starts with version 2 must have it", () => {
    const refused = new HostilePeer({ role: "server", version: VERSION_2 }).handshake();
    expect(refused.close?.code).toBe(VERSION_NEGOTIATION_ERROR);
    const information = { chosen: VERSION_2, available: [VERSION_2] };
    const accepted = new HostilePeer({
      role: "server",
      version: VERSION_2,
      parameters: { versionInformation: information },
    }).handshake();
    expect(accepted.close).toBeUndefined();
    expect(accepted.isComplete).toBe(true);
  });
});

describe("after a Version Negotiation packet", () => {
  /** A client that tries `start` because a server listed it, instead of version 1. */
  const check = (available: Versions | undefined, start = VERSION_2) =>
    new HostilePeer({
      role: "server",
      version: start,
      followsNegotiation: true,
      victim: { versions: [VERSION_1, VERSION_2] },
      parameters: { versionInformation: available && { chosen: start, available } },
    }).handshake().close?.code;

  it.each([
    ["a server that has version 2 only", [VERSION_2], undefined],
    ["a server whose list is empty", [], VERSION_NEGOTIATION_ERROR],
    ["a server that has version 1 too: the packet was forged", [VERSION_1, VERSION_2], VERSION_NEGOTIATION_ERROR],
    ["a server that is still deploying version 2", [0x1a2a3a4a], undefined],
    ["a server without version_information", undefined, VERSION_NEGOTIATION_ERROR],
  ])("%s", (_, available, code) => {
    expect(check(available)).toBe(code);
  });

  it("a server of version 1 may lack version_information (RFC 9368 §8)", () => {
    expect(check(undefined, VERSION_1)).toBeUndefined();
  });

  it("the client ignores another one", () => {
    const peer = new HostilePeer({ role: "server", version: VERSION_2, followsNegotiation: true, mute: true }).poll();
    const writer = new Writer(new Uint8Array(100));
    writer.write(fromHex("c000000000"));
    for (const id of [peer.destination, peer.originalDestination!]) {
      writer.uint8(id.length);
      writer.write(id);
    }
    writer.uint32(VERSION_1);
    peer.deliver(writer.written().slice()).poll();
    expect(peer.connection.isOpen).toBe(true);
  });
});
