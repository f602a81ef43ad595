/** Address validation by Retry and NEW_TOKEN (RFC 9000 §8.1, §17.2.5). */

import { describe, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { type Instant, micros, seconds } from "../../base/time.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { Writer } from "../../wire/writer.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import { emitRetry } from "../packet/index.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { formsOf, headersOf, initialPacket, openInitial } from "../testing/initial.ts";
import { type Answer, address, Listener } from "../testing/listener.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";
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

  const policy = { tokenKey, retry: "always" } as const;

  /** The tokens that a client is given on a connection, by the time that everything was acknowledged. */
  function given(options: PairOptions = {}) {
    const pair = new Pair({ policy, ...options }).connect();
    pair.run(undefined, seconds(5));
    return pair.clientEvents.filter((event) => event.type === "new-token");
  }

  test("is an event of the client, and lets its next connection begin without a Retry", () => {
    const [event] = given();
    expect(event).toMatchObject({ version: VERSION_1 });
    const next = new Pair({ policy, seed: 2, start: 9_000_000 as Instant, token: event!.token }).connect();
    expect(next.peer?.isHandshakeComplete).toBe(true);
    expect(next.connection.handshakeFacts?.usedRetry).toBe(false);
    expect(next.sent["to-client"].flatMap(formsOf)).not.toContain("retry");
    // RFC 9000 §8.1.3: it is in all Initial packets.
    const initials = next.sent["to-server"].flatMap(headersOf).filter(({ form }) => form === "initial");
    for (const { token } of initials) expect(token).toEqual(event!.token);
    // The connection brings another one.
    next.run(undefined, seconds(5));
    const renewed = next.clientEvents.filter(({ type }) => type === "new-token");
    expect(renewed).toHaveLength(1);
    expect(renewed).not.toEqual([event]);
  });

  test("belongs to the negotiated version", () => {
    const [event] = given({ server: { versions: [VERSION_2, VERSION_1] } });
    expect(event).toMatchObject({ version: VERSION_2 });
  });

  test("is replaced by that of a Retry if the server does not accept it", () => {
    for (const token of [Uint8Array.of(1, 2, 3), new RetryTokens(portableEngine, tokenKey, new SeededRng(1))]) {
      const wrong =
        token instanceof RetryTokens ? token.issueNewToken(VERSION_1, address(9), 1_000_000 as Instant) : token;
      const pair = new Pair({ policy, token: wrong }).connect();
      expect(pair.connection.handshakeFacts?.usedRetry).toBe(true);
      const tokens = pair.sent["to-server"]
        .flatMap(headersOf)
        .flatMap(({ form, token: sent }) => (form === "initial" ? [sent] : []));
      expect(tokens[0]).toEqual(wrong);
      for (const later of tokens.slice(1)) expect(later.length).toBeGreaterThan(wrong.length);
    }
  });

  test("is reported once, although the frame arrives again, unless it is too long to be used", () => {
    const peer = new HostilePeer({ role: "server" }).handshake();
    for (const token of [
      Uint8Array.of(1),
      Uint8Array.of(2),
      Uint8Array.of(1),
      new Uint8Array(769),
      new Uint8Array(768),
    ]) {
      peer.send(EncryptionLevel.oneRtt, [{ type: "new-token", token }]);
    }
    const reported = () => peer.events.flatMap((event) => (event.type === "new-token" ? [event.token] : []));
    expect(reported()).toEqual([Uint8Array.of(1), Uint8Array.of(2), new Uint8Array(768)]);
    // A server cannot fill the client's memory with them.
    for (let n = 0; n < 100; n += 1)
      peer.send(EncryptionLevel.oneRtt, [{ type: "new-token", token: Uint8Array.of(3, n) }]);
    expect(reported()).toHaveLength(8);
    expect(peer.connection.isOpen).toBe(true);
  });
});
