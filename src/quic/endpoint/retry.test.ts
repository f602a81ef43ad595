/** Address validation by Retry and NEW_TOKEN (RFC 9000 §8.1, §17.2.5). */

import { describe, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { micros, seconds } from "../../base/time.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { Writer } from "../../wire/writer.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import { emitRetry } from "../packet/index.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { formsOf, headersOf, initialPacket, openInitial } from "../testing/initial.ts";
import { type Answer, address, Listener } from "../testing/listener.ts";
import { Pair } from "../testing/pair.ts";
import { preferredVersion, VERSION_1, VERSION_2 } from "../versions/index.ts";
import { RETRY_TOKEN_LIFETIME, RetryTokens } from "./retry-token.ts";

const DESTINATION = new Uint8Array(8).fill(0x44);
const { INVALID_TOKEN } = TRANSPORT_ERRORS;

describe("a connection after a Retry", () => {
  const pair = new Pair({ policy: { retry: "always" } }).connect();

  test("is established, and both sides know about the Retry", () => {
    expect(formsOf(pair.sent["to-client"][0]!)).toEqual(["retry"]);
    expect(pair.connection.handshakeFacts?.usedRetry).toBe(true);
    expect(pair.peer?.handshakeFacts?.usedRetry).toBe(true);
  });

  test("repeats the ClientHello to the Retry's id with its token, and continues packet numbers", () => {
    const [first, second] = pair.sent["to-server"];
    const retry = headersOf(pair.sent["to-client"][0]!)[0]!;
    const before = openInitial(first!, headersOf(first!)[0]!.destination, "client");
    const after = openInitial(second!, retry.source, "client");
    expect(before.header.token).toHaveLength(0);
    expect(after.header.token).toEqual(retry.token);
    expect(after.header.destination).toEqual(retry.source);
    expect(after.packetNumber).toBeGreaterThan(before.packetNumber);
    const hello = (frames: typeof before.frames) => frames.filter((frame) => frame.type === "crypto");
    expect(hello(after.frames)).toEqual(hello(before.frames));
  });
});

describe("a Retry token", () => {
  /** A server that has requested proof, and the Initial that provides it. */
  function challenge() {
    const server = new Listener({ policy: { retry: "always" } });
    const [answer] = server.deliver(initialPacket({ destination: DESTINATION }));
    const retry = headersOf(answer!.bytes)[0]!;
    const proof = { destination: retry.source.slice(), token: retry.token.slice() };
    return { server, proof };
  }

  function expectRefusal(answers: readonly Answer[], destination: Uint8Array): void {
    expect(answers).toHaveLength(1);
    const { frames } = openInitial(answers[0]!.bytes, destination, "server");
    expect(frames.find((frame) => frame.type === "connection-close")?.code).toBe(INVALID_TOKEN.code);
  }

  test("admits its client when it returns", () => {
    const { server, proof } = challenge();
    expect(server.endpoint.connectionCount).toBe(0);
    server.deliver(initialPacket(proof));
    expect(server.endpoint.connectionCount).toBe(1);
    expect([...server.endpoint.connections()][0]!.route.isValidated).toBe(true);
  });

  test("is refused from another address", () => {
    const { server, proof } = challenge();
    expectRefusal(server.deliver(initialPacket(proof), address(2)), proof.destination);
    expectRefusal(server.deliver(initialPacket(proof), { ...address(1), port: 1 }), proof.destination);
    expect(server.endpoint.connectionCount).toBe(0);
  });

  test("is refused once it has expired", () => {
    const { server, proof } = challenge();
    server.wait(micros(RETRY_TOKEN_LIFETIME - 1));
    server.deliver(initialPacket(proof));
    expect(server.endpoint.connectionCount).toBe(1);
    const other = challenge();
    other.server.wait(RETRY_TOKEN_LIFETIME);
    expectRefusal(other.server.deliver(initialPacket(other.proof)), other.proof.destination);
  });

  test("is refused for another connection id", () => {
    const { server, proof } = challenge();
    expectRefusal(server.deliver(initialPacket({ ...proof, destination: DESTINATION })), DESTINATION);
  });

  test("with any bit flipped is treated as absent", () => {
    const { server, proof } = challenge();
    for (let i = 0; i < proof.token.length; i += 7) {
      const token = proof.token.slice();
      token[i]! ^= 1 << (i % 8);
      const answers = server.deliver(initialPacket({ ...proof, token }));
      expect(answers.map(({ bytes }) => formsOf(bytes)[0])).toEqual(["retry"]);
    }
    expect(server.endpoint.connectionCount).toBe(0);
  });
});

describe("which Retry a client ignores", () => {
  interface RetryOptions {
    readonly source?: Uint8Array;
    readonly token?: Uint8Array;
    readonly original?: Uint8Array;
    readonly version?: number;
  }

  function retryFor(peer: HostilePeer, options: RetryOptions = {}): Uint8Array {
    const { source = new Uint8Array(8).fill(0x55), token = Uint8Array.of(1, 2, 3) } = options;
    const writer = new Writer(new Uint8Array(2_000));
    const original = options.original ?? peer.originalDestination!;
    const { version = preferredVersion } = options;
    emitRetry(portableEngine, writer, version, original, peer.destination, source, token);
    return writer.written();
  }

  const waiting = (version: number = preferredVersion) =>
    new HostilePeer({ role: "server", mute: true, version }).poll();

  /** What the client sends immediately in response to the Retry. */
  function reaction(peer: HostilePeer, retry: Uint8Array): readonly Uint8Array[] {
    const before = peer.datagrams.length;
    peer.deliver(retry).poll();
    return peer.datagrams.slice(before);
  }

  test("not a valid one", () => {
    const peer = waiting();
    const [initial] = reaction(peer, retryFor(peer));
    expect(headersOf(initial!)[0]!.token).toEqual(Uint8Array.of(1, 2, 3));
  });

  test("a second one", () => {
    const peer = waiting();
    reaction(peer, retryFor(peer));
    expect(reaction(peer, retryFor(peer, { token: Uint8Array.of(9) }))).toEqual([]);
  });

  test("one without a token", () => {
    const peer = waiting();
    expect(reaction(peer, retryFor(peer, { token: new Uint8Array(0) }))).toEqual([]);
  });

  test("one with the tag of another connection", () => {
    const peer = waiting();
    expect(reaction(peer, retryFor(peer, { original: new Uint8Array(8) }))).toEqual([]);
  });

  test("one in the other version, although its tag is valid", () => {
    for (const version of [VERSION_1, VERSION_2]) {
      const peer = waiting(version);
      expect(reaction(peer, retryFor(peer, { version: version === VERSION_1 ? VERSION_2 : VERSION_1 }))).toEqual([]);
      expect(reaction(peer, retryFor(peer, { version }))).not.toEqual([]);
    }
  });

  test("one that keeps the id chosen by the client", () => {
    const peer = waiting();
    expect(reaction(peer, retryFor(peer, { source: peer.originalDestination! }))).toEqual([]);
  });

  test("one whose token leaves no room for a ClientHello", () => {
    const peer = waiting();
    expect(reaction(peer, retryFor(peer, { token: new Uint8Array(1_150) }))).toEqual([]);
    const [initial] = reaction(peer, retryFor(peer, { token: new Uint8Array(700) }));
    expect(initial).toHaveLength(1_200);
  });

  test("one after a packet from the server", () => {
    const peer = new HostilePeer({ role: "server" }).handshake();
    const before = peer.datagrams.length;
    peer.deliver(retryFor(peer)).poll();
    expect(peer.datagrams.length).toBe(before);
    expect(peer.connection.isOpen).toBe(true);
  });
});

describe("a token for the next connection", () => {
  const tokenKey = new Uint8Array(32).fill(8);

  test("is issued after the handshake, and saves the next one the Retry", () => {
    const peer = new HostilePeer({ role: "client", policy: { tokenKey } }).handshake();
    const given = peer.frames.find(({ frame }) => frame.type === "new-token");
    expect(given?.level).toBe(EncryptionLevel.oneRtt);
    const { token } = given!.frame as { token: Uint8Array };
    const server = new Listener({ policy: { tokenKey, retry: "always" }, seed: 2 });
    // Ports change, but not the host.
    const from = { family: 4, host: "192.0.2.66", port: 1 } as const;
    const answers = server.deliver(initialPacket({ destination: DESTINATION, token }), from);
    expect(server.endpoint.connectionCount).toBe(1);
    expect([...server.endpoint.connections()][0]!.route.isValidated).toBe(true);
    expect(answers.flatMap(({ bytes }) => formsOf(bytes))).not.toContain("retry");
    const stolen = server.deliver(initialPacket({ destination: new Uint8Array(8).fill(1), token }), address(3));
    expect(formsOf(stolen[0]!.bytes)).toEqual(["retry"]);
  });

  test("is ignored if it is not ours", () => {
    const server = new Listener({ policy: { tokenKey } });
    const other = new RetryTokens(portableEngine, new Uint8Array(32), new SeededRng(1));
    const token = other.issueNewToken(VERSION_1, address(1), server.now);
    server.deliver(initialPacket({ destination: DESTINATION, token }));
    expect(server.endpoint.connectionCount).toBe(1);
    expect([...server.endpoint.connections()][0]!.route.isValidated).toBe(false);
    server.wait(seconds(11));
    expect(server.endpoint.connectionCount).toBe(0);
  });
});
