/** Floods of datagrams that belong to no connection: the state they leave, and the delay they cause (RFC 9000 §21.9). */

import { describe, expect, test } from "vitest";
import { seconds } from "../../base/time.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { createTlsServer } from "../../tls/index.ts";
import { ed25519Identity } from "../../tls/testing/identity.ts";
import { formsOf, initialPacket } from "../testing/initial.ts";
import { address, Listener } from "../testing/listener.ts";

const idOf = (n: number): Uint8Array => Uint8Array.of(1, 2, 3, 4, 5, 6, n >> 8, n & 0xff);
const first = (n: number) => initialPacket({ destination: idOf(n) });
const forged = (n: number) => initialPacket({ destination: idOf(n), keyId: idOf(n + 1) });
const stray = (length: number) => new Uint8Array(length).fill(0x55);

/** An Initial of an unknown version. */
const foreign = (n: number) => first(n).map((byte, i) => (i === 1 ? 0x5a : byte));

describe("Initials that fail to decrypt", () => {
  test("leave no connection", () => {
    const server = new Listener();
    for (let n = 0; n < 100; n += 1) expect(server.deliver(forged(n), address(n))).toEqual([]);
    expect(server.endpoint.connectionCount).toBe(0);
    expect(server.accepted).toBe(0);
    expect(server.endpoint.nextTimeout()).toBeUndefined();
    // A legitimate client can still use the same id.
    server.deliver(first(5));
    expect(server.endpoint.connectionCount).toBe(1);
  });

  test("require clients to prove their address, for the duration of a handshake", () => {
    const server = new Listener({ policy: { retryAbove: 10 } });
    for (let n = 0; n < 10; n += 1) server.deliver(forged(n), address(n));
    const [retry] = server.deliver(first(20));
    expect(formsOf(retry!.bytes)).toEqual(["retry"]);
    expect(formsOf(server.deliver(forged(21))[0]!.bytes)).toEqual(["retry"]);
    server.wait(seconds(10));
    server.deliver(first(22));
    expect(server.endpoint.connectionCount).toBe(1);
  });
});

test("Initials from one address get at most 500 Retry packets per second, and do not block others", () => {
  const server = new Listener({ policy: { retry: "always" } });
  let retries = 0;
  for (let n = 0; n < 1_000; n += 1) retries += server.deliver(first(n)).length;
  expect(retries).toBe(500);
  expect(server.deliver(first(2_000), address(2)).length).toBe(1);
});

describe("in a batch full of junk", () => {
  test("a possible connection is handled first, then at most sixteen strays", () => {
    const staticSecret = new Uint8Array(32).fill(5);
    const identity = ed25519Identity();
    const order: string[] = [];
    const server = new Listener({
      staticSecret,
      config: {
        engine: {
          ...portableEngine,
          hmac(hash, key, data) {
            if (key === staticSecret) order.push("reset token");
            return portableEngine.hmac(hash, key, data);
          },
        },
      },
      policy: {
        createTls: (transportParameters) => {
          order.push("handshake");
          const { rng } = server;
          const alpn = ["test"];
          const selectIdentity = () => identity;
          return createTlsServer({ engine: portableEngine, rng, alpn, transportParameters, selectIdentity });
        },
      },
    });
    const answers = server.deliverAll([...Array.from({ length: 100 }, () => stray(60)), first(1)]);
    // The reset token of the new connection precedes its handshake.
    expect(order.slice(0, 2)).toEqual(["reset token", "handshake"]);
    expect(order.length).toBe(2 + 16);
    expect(answers.length).toBe(16 + 1);
  });

  test("the packets of a connection alternate with replies", () => {
    const server = new Listener();
    const answers = server.deliverAll([...Array.from({ length: 40 }, (_, n) => foreign(n)), first(99)]);
    expect(answers.length).toBe(41);
    const forms = answers.map(({ bytes }) => formsOf(bytes)[0]);
    expect(forms.indexOf("initial")).toBeLessThan(2);
  });

  test("at most 256 replies are queued", () => {
    const server = new Listener();
    const batch = Array.from({ length: 300 }, (_, n) => foreign(n));
    expect(server.deliverAll(batch).length).toBe(256);
  });

  test("Version Negotiation is limited to a thousand packets per second", () => {
    const server = new Listener();
    let answers = 0;
    for (let round = 0; round < 50; round += 1) {
      answers += server.deliverAll(Array.from({ length: 40 }, (_, n) => foreign(n))).length;
    }
    expect(answers).toBe(1_000);
    server.wait(seconds(1));
    expect(server.deliver(foreign(1)).length).toBe(1);
  });
});
