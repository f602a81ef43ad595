/** HelloRetryRequest in both roles (RFC 8446 §4.1.4). */

import { describe, expect, it } from "vitest";
import { createTlsClient } from "./client.ts";
import { EncryptionLevel } from "./handshake.ts";
import { type ClientHello, emitClientHello, parseClientHello } from "./messages/client-hello.ts";
import { handshakeMessage, parseBody } from "./messages/message.ts";
import { parseServerHello } from "./messages/server-hello.ts";
import { expectCode } from "./testing/expect.ts";
import { clientConfig, eventOf, NOW, Pair, secretsOf } from "./testing/pair.ts";
import { helloRetryRequest, ScriptedServer } from "./testing/scripted-server.ts";

const parseHello = (bytes: Uint8Array): ClientHello => parseBody(handshakeMessage(bytes), parseClientHello);

describe("between our client and our server", () => {
  it("the server requests a group that was offered without a share, and both complete with it", () => {
    const pair = new Pair({ server: { groups: ["secp384r1"] } }).run();
    expect(pair.isComplete).toBe(true);
    expect(eventOf(pair.clientEvents, "complete")!.group).toBe("secp384r1");
    expect(eventOf(pair.serverEvents, "complete")!.group).toBe("secp384r1");
    const clientRead = secretsOf(pair.clientEvents).find(
      (s) => s.level === EncryptionLevel.oneRtt && s.direction === "read",
    );
    const serverWrite = secretsOf(pair.serverEvents).find(
      (s) => s.level === EncryptionLevel.oneRtt && s.direction === "write",
    );
    expect(clientRead!.secret).toEqual(serverWrite!.secret);
    const request = parseBody(handshakeMessage(pair.toClient[0]!.bytes), parseServerHello);
    expect(request).toMatchObject({ type: "hello_retry_request", extensions: { key_share: 0x0018 } });
  });

  it("works with the hash of AES-256-GCM too", () => {
    const pair = new Pair({ server: { groups: ["secp256r1"], cipherSuites: ["TLS_AES_256_GCM_SHA384"] } }).run();
    expect(pair.isComplete).toBe(true);
  });

  it("works with messages in single bytes", () => {
    const pair = new Pair({ server: { groups: ["secp256r1"] }, chunk: 1 }).run();
    expect(pair.isComplete).toBe(true);
  });

  it("is not used if there is a share of a less preferred group", () => {
    const pair = new Pair({ server: { groups: ["secp384r1", "x25519"] } }).run();
    expect(pair.toServer.filter(({ level }) => level === EncryptionLevel.initial)).toHaveLength(1);
    expect(eventOf(pair.clientEvents, "complete")!.group).toBe("x25519");
  });

  it("changes only the share in the ClientHello", () => {
    const pair = new Pair({ server: { groups: ["secp256r1"] } }).run();
    const [first, second] = pair.toServer.map(({ bytes }) => bytes);
    const { key_share: firstShares, ...before } = parseHello(first!).extensions;
    const { key_share: secondShares, ...after } = parseHello(second!).extensions;
    expect(after).toEqual(before);
    expect(parseHello(second!).random).toEqual(parseHello(first!).random);
    expect(firstShares!.map(({ group }) => group)).toEqual([0x001d]);
    expect(secondShares!.map(({ group }) => group)).toEqual([0x0017]);
  });
});

describe("a client that receives a HelloRetryRequest", () => {
  const start = () => {
    const client = createTlsClient(clientConfig());
    client.start(NOW);
    return { client, server: new ScriptedServer(), hello: client.pollTransmit()!.bytes };
  };

  it("returns a cookie and keeps its share if no group is requested", () => {
    const { client, server, hello } = start();
    const cookie = new Uint8Array(300).fill(5);
    client.handleCrypto(EncryptionLevel.initial, server.retry(hello, helloRetryRequest({ cookie })).bytes, NOW);
    const second = client.pollTransmit()!.bytes;
    expect(parseHello(second).extensions).toEqual({ ...parseHello(hello).extensions, cookie });
    for (const { level, bytes } of server.flight(second)) client.handleCrypto(level, bytes, NOW);
    client.certificateVerdict(undefined, NOW);
    expect(client.isComplete).toBe(true);
    expect(client.pollTransmit()!.bytes).toEqual(server.expectedFinished());
  });

  it("returns a cookie along with the requested share", () => {
    const { client, server, hello } = start();
    const request = helloRetryRequest({ cookie: Uint8Array.of(1), key_share: 0x0018 });
    client.handleCrypto(EncryptionLevel.initial, server.retry(hello, request).bytes, NOW);
    const second = client.pollTransmit()!.bytes;
    expect(parseHello(second).extensions.cookie).toEqual(Uint8Array.of(1));
    for (const { level, bytes } of server.flight(second, { group: "secp384r1" }))
      client.handleCrypto(level, bytes, NOW);
    client.certificateVerdict(undefined, NOW);
    expect(client.isComplete).toBe(true);
  });
});

describe("a server that has requested a share", () => {
  /** A pair whose client's second ClientHello is modified in transit. */
  function withSecond(change: (second: ClientHello, first: ClientHello) => ClientHello): Pair {
    const hellos: ClientHello[] = [];
    return new Pair({
      server: { groups: ["secp256r1", "secp384r1"] },
      toServer: (message, name) => {
        if (name !== "client_hello") return message;
        hellos.push(parseHello(message));
        const [first, second] = hellos;
        return second === undefined ? message : emitClientHello(change(second, first!));
      },
    });
  }

  const cases: readonly [string, (second: ClientHello, first: ClientHello) => ClientHello][] = [
    ["repeats the first ClientHello", (_, first) => first],
    ["sends no share", (second) => ({ ...second, extensions: { ...second.extensions, key_share: [] } })],
    [
      "sends a share of another group",
      (second) => ({
        ...second,
        extensions: { ...second.extensions, key_share: [{ group: 0x0018, keyExchange: new Uint8Array(97) }] },
      }),
    ],
    [
      "sends one share too many",
      (second, first) => ({
        ...second,
        extensions: {
          ...second.extensions,
          key_share: [...second.extensions.key_share!, ...first.extensions.key_share!],
        },
      }),
    ],
    ["changes its random", (second) => ({ ...second, random: new Uint8Array(32) })],
    ["changes its cipher suites", (second) => ({ ...second, cipherSuites: [0x1303, 0x1301] })],
    [
      "changes the server name",
      (second) => ({ ...second, extensions: { ...second.extensions, server_name: "other.example" } }),
    ],
    [
      "changes its transport parameters",
      (second) => ({ ...second, extensions: { ...second.extensions, quic_transport_parameters: new Uint8Array(1) } }),
    ],
    ["still offers early data", (second) => ({ ...second, extensions: { ...second.extensions, early_data: true } })],
  ];
  for (const [what, change] of cases) {
    it(`aborts with illegal_parameter when the client ${what}`, () => {
      expectCode(() => withSecond(change).run(), "illegal_parameter");
    });
  }

  it("tolerates changed padding and unknown extensions", () => {
    const pair = withSecond((second) => ({
      ...second,
      extensions: {
        ...second.extensions,
        padding: new Uint8Array(10),
        unknown: [{ type: 0xfe0d, data: Uint8Array.of(2) }],
      },
    }));
    // The client has hashed other bytes than it seems to have sent, so only the server's signature fails.
    expectCode(() => pair.run(), "decrypt_error");
    expect(secretsOf(pair.serverEvents)).toHaveLength(3);
  });
});
