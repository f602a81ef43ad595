/** Every fatal condition of a server: what the client does wrong, and the resulting error. */

import { describe, expect, it } from "vitest";
import { concat, utf8 } from "../wire/text.ts";
import type { AlertName } from "./alerts.ts";
import { createTlsClient } from "./client.ts";
import { EncryptionLevel, type TlsServerConfig } from "./handshake.ts";
import { type ClientHello, emitClientHello, parseClientHello } from "./messages/client-hello.ts";
import { EXTENSIONS, type ExtensionName, type Extensions, emitExtensions } from "./messages/extensions.ts";
import { emitFinished } from "./messages/finished.ts";
import { emitMessage, handshakeMessage, parseBody } from "./messages/message.ts";
import { uint8, uint16, vector8, vector16 } from "./messages/presentation.ts";
import { createTlsServer } from "./server.ts";
import { expectCode, PROTOCOL_VIOLATION } from "./testing/expect.ts";
import { ed25519Identity } from "./testing/identity.ts";
import { clientConfig, NOW, Pair, serverConfig } from "./testing/pair.ts";

const EMPTY = new Uint8Array(0);

const HELLO: ClientHello = (() => {
  const client = createTlsClient(clientConfig());
  client.start(NOW);
  return parseBody(handshakeMessage(client.pollTransmit()!.bytes), parseClientHello);
})();

/** A server that has received one ClientHello. */
function serve(bytes: Uint8Array, config: Partial<TlsServerConfig> = {}) {
  const server = createTlsServer(serverConfig(config));
  server.start(NOW);
  server.handleCrypto(EncryptionLevel.initial, bytes, NOW);
  return server;
}

const withExtensions = (changes: Extensions<"CH">): ClientHello => ({
  ...HELLO,
  extensions: { ...HELLO.extensions, ...changes },
});

function without(name: ExtensionName): ClientHello {
  const { [name as keyof Extensions<"CH">]: _, ...extensions } = HELLO.extensions;
  return { ...HELLO, extensions };
}

function withoutModes(hello: ClientHello): ClientHello {
  const { psk_key_exchange_modes: _, ...extensions } = hello.extensions;
  return { ...hello, extensions };
}

describe("a server aborts on a ClientHello", () => {
  const binder = new Uint8Array(32);
  const psk = { identities: [{ identity: uint8(1), obfuscatedTicketAge: 0 }], binders: [binder] };
  const cases: readonly [string, AlertName | typeof PROTOCOL_VIOLATION, ClientHello][] = [
    ["without supported_versions", "protocol_version", without("supported_versions")],
    ["that offers only older versions", "protocol_version", withExtensions({ supported_versions: [0x0303, 0x0302] })],
    ["with another legacy_version", "protocol_version", { ...HELLO, legacyVersion: 0x0304 }],
    ["with a session ID (RFC 9001 §8.4)", PROTOCOL_VIOLATION, { ...HELLO, legacySessionId: new Uint8Array(32) }],
    ["with a compression method", "illegal_parameter", { ...HELLO, legacyCompressionMethods: Uint8Array.of(1) }],
    ["with two compression methods", "illegal_parameter", { ...HELLO, legacyCompressionMethods: Uint8Array.of(0, 1) }],
    ["without signature_algorithms", "missing_extension", without("signature_algorithms")],
    ["without supported_groups", "missing_extension", without("supported_groups")],
    ["without key_share", "missing_extension", without("key_share")],
    ["without transport parameters (RFC 9001 §8.2)", "missing_extension", without("quic_transport_parameters")],
    ["without protocols", "no_application_protocol", without("application_layer_protocol_negotiation")],
    [
      "without a protocol in common",
      "no_application_protocol",
      withExtensions({ application_layer_protocol_negotiation: ["h2", "http/1.1"] }),
    ],
    ["without a cipher suite in common", "handshake_failure", { ...HELLO, cipherSuites: [0x1304, 0x0a0a, 0xc02f] }],
    [
      "without a group in common",
      "handshake_failure",
      withExtensions({ supported_groups: [0x11ed, 0x001e], key_share: [] }),
    ],
    [
      "without a signature scheme in common",
      "handshake_failure",
      withExtensions({ signature_algorithms: [0x0401, 0x0203, 0x0603] }),
    ],
    [
      "that cannot verify the certificate",
      "handshake_failure",
      withExtensions({ signature_algorithms: [0x0403, 0x0804] }),
    ],
    [
      "with two shares of a group",
      "illegal_parameter",
      withExtensions({ key_share: [...HELLO.extensions.key_share!, ...HELLO.extensions.key_share!] }),
    ],
    [
      "with a share of a group not in supported_groups",
      "illegal_parameter",
      withExtensions({ supported_groups: [0x0017], key_share: HELLO.extensions.key_share! }),
    ],
    [
      "with a share that is too short",
      "illegal_parameter",
      withExtensions({ key_share: [{ group: 0x001d, keyExchange: new Uint8Array(31) }] }),
    ],
    [
      "with a share that yields the all-zero secret",
      "illegal_parameter",
      withExtensions({ key_share: [{ group: 0x001d, keyExchange: new Uint8Array(32) }] }),
    ],
    [
      "with a share that is not on the curve",
      "illegal_parameter",
      withExtensions({ key_share: [{ group: 0x0017, keyExchange: new Uint8Array(65).fill(4) }] }),
    ],
    [
      "with a hybrid share that is not a key",
      "illegal_parameter",
      withExtensions({
        supported_groups: [0x11ec],
        key_share: [{ group: 0x11ec, keyExchange: new Uint8Array(1216).fill(0xff) }],
      }),
    ],
    ["with a cookie that the server did not send", "illegal_parameter", withExtensions({ cookie: uint8(1) })],
    [
      "with pre_shared_key but no psk_key_exchange_modes",
      "missing_extension",
      withoutModes(withExtensions({ pre_shared_key: psk })),
    ],
    [
      "with more identities than binders",
      "illegal_parameter",
      withExtensions({
        psk_key_exchange_modes: [1],
        pre_shared_key: { ...psk, identities: [...psk.identities, ...psk.identities] },
      }),
    ],
    [
      "with a pre-shared key binder that is too short",
      "decode_error",
      withExtensions({ psk_key_exchange_modes: [1], pre_shared_key: { ...psk, binders: [new Uint8Array(31)] } }),
    ],
    [
      "with a server name that is not ASCII",
      "illegal_parameter",
      withExtensions({ server_name: "b\u00fccher.example" }),
    ],
    ["with a server name with a zero byte", "illegal_parameter", withExtensions({ server_name: "a.example\0" })],
    ["with an empty server name", "decode_error", withExtensions({ server_name: "" })],
  ];
  for (const [what, expected, hello] of cases) {
    it(`${what}: ${expected}`, () => {
      expectCode(() => serve(emitClientHello(hello)), expected);
    });
  }

  const extension = (type: number, ...contents: readonly Uint8Array[]): Uint8Array =>
    concat(uint16(type), vector16(...contents));
  const usual = emitExtensions(HELLO.extensions, "CH").subarray(2);
  /** The usual ClientHello with these bytes appended to its extensions. */
  const raw = (...more: readonly Uint8Array[]): Uint8Array =>
    emitMessage(
      "client_hello",
      uint16(0x0303),
      HELLO.random,
      vector8(),
      vector16(uint16(0x1301)),
      vector8(uint8(0)),
      vector16(usual, ...more),
    );
  const { type: early } = EXTENSIONS.early_data;
  const hostName = (name: string) => concat(uint8(0), vector16(utf8(name)));
  const rawCases: readonly [string, AlertName, Uint8Array][] = [
    ["with a duplicate known extension", "illegal_parameter", raw(extension(early), extension(early))],
    ["with a duplicate unknown extension", "illegal_parameter", raw(extension(0x1a1a), extension(0x1a1a))],
    [
      "whose pre_shared_key is not last",
      "illegal_parameter",
      raw(
        extension(45, vector8(uint8(1))),
        extension(41, EXTENSIONS.pre_shared_key.places.CH.emit(psk)),
        extension(0x1a1a),
      ),
    ],
    ["with an extension of CertificateRequest", "illegal_parameter", raw(extension(48))],
    ["with content in an empty extension", "decode_error", raw(extension(early, uint8(0)))],
    ["with an extension longer than the list", "decode_error", raw(uint16(early), uint16(1))],
    ["with a truncated extension header", "decode_error", raw(uint8(0))],
    [
      "with an odd number of bytes in a list of schemes",
      "decode_error",
      raw(extension(50, vector16(uint8(1), uint16(2)))),
    ],
    ["with an empty list of schemes", "decode_error", raw(extension(50, vector16()))],
    ["with an empty list of authorities", "decode_error", raw(extension(47, vector16()))],
    ["with an authority without a name", "decode_error", raw(extension(47, vector16(uint16(0), vector16(uint8(1)))))],
    ["that is empty", "decode_error", emitMessage("client_hello")],
    ["with bytes after it", "decode_error", emitMessage("client_hello", raw().subarray(4), uint8(0))],
    [
      "with a session ID of 33 bytes",
      "decode_error",
      emitMessage("client_hello", uint16(0x0303), HELLO.random, vector8(new Uint8Array(33))),
    ],
    [
      "without cipher suites",
      "decode_error",
      emitMessage("client_hello", uint16(0x0303), HELLO.random, vector8(), vector16(), vector8(uint8(0)), vector16()),
    ],
    [
      "of an older version, without extensions",
      "protocol_version",
      emitMessage("client_hello", uint16(0x0303), HELLO.random, vector8(), vector16(uint16(0x1301)), vector8(uint8(0))),
    ],
    [
      "with two host names",
      "illegal_parameter",
      emitMessage(
        "client_hello",
        uint16(0x0303),
        HELLO.random,
        vector8(),
        vector16(uint16(0x1301)),
        vector8(uint8(0)),
        vector16(extension(0, vector16(hostName("a.example"), hostName("b.example")))),
      ),
    ],
    [
      "with a name of an unknown type",
      "decode_error",
      emitMessage(
        "client_hello",
        uint16(0x0303),
        HELLO.random,
        vector8(),
        vector16(uint16(0x1301)),
        vector8(uint8(0)),
        vector16(extension(0, vector16(uint8(1), vector16(utf8("a"))))),
      ),
    ],
    ["longer than any ClientHello", "decode_error", Uint8Array.of(1, 1, 0, 1)],
  ];
  for (const [what, alert, bytes] of rawCases) {
    it(`${what}: ${alert}`, () => {
      expectCode(() => serve(bytes), alert);
    });
  }

  it("with a name that it does not serve: unrecognized_name", () => {
    expectCode(() => serve(emitClientHello(HELLO), { selectIdentity: () => undefined }), "unrecognized_name");
  });
  it("without a name if one is required: missing_extension", () => {
    const bytes = emitClientHello(without("server_name"));
    expectCode(() => serve(bytes, { selectIdentity: () => undefined }), "missing_extension");
  });
  it("without a known signature scheme: handshake_failure, without asking the host", () => {
    const hello = withExtensions({ signature_algorithms: [0x0401] });
    const selectIdentity = () => expect.unreachable();
    expectCode(() => serve(emitClientHello(hello), { selectIdentity }), "handshake_failure");
  });
  it("when its own key fails: internal_error, with the cause", () => {
    const cause = new Error("the key is unavailable");
    const sign = () => {
      throw cause;
    };
    const { chain } = ed25519Identity();
    const selectIdentity = () => ({ chain, signer: { schemes: ["ed25519"] as const, sign } });
    const failure = expectCode(() => serve(emitClientHello(HELLO), { selectIdentity }), "internal_error");
    expect(failure.cause).toBe(cause);
  });
});

describe("what a server tolerates", () => {
  const cases: readonly [string, ClientHello][] = [
    [
      "GREASE in every list and an unknown hybrid share before ours (RFC 8701)",
      {
        ...withExtensions({
          supported_versions: [0x7a7a, 0x0304, 0x0303],
          supported_groups: [0x4a4a, 0x11ed, 0x001d, 0x0017],
          signature_algorithms: [0x0a0a, 0x0807],
          application_layer_protocol_negotiation: ["\x8a\x8a", "h3"],
          psk_key_exchange_modes: [0x0b, 1],
          key_share: [
            { group: 0x4a4a, keyExchange: uint8(0) },
            { group: 0x11ed, keyExchange: new Uint8Array(1665) },
            ...HELLO.extensions.key_share!,
          ],
          unknown: [
            { type: 0xdada, data: EMPTY },
            { type: 0x3a3a, data: uint8(0) },
          ],
        }),
        cipherSuites: [0xeaea, 0x1301],
      },
    ],
    [
      "a ticket that it did not issue, with early data",
      withExtensions({
        early_data: true,
        psk_key_exchange_modes: [1],
        pre_shared_key: {
          identities: [{ identity: utf8("ticket"), obfuscatedTicketAge: 1 }],
          binders: [new Uint8Array(32)],
        },
      }),
    ],
    [
      "the rest of the registry",
      withExtensions({ post_handshake_auth: true, padding: new Uint8Array(300), heartbeat: uint8(1) }),
    ],
  ];
  for (const [what, hello] of cases) {
    it(what, () => {
      const server = serve(emitClientHello(hello));
      const types: string[] = [];
      for (let event = server.pollEvent(); event !== undefined; event = server.pollEvent()) types.push(event.type);
      expect(types.filter((type) => type !== "early-data")).toEqual(["peer-parameters", "secret", "secret", "secret"]);
    });
  }
});

describe("a server aborts on an out-of-place message", () => {
  const messages: readonly [string, Uint8Array][] = [
    ["client_hello", emitClientHello(HELLO)],
    ["server_hello", emitMessage("server_hello")],
    ["encrypted_extensions", emitMessage("encrypted_extensions", vector16())],
    ["certificate", emitMessage("certificate", vector8(), uint8(0), uint16(0))],
    ["certificate_request", emitMessage("certificate_request")],
    ["certificate_verify", emitMessage("certificate_verify")],
    ["finished", emitFinished(new Uint8Array(32))],
    ["new_session_ticket", emitMessage("new_session_ticket")],
    ["end_of_early_data", emitMessage("end_of_early_data")],
    ["key_update", emitMessage("key_update", uint8(0))],
    ["message_hash", emitMessage("message_hash", new Uint8Array(32))],
    ["an unknown type", Uint8Array.of(99, 0, 0, 0)],
  ];
  for (const [name, bytes] of messages) {
    if (name !== "client_hello") {
      it(`${name} in START: unexpected_message`, () => {
        expectCode(() => serve(bytes), "unexpected_message");
      });
    }
    if (name !== "finished") {
      it(`${name} in WAIT_FINISHED: unexpected_message`, () => {
        const server = serve(emitClientHello(HELLO));
        expectCode(() => server.handleCrypto(EncryptionLevel.handshake, bytes, NOW), "unexpected_message");
      });
    }
    it(`${name} in CONNECTED: unexpected_message`, () => {
      const { server } = new Pair().run();
      expectCode(() => server.handleCrypto(EncryptionLevel.oneRtt, bytes, NOW), "unexpected_message");
    });
    it(`${name}, in two parts, after the handshake was forgotten: unexpected_message`, () => {
      const { successor } = new Pair().run().server;
      successor!.handleCrypto(EncryptionLevel.oneRtt, bytes.subarray(0, 3), NOW);
      expectCode(() => successor!.handleCrypto(EncryptionLevel.oneRtt, bytes.subarray(3), NOW), "unexpected_message");
    });
  }
});

describe("a server aborts on a Finished", () => {
  const cases: readonly [string, AlertName, (message: Uint8Array) => Uint8Array][] = [
    ["that does not verify", "decrypt_error", (message) => message.map((byte, i) => (i === 4 ? byte ^ 0x80 : byte))],
    ["that is too short", "decode_error", (message) => emitFinished(message.subarray(5))],
    ["that is too long", "decode_error", (message) => emitFinished(concat(message.subarray(4), uint8(0)))],
  ];
  for (const [what, alert, change] of cases) {
    it(`${what}: ${alert}, and releases no read secret`, () => {
      const pair = new Pair({ toServer: (message, name) => (name === "finished" ? change(message) : message) });
      expectCode(() => pair.run(), alert);
      expect(pair.server.isComplete).toBe(false);
      expect(pair.serverEvents).not.toContainEqual(
        expect.objectContaining({ type: "secret", level: EncryptionLevel.oneRtt, direction: "read" }),
      );
    });
  }
});

describe("a server aborts on bytes at the wrong level (RFC 9001 §4.1.3): PROTOCOL_VIOLATION", () => {
  it("when something follows the ClientHello at the Initial level", () => {
    expectCode(() => serve(concat(emitClientHello(HELLO), uint8(1))), PROTOCOL_VIOLATION);
  });
  it("when the Finished comes at the Initial level", () => {
    const server = serve(emitClientHello(HELLO));
    const bytes = emitFinished(new Uint8Array(32));
    expectCode(() => server.handleCrypto(EncryptionLevel.initial, bytes, NOW), PROTOCOL_VIOLATION);
  });
  it("when something follows the client's Finished at the Handshake level", () => {
    const { server } = new Pair().run();
    expectCode(() => server.handleCrypto(EncryptionLevel.handshake, uint8(20), NOW), PROTOCOL_VIOLATION);
    const { successor } = new Pair().run().server;
    expectCode(() => successor!.handleCrypto(EncryptionLevel.handshake, uint8(20), NOW), PROTOCOL_VIOLATION);
  });
});

it("a server that has failed accepts and sends nothing more", () => {
  const server = createTlsServer(serverConfig());
  expectCode(() => server.handleCrypto(EncryptionLevel.initial, Uint8Array.of(99, 0, 0, 0), NOW), "unexpected_message");
  server.handleCrypto(EncryptionLevel.initial, emitClientHello(HELLO), NOW);
  expect(server.isComplete).toBe(false);
  expect(server.pollTransmit()).toBeUndefined();
  expect(server.pollEvent()).toBeUndefined();
});

it("a server has no successor before the handshake is complete, nor in the middle of a message", () => {
  expect(serve(emitClientHello(HELLO)).successor).toBeUndefined();
  const { server } = new Pair().run();
  expect(server.successor?.isComplete).toBe(true);
  server.handleCrypto(EncryptionLevel.oneRtt, uint8(24), NOW);
  expect(server.successor).toBeUndefined();
});
