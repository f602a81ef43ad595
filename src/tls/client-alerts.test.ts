/** Every fatal condition of a client: what the server does wrong, and the resulting error. */

import { describe, expect, it } from "vitest";
import { fromHex } from "../wire/hex.ts";
import { concat, utf8 } from "../wire/text.ts";
import type { AlertName } from "./alerts.ts";
import { EncryptionLevel } from "./handshake.ts";
import { emitCertificate } from "./messages/certificate.ts";
import { emitCertificateRequest } from "./messages/certificate-request.ts";
import { emitFinished } from "./messages/finished.ts";
import { emitMessage } from "./messages/message.ts";
import { emitNewSessionTicket } from "./messages/new-session-ticket.ts";
import { uint8, uint16, vector8, vector16, vector24 } from "./messages/presentation.ts";
import { emitServerHello } from "./messages/server-hello.ts";
import { expectCode, PROTOCOL_VIOLATION } from "./testing/expect.ts";
import { makeCertificate } from "./testing/identity.ts";
import { Scene } from "./testing/scene.ts";
import { helloRetryRequest, type Script } from "./testing/scripted-server.ts";

const EMPTY = new Uint8Array(0);

/** A raw ServerHello built from its fields, for values that the emitter refuses to write. */
const rawServerHello = (extensions: Uint8Array, compression = 0, version = 0x0303): Uint8Array =>
  emitMessage(
    "server_hello",
    uint16(version),
    new Uint8Array(32),
    vector8(),
    uint16(0x1301),
    uint8(compression),
    extensions,
  );

const extension = (type: number, ...contents: readonly Uint8Array[]): Uint8Array =>
  concat(uint16(type), vector16(...contents));

const VERSIONS = extension(43, uint16(0x0304));

describe("a client aborts on a ServerHello", () => {
  const cases: readonly [string, AlertName, Script["serverHello"]][] = [
    [
      "without supported_versions",
      "protocol_version",
      (h) => ({ ...h, extensions: { key_share: h.extensions.key_share! } }),
    ],
    [
      "that downgrades to TLS 1.2, by its random",
      "illegal_parameter",
      (h) => ({ ...h, random: concat(new Uint8Array(24), fromHex("444f574e47524401")), extensions: {} }),
    ],
    [
      "that downgrades to TLS 1.1, by its random",
      "illegal_parameter",
      (h) => ({ ...h, random: concat(new Uint8Array(24), fromHex("444f574e47524400")), extensions: {} }),
    ],
    [
      "with a version that was not offered",
      "illegal_parameter",
      (h) => ({ ...h, extensions: { ...h.extensions, supported_versions: 0x0303 } }),
    ],
    ["with another legacy_version", "protocol_version", (h) => ({ ...h, legacyVersion: 0x0304 })],
    ["that echoes a session ID", "illegal_parameter", (h) => ({ ...h, legacySessionIdEcho: new Uint8Array(32) })],
    ["with an unknown cipher suite", "illegal_parameter", (h) => ({ ...h, cipherSuite: 0x1304 })],
    ["without a key share", "missing_extension", (h) => ({ ...h, extensions: { supported_versions: 0x0304 } })],
    [
      "with a share of a group that was offered without one",
      "illegal_parameter",
      (h) => ({ ...h, extensions: { ...h.extensions, key_share: { group: 0x0017, keyExchange: new Uint8Array(65) } } }),
    ],
    [
      "with a valid share labeled with a group that was not offered",
      "illegal_parameter",
      (h) => ({
        ...h,
        extensions: { ...h.extensions, key_share: { ...h.extensions.key_share!, group: 0x11ec } },
      }),
    ],
    [
      "with a share of the wrong length",
      "illegal_parameter",
      (h) => ({ ...h, extensions: { ...h.extensions, key_share: { group: 0x001d, keyExchange: new Uint8Array(31) } } }),
    ],
    [
      "with a share that yields the all-zero secret",
      "illegal_parameter",
      (h) => ({ ...h, extensions: { ...h.extensions, key_share: { group: 0x001d, keyExchange: new Uint8Array(32) } } }),
    ],
    [
      "that selects a pre-shared key",
      "unsupported_extension",
      (h) => ({ ...h, extensions: { ...h.extensions, pre_shared_key: 0 } }),
    ],
    [
      "with an unknown extension",
      "unsupported_extension",
      (h) => ({ ...h, extensions: { ...h.extensions, unknown: [{ type: 0x5a5a, data: EMPTY }] } }),
    ],
  ];
  for (const [what, alert, serverHello] of cases) {
    it(`${what}: ${alert}`, () => {
      expectCode(() => new Scene().play({ serverHello: serverHello! }, 1), alert);
    });
  }

  it("with a known cipher suite that was not offered: illegal_parameter", () => {
    const scene = new Scene({ cipherSuites: ["TLS_AES_256_GCM_SHA384"] });
    expectCode(() => scene.play({}, 1), "illegal_parameter");
  });

  it("and names the unknown extension", () => {
    const serverHello: Script["serverHello"] = (h) => ({
      ...h,
      extensions: { ...h.extensions, unknown: [{ type: 0x5a5a, data: EMPTY }] },
    });
    const { where } = expectCode(() => new Scene().play({ serverHello }, 1), "unsupported_extension");
    expect(where).toBe("0x5a5a");
  });

  const raw: readonly [string, AlertName, Uint8Array][] = [
    ["with a compression method", "illegal_parameter", rawServerHello(vector16(VERSIONS), 1)],
    ["with a duplicate extension", "illegal_parameter", rawServerHello(vector16(VERSIONS, VERSIONS))],
    [
      "with an extension of EncryptedExtensions",
      "illegal_parameter",
      rawServerHello(vector16(VERSIONS, extension(16, vector16(vector8(utf8("h3")))))),
    ],
    ["with bytes after it", "decode_error", rawServerHello(concat(vector16(VERSIONS), uint8(0)))],
    [
      "with bytes after an extension",
      "decode_error",
      rawServerHello(vector16(extension(43, uint16(0x0304), uint8(0)))),
    ],
    ["with an extension that is too short", "decode_error", rawServerHello(vector16(extension(43, uint8(3))))],
    ["with extensions longer than the message", "decode_error", rawServerHello(uint16(9))],
    ["that ends early", "decode_error", emitMessage("server_hello", uint16(0x0303), new Uint8Array(31))],
    ["that is empty", "decode_error", emitMessage("server_hello")],
    ["of an older version, without extensions", "protocol_version", rawServerHello(EMPTY)],
  ];
  for (const [what, alert, bytes] of raw) {
    it(`${what}: ${alert}`, () => {
      expectCode(() => new Scene().give({ level: EncryptionLevel.initial, bytes }), alert);
    });
  }
});

describe("a client aborts on a HelloRetryRequest", () => {
  const cases: readonly [string, AlertName, ReturnType<typeof helloRetryRequest>][] = [
    ["that changes nothing", "illegal_parameter", helloRetryRequest({})],
    ["for a group whose share was already sent", "illegal_parameter", helloRetryRequest({ key_share: 0x001d })],
    ["for a group that was not offered", "illegal_parameter", helloRetryRequest({ key_share: 0x001e })],
    [
      "for a suite that was not offered",
      "illegal_parameter",
      { ...helloRetryRequest({ key_share: 0x0017 }), cipherSuite: 0x1305 },
    ],
    [
      "with an extension that was not offered",
      "unsupported_extension",
      helloRetryRequest({ key_share: 0x0017, unknown: [{ type: 0xfe0d, data: EMPTY }] }),
    ],
    ["with another version", "illegal_parameter", helloRetryRequest({ key_share: 0x0017, supported_versions: 0x0302 })],
  ];
  for (const [what, alert, request] of cases) {
    it(`${what}: ${alert}`, () => {
      const scene = new Scene();
      expectCode(() => scene.give({ level: EncryptionLevel.initial, bytes: emitServerHello(request) }), alert);
    });
  }

  const retried = () => {
    const scene = new Scene();
    scene.give(scene.server.retry(scene.hello, helloRetryRequest({ key_share: 0x0017, cookie: Uint8Array.of(1) })));
    return { scene, second: scene.client.pollTransmit()!.bytes };
  };

  it("after another one: unexpected_message", () => {
    const { scene } = retried();
    const again = emitServerHello(helloRetryRequest({ key_share: 0x0018 }));
    expectCode(() => scene.give({ level: EncryptionLevel.initial, bytes: again }), "unexpected_message");
  });

  it("contradicted by the suite of the ServerHello: illegal_parameter", () => {
    const { scene, second } = retried();
    const serverHello: Script["serverHello"] = (hello) => ({ ...hello, cipherSuite: 0x1303 });
    expectCode(() => scene.play({ group: "secp256r1", serverHello }, 1, second), "illegal_parameter");
  });

  it("contradicted by the group of the ServerHello: illegal_parameter", () => {
    const { scene, second } = retried();
    const serverHello: Script["serverHello"] = (hello) => ({
      ...hello,
      extensions: { ...hello.extensions, key_share: { group: 0x001d, keyExchange: new Uint8Array(32).fill(9) } },
    });
    expectCode(() => scene.play({ group: "secp256r1", serverHello }, 1, second), "illegal_parameter");
  });
});

describe("a client aborts on EncryptedExtensions", () => {
  const cases: readonly [string, AlertName, Script["encryptedExtensions"]][] = [
    ["without transport parameters", "missing_extension", () => ({ application_layer_protocol_negotiation: "h3" })],
    ["without an ALPN protocol", "no_application_protocol", () => ({ quic_transport_parameters: EMPTY })],
    [
      "with a protocol that was not offered",
      "illegal_parameter",
      (e) => ({ ...e, application_layer_protocol_negotiation: "h2" }),
    ],
    ["that accept early data", "unsupported_extension", (e) => ({ ...e, early_data: true })],
    ["with an extension that was not offered", "unsupported_extension", (e) => ({ ...e, heartbeat: Uint8Array.of(1) })],
    ["with an unknown extension", "unsupported_extension", (e) => ({ ...e, unknown: [{ type: 0x0a0a, data: EMPTY }] })],
  ];
  for (const [what, alert, encryptedExtensions] of cases) {
    it(`${what}: ${alert}`, () => {
      expectCode(() => new Scene().play({ encryptedExtensions: encryptedExtensions! }), alert);
    });
  }

  it("that answer a server name that was not sent: unsupported_extension", () => {
    const scene = new Scene({ serverName: "192.0.2.1" });
    const encryptedExtensions: Script["encryptedExtensions"] = (e) => ({ ...e, server_name: true });
    expectCode(() => scene.play({ encryptedExtensions }), "unsupported_extension");
  });

  const PROTOCOL = extension(16, vector16(vector8(utf8("h3"))));
  const raw: readonly [string, AlertName, Uint8Array][] = [
    ["with a key share", "illegal_parameter", vector16(extension(51, uint16(0x001d)))],
    ["with a duplicate extension", "illegal_parameter", vector16(PROTOCOL, PROTOCOL)],
    ["with two protocols", "decode_error", vector16(extension(16, vector16(vector8(utf8("h3")), vector8(utf8("h2")))))],
    ["with an empty protocol name", "decode_error", vector16(extension(16, vector16(vector8(), vector8())))],
    ["with a server name that is not empty", "decode_error", vector16(extension(0, uint8(0)))],
    ["with bytes after them", "decode_error", concat(vector16(PROTOCOL), uint8(0))],
  ];
  for (const [what, alert, body] of raw) {
    it(`${what}: ${alert}`, () => {
      const scene = new Scene().play({}, 1);
      const bytes = emitMessage("encrypted_extensions", body);
      expectCode(() => scene.give({ level: EncryptionLevel.handshake, bytes }), alert);
    });
  }
});

describe("a client aborts on a certificate", () => {
  const cases: readonly [string, AlertName, Script][] = [
    ["list that is empty", "decode_error", { certificate: (c) => ({ ...c, entries: [] }) }],
    ["with a request context", "illegal_parameter", { certificate: (c) => ({ ...c, requestContext: uint8(1) }) }],
    [
      "with an unsolicited OCSP response",
      "unsupported_extension",
      { certificate: (c) => ({ ...c, entries: [{ ...c.entries[0]!, extensions: { status_request: uint8(1) } }] }) },
    ],
    [
      "that is not a certificate",
      "bad_certificate",
      { certificate: (c) => ({ ...c, entries: [{ certificate: utf8("no certificate"), extensions: {} }] }) },
    ],
    [
      "that is truncated",
      "bad_certificate",
      {
        certificate: (c) => ({
          ...c,
          entries: [{ certificate: c.entries[0]!.certificate.subarray(0, 40), extensions: {} }],
        }),
      },
    ],
    [
      "whose key is unusable",
      "decrypt_error",
      { certificate: (c) => ({ ...c, entries: [{ certificate: makeCertificate(fromHex("3000")), extensions: {} }] }) },
    ],
    [
      "proof with a scheme that was not offered",
      "illegal_parameter",
      { certificateVerify: (v) => ({ ...v, algorithm: 0x0603 }) },
    ],
    [
      "proof with a scheme for certificates only",
      "illegal_parameter",
      { certificateVerify: (v) => ({ ...v, algorithm: 0x0401 }) },
    ],
    [
      "proof with a scheme for another kind of key (RFC 8446 §4.4.3)",
      "illegal_parameter",
      { certificateVerify: (v) => ({ ...v, algorithm: 0x0804 }) },
    ],
    [
      "proof that does not verify",
      "decrypt_error",
      { certificateVerify: (v) => ({ ...v, signature: v.signature.map((byte, i) => (i === 5 ? byte ^ 1 : byte)) }) },
    ],
    ["proof that is empty", "decrypt_error", { certificateVerify: (v) => ({ ...v, signature: EMPTY }) }],
    [
      "request with a context",
      "illegal_parameter",
      { certificateRequest: { requestContext: uint8(1), extensions: { signature_algorithms: [0x0403] } } },
    ],
    [
      "request without signature_algorithms",
      "missing_extension",
      { certificateRequest: { requestContext: EMPTY, extensions: {} } },
    ],
  ];
  for (const [what, alert, script] of cases) {
    it(`${what}: ${alert}`, () => {
      expectCode(() => new Scene().play(script), alert);
    });
  }

  it("entry that is empty: decode_error", () => {
    const bytes = emitMessage("certificate", vector8(), vector24(vector24(), vector16()));
    expectCode(() => new Scene().play({}, 2).give({ level: EncryptionLevel.handshake, bytes }), "decode_error");
  });
});

describe("a client aborts on a Finished", () => {
  it("that does not verify: decrypt_error", () => {
    expectCode(
      () => new Scene().play({ finished: (data) => data.map((b, i) => (i === 31 ? b ^ 1 : b)) }),
      "decrypt_error",
    );
  });
  it("that is too short: decode_error", () => {
    expectCode(() => new Scene().play({ finished: (data) => data.subarray(1) }), "decode_error");
  });
  it("that is too long: decode_error", () => {
    expectCode(() => new Scene().play({ finished: (data) => concat(data, uint8(0)) }), "decode_error");
  });
});

describe("a client aborts on an out-of-place message", () => {
  const messages: readonly [string, Uint8Array][] = [
    ["client_hello", emitMessage("client_hello")],
    ["server_hello", rawServerHello(vector16(VERSIONS))],
    ["encrypted_extensions", emitMessage("encrypted_extensions", vector16())],
    ["certificate", emitCertificate({ requestContext: EMPTY, entries: [] })],
    ["certificate_request", emitCertificateRequest({ requestContext: EMPTY, extensions: {} })],
    ["certificate_verify", emitMessage("certificate_verify")],
    ["finished", emitFinished(new Uint8Array(32))],
    ["new_session_ticket", emitMessage("new_session_ticket")],
    ["end_of_early_data", emitMessage("end_of_early_data")],
    ["key_update", emitMessage("key_update", uint8(0))],
    ["message_hash", emitMessage("message_hash", new Uint8Array(32))],
    ["an unknown type", Uint8Array.of(99, 0, 0, 0)],
  ];
  /** State, number of messages before it, level, and the messages allowed there. */
  const places: readonly [string, number, EncryptionLevel, readonly string[]][] = [
    ["WAIT_SH", 0, EncryptionLevel.initial, ["server_hello"]],
    ["WAIT_EE", 1, EncryptionLevel.handshake, ["encrypted_extensions"]],
    ["WAIT_CERT_CR", 2, EncryptionLevel.handshake, ["certificate", "certificate_request"]],
    ["WAIT_CV", 3, EncryptionLevel.handshake, ["certificate_verify"]],
    ["WAIT_FINISHED", 4, EncryptionLevel.handshake, ["finished"]],
    // RFC 9001 §4.4 makes a CertificateRequest a different error here.
    ["CONNECTED", 5, EncryptionLevel.oneRtt, ["new_session_ticket", "certificate_request"]],
  ];
  for (const [state, count, level, inPlace] of places) {
    for (const [name, bytes] of messages) {
      if (inPlace.includes(name)) continue;
      it(`${name} in ${state}: unexpected_message`, () => {
        expectCode(() => new Scene().play({}, count).give({ level, bytes }), "unexpected_message");
      });
    }
  }

  it("a second CertificateRequest: unexpected_message", () => {
    const request = { requestContext: EMPTY, extensions: { signature_algorithms: [0x0403] } };
    const scene = new Scene().play({ certificateRequest: request }, 3);
    const bytes = emitCertificateRequest(request);
    expectCode(() => scene.give({ level: EncryptionLevel.handshake, bytes }), "unexpected_message");
  });

  it("a CertificateRequest after the handshake: PROTOCOL_VIOLATION (RFC 9001 §4.4)", () => {
    const bytes = emitCertificateRequest({ requestContext: uint8(1), extensions: { signature_algorithms: [0x0403] } });
    expectCode(() => new Scene().play().give({ level: EncryptionLevel.oneRtt, bytes }), PROTOCOL_VIOLATION);
  });

  it("a ticket that allows limited early data: PROTOCOL_VIOLATION (RFC 9001 §4.6.1)", () => {
    const ticket = {
      ticketLifetime: 1,
      ticketAgeAdd: 2,
      ticketNonce: EMPTY,
      ticket: uint8(1),
      extensions: { early_data: 5 },
    };
    const bytes = emitNewSessionTicket(ticket);
    expectCode(() => new Scene().play().give({ level: EncryptionLevel.oneRtt, bytes }), PROTOCOL_VIOLATION);
  });

  it("a ticket without a ticket: decode_error", () => {
    const bytes = emitMessage("new_session_ticket", new Uint8Array(8), vector8(), vector16(), vector16());
    expectCode(() => new Scene().play().give({ level: EncryptionLevel.oneRtt, bytes }), "decode_error");
  });
});

describe("a client aborts on bytes at the wrong level (RFC 9001 §4.1.3): PROTOCOL_VIOLATION", () => {
  it("when something follows the ServerHello at the Initial level", () => {
    const scene = new Scene();
    const [hello] = scene.server.flight(scene.hello);
    const bytes = concat(hello!.bytes, uint8(8));
    expectCode(() => scene.give({ level: EncryptionLevel.initial, bytes }), PROTOCOL_VIOLATION);
  });
  it("when something follows the server's Finished at the Handshake level", () => {
    expectCode(
      () => new Scene().play().give({ level: EncryptionLevel.handshake, bytes: uint8(4) }),
      PROTOCOL_VIOLATION,
    );
  });
  it("when EncryptedExtensions come at the Initial level", () => {
    const bytes = emitMessage("encrypted_extensions", vector16());
    expectCode(() => new Scene().play({}, 1).give({ level: EncryptionLevel.initial, bytes }), PROTOCOL_VIOLATION);
  });
});

describe("what a client tolerates", () => {
  it("supported_groups in EncryptedExtensions", () => {
    const scene = new Scene().play({ encryptedExtensions: (e) => ({ ...e, supported_groups: [0x0018] }) });
    expect(scene.client.isComplete).toBe(true);
  });
  it("tickets, which it ignores", () => {
    const ticket = {
      ticketLifetime: 1,
      ticketAgeAdd: 2,
      ticketNonce: uint8(0),
      ticket: utf8("ticket"),
      extensions: { early_data: 0xffff_ffff, unknown: [{ type: 0x1a1a, data: EMPTY }] },
    };
    const scene = new Scene().play();
    for (let i = 0; i < 3; i += 1) scene.give({ level: EncryptionLevel.oneRtt, bytes: emitNewSessionTicket(ticket) });
    expect(scene.client.isComplete).toBe(true);
    expect(scene.client.pollEvent()).toBeUndefined();
  });
  it("a CertificateRequest, which it answers with an empty Certificate (RFC 8446 §4.4.2.4)", () => {
    const extensions = { signature_algorithms: [0x0403], unknown: [{ type: 0x2a2a, data: EMPTY }] };
    const { client, server } = new Scene().play({ certificateRequest: { requestContext: EMPTY, extensions } });
    const certificate = emitCertificate({ requestContext: EMPTY, entries: [] });
    expect(client.pollTransmit()).toEqual({ level: EncryptionLevel.handshake, bytes: certificate });
    expect(client.pollTransmit()).toEqual({
      level: EncryptionLevel.handshake,
      bytes: server.expectedFinished(certificate),
    });
    expect(client.isComplete).toBe(true);
  });
});

it("a client that has failed accepts and sends nothing more", () => {
  const scene = new Scene();
  expectCode(
    () => scene.give({ level: EncryptionLevel.initial, bytes: Uint8Array.of(99, 0, 0, 0) }),
    "unexpected_message",
  );
  scene.play();
  expect(scene.client.isComplete).toBe(false);
  expect(scene.client.pollTransmit()).toBeUndefined();
  expect(scene.client.pollEvent()).toBeUndefined();
});
