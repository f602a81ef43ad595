/** Stateless resets from endpoints that have lost their state, and from others that claim to have (RFC 9000 §10.3). */

import { describe, expect, test } from "vitest";
import { randomBytes, SeededRng } from "../../base/rng.ts";
import { seconds } from "../../base/time.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { RoutedConnectionIds, RoutedIdKeys } from "../packet/index.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { address, Listener } from "../testing/listener.ts";
import { CLIENT_ADDRESS, Pair } from "../testing/pair.ts";
import { ResetTokens } from "./reset-tokens.ts";

const staticSecret = new Uint8Array(32).fill(5);

/** A short header with an unknown id. */
function stray(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  new SeededRng(seed).fill(bytes);
  bytes[0] = 0x40 | (bytes[0]! & 0x3f);
  return bytes;
}

describe("a restarted server", () => {
  test("ends its earlier connections", () => {
    const pair = new Pair({ staticSecret }).connect();
    pair.run(undefined, seconds(1));
    const reborn = new Listener({ staticSecret, seed: 99 });
    const id = pair.connection.openStream("bidi")!;
    pair.connection.write(id, new Uint8Array(500), true);
    const before = pair.sent["to-server"].length;
    pair.run(() => pair.sent["to-server"].length > before);
    const [reset] = reborn.deliver(pair.sent["to-server"].at(-1)!, CLIENT_ADDRESS);
    pair.inject("to-client", reset!.bytes);
    pair.run(() => !pair.connection.isOpen, seconds(1));
    expect(pair.clientEvents.at(-1)).toEqual({ type: "closed", reason: { type: "stateless-reset" } });
    // RFC 9000 §10.3.1: nothing more is sent.
    const sent = pair.sent["to-server"].length;
    pair.run(undefined, seconds(5));
    expect(pair.sent["to-server"].length).toBe(sent);
    expect(pair.client.connectionCount).toBe(0);
  });

  test("ends none with another secret", () => {
    const pair = new Pair({ staticSecret }).connect();
    const reborn = new Listener({ staticSecret: new Uint8Array(32).fill(6), seed: 99 });
    const [reset] = reborn.deliver(stray(1_200), CLIENT_ADDRESS);
    pair.inject("to-client", reset!.bytes);
    pair.run(undefined, seconds(1));
    expect(pair.connection.isOpen).toBe(true);
  });
});

describe("when reset keys change", () => {
  const DAY = 20_001;
  /** A server's ids: each process has its own keys for routes. */
  function ids(seed: number, day: () => number) {
    const rng = new SeededRng(seed);
    const keys = new RoutedIdKeys(Array.from({ length: 4 }, () => randomBytes(rng, 16)));
    return new RoutedConnectionIds(rng, keys, { generation: 0, worker: 0, node: 0 }, day);
  }

  /** True if a server that is restarted `days` later ends the connection. */
  function isEnded(days: number, secret = staticSecret): boolean {
    const pair = new Pair({ staticSecret, server: { connectionIds: ids(1, () => DAY) } }).connect();
    pair.run(undefined, seconds(1));
    const connectionIds = ids(2, () => DAY + days);
    const reborn = new Listener({ staticSecret: secret, seed: 99, config: { connectionIds } });
    pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(500), true);
    const before = pair.sent["to-server"].length;
    pair.run(() => pair.sent["to-server"].length > before);
    const [reset] = reborn.deliver(pair.sent["to-server"].at(-1)!, CLIENT_ADDRESS);
    pair.inject("to-client", reset!.bytes);
    pair.run(() => !pair.connection.isOpen, seconds(1));
    return !pair.connection.isOpen;
  }

  test("a server still ends connections of the previous keys, and so does another process that shares the secret", () => {
    expect([-1, 0, 1, 2].map((days) => isEnded(days))).toEqual([true, true, true, true]);
    // Later, an id may mean a newer key.
    expect(isEnded(3)).toBe(false);
    expect(isEnded(1, new Uint8Array(32).fill(6))).toBe(false);
  });

  test("the token of an id is another one under another key", () => {
    let day = DAY;
    const generator = ids(1, () => day);
    const tokens = new ResetTokens(portableEngine, generator, staticSecret);
    const id = generator.generate().bytes;
    const first = tokens.of(id);
    day += 4;
    expect(tokens.of(id)).not.toEqual(first);
    day -= 4;
    expect(tokens.of(id)).toEqual(first);
    // The bits that name the key do not make one id's token that of another.
    const renamed = id.slice();
    renamed[0]! ^= 0x40;
    expect(tokens.of(renamed)).not.toEqual(first);
  });
});

describe("resets in response to stray packets", () => {
  test("are shorter than their trigger, and are not sent for 21 bytes or less", () => {
    const server = new Listener({ staticSecret });
    for (const length of [9, 20, 21, 22, 30, 43, 44, 100, 1_452]) {
      server.now = (server.now + seconds(1)) as typeof server.now;
      const answers = server.deliver(stray(length));
      expect(answers.length, String(length)).toBe(length > 21 ? 1 : 0);
      for (const { bytes } of answers) expect(bytes.length).toBeLessThan(length);
    }
  });

  test("are limited to a hundred per second", () => {
    const server = new Listener({ staticSecret });
    const responsesTo = (count: number) => {
      let answers = 0;
      for (let n = 0; n < count; n += 1) answers += server.deliver(stray(60, n), address(n)).length;
      return answers;
    };
    expect(responsesTo(500)).toBe(100);
    server.wait(seconds(1));
    expect(responsesTo(500)).toBe(100);
  });

  test("do not come from an endpoint that only connects", () => {
    const peer = new HostilePeer({ role: "server" }).handshake();
    const before = peer.datagrams.length;
    peer.deliver(stray(100)).poll();
    expect(peer.datagrams.length).toBe(before);
  });

  test("stop between two endpoints without state", () => {
    const [a, b] = [new Listener({ staticSecret }), new Listener({ staticSecret, seed: 2 })];
    let datagram: Uint8Array | undefined = stray(1_400);
    let replies = 0;
    for (let turn = 0; datagram !== undefined; turn += 1) {
      const length: number = datagram.length;
      datagram = (turn % 2 === 0 ? a : b).deliver(datagram)[0]?.bytes;
      if (datagram === undefined) break;
      expect(datagram.length).toBeLessThan(length);
      replies += 1;
    }
    expect(replies).toBeLessThanOrEqual(120);
  });
});

describe("a reset is not accepted for", () => {
  const zeros = () => stray(60).fill(0, 44);

  test("zeros, before the server has sent a token", () => {
    const peer = new HostilePeer({ role: "server", mute: true }).poll();
    peer.deliver(zeros()).poll();
    expect(peer.connection.isOpen).toBe(true);
  });

  test("zeros, if the server sent no token, and never by a server", () => {
    for (const role of ["server", "client"] as const) {
      const peer = new HostilePeer({ role }).handshake();
      peer.deliver(zeros()).poll();
      expect(peer.connection.isOpen).toBe(true);
    }
  });

  test("the token of a retired id", () => {
    const tokens = [1, 2].map((fill) => new Uint8Array(16).fill(fill));
    const peer = new HostilePeer({ role: "server", parameters: { statelessResetToken: tokens[0] } }).handshake();
    const connectionId = new Uint8Array(8).fill(0x61);
    peer.send(EncryptionLevel.oneRtt, [
      { type: "new-connection-id", sequence: 1, retirePriorTo: 1, connectionId, resetToken: tokens[1]! },
    ]);
    const ending = (token: Uint8Array) => {
      const bytes = stray(60);
      bytes.set(token, 44);
      return bytes;
    };
    peer.deliver(ending(tokens[0]!)).poll();
    expect(peer.connection.isOpen).toBe(true);
    peer.deliver(ending(tokens[1]!)).poll();
    expect(peer.events.at(-1)).toEqual({ type: "closed", reason: { type: "stateless-reset" } });
  });

  test("the token of an id not yet in use", () => {
    const resetToken = new Uint8Array(16).fill(3);
    const peer = new HostilePeer({ role: "server" }).handshake();
    peer.send(EncryptionLevel.oneRtt, [
      { type: "new-connection-id", sequence: 1, retirePriorTo: 0, connectionId: new Uint8Array(8), resetToken },
    ]);
    const bytes = stray(60);
    bytes.set(resetToken, 44);
    peer.deliver(bytes).poll();
    expect(peer.connection.isOpen).toBe(true);
  });
});
