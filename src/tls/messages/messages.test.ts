/** Every message survives a round trip, and any bytes are parsed or refused. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../base/errors.ts";
import type { Reader } from "../../wire/reader.ts";
import { emitCertificate, parseCertificate } from "./certificate.ts";
import { emitCertificateRequest, parseCertificateRequest } from "./certificate-request.ts";
import { emitCertificateVerify, parseCertificateVerify } from "./certificate-verify.ts";
import { emitClientHello, parseClientHello } from "./client-hello.ts";
import { emitCompressedCertificate, parseCompressedCertificate } from "./compressed-certificate.ts";
import { emitEncryptedExtensions, parseEncryptedExtensions } from "./encrypted-extensions.ts";
import { EXTENSIONS, type Extensions, type Place } from "./extensions.ts";
import { emitFinished, parseFinished } from "./finished.ts";
import { emitMessage, handshakeMessage, type MessageName, parseBody } from "./message.ts";
import { emitNewSessionTicket, parseNewSessionTicket } from "./new-session-ticket.ts";
import { emitServerHello, parseServerHello } from "./server-hello.ts";

const bytes = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength });
const uint16 = fc.nat(0xffff);
const uint32 = fc.nat(0xffff_ffff);
const uint16s = fc.array(uint16, { minLength: 1, maxLength: 20 });
const share = fc.record({ group: uint16, keyExchange: bytes(100, 1) });
const text = fc.string({
  minLength: 1,
  maxLength: 20,
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((c) => String.fromCharCode(c)),
});
const psks = fc.integer({ min: 1, max: 3 }).chain((count) => {
  const exactly = { minLength: count, maxLength: count };
  return fc.record({
    identities: fc.array(fc.record({ identity: bytes(40, 1), obfuscatedTicketAge: uint32 }), exactly),
    binders: fc.array(bytes(48, 32), exactly),
  });
});

const names = fc.array(bytes(30, 1), { minLength: 1, maxLength: 3 });

/** Values for the extensions that are parsed; all others are opaque. */
const PARSED: Record<string, fc.Arbitrary<unknown>> = {
  "server_name CH": text,
  "server_name EE": fc.constant(true),
  "supported_groups CH": uint16s,
  "supported_groups EE": uint16s,
  "signature_algorithms CH": uint16s,
  "signature_algorithms CR": uint16s,
  "signature_algorithms_cert CH": uint16s,
  "signature_algorithms_cert CR": uint16s,
  "application_layer_protocol_negotiation CH": fc.array(text, { minLength: 1, maxLength: 4 }),
  "application_layer_protocol_negotiation EE": text,
  "compress_certificate CH": uint16s,
  "compress_certificate CR": uint16s,
  "early_data CH": fc.constant(true),
  "early_data EE": fc.constant(true),
  "early_data NST": uint32,
  "supported_versions CH": uint16s,
  "supported_versions SH": uint16,
  "supported_versions HRR": uint16,
  "cookie CH": bytes(40, 1),
  "cookie HRR": bytes(40, 1),
  "psk_key_exchange_modes CH": fc.array(fc.nat(255), { minLength: 1, maxLength: 4 }),
  "certificate_authorities CH": names,
  "certificate_authorities CR": names,
  "post_handshake_auth CH": fc.constant(true),
  "key_share CH": fc.array(share, { maxLength: 4 }),
  "key_share SH": share,
  "key_share HRR": uint16,
  "pre_shared_key CH": psks,
  "pre_shared_key SH": uint16,
};

const unknown = fc.uniqueArray(fc.record({ type: fc.integer({ min: 0x0a0a, max: 0xffff }), data: bytes(30) }), {
  minLength: 1,
  maxLength: 3,
  selector: ({ type }) => type,
});

/** Any extensions allowed in this place. */
function extensionsIn<P extends Place>(place: P): fc.Arbitrary<Extensions<P>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = { unknown };
  for (const [name, { places }] of Object.entries(EXTENSIONS)) {
    if (place in places) fields[name] = PARSED[`${name} ${place}`] ?? bytes(30);
  }
  return fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Extensions<P>>;
}

interface Case {
  readonly name: MessageName;
  readonly values: fc.Arbitrary<unknown>;
  readonly emit: (value: never) => Uint8Array;
  readonly parse: (body: Reader) => unknown;
}

const helloFields = { legacyVersion: uint16, legacySessionIdEcho: bytes(32), cipherSuite: uint16 };

const CASES: readonly Case[] = [
  {
    name: "client_hello",
    values: fc.record({
      legacyVersion: uint16,
      random: bytes(32, 32),
      legacySessionId: bytes(32),
      cipherSuites: uint16s,
      legacyCompressionMethods: bytes(3, 1),
      extensions: extensionsIn("CH"),
    }),
    emit: emitClientHello,
    parse: parseClientHello,
  },
  {
    name: "compressed_certificate",
    values: fc.record({ algorithm: uint16, uncompressedLength: fc.nat(0xff_ffff), compressed: bytes(50, 1) }),
    emit: emitCompressedCertificate,
    parse: parseCompressedCertificate,
  },
  {
    name: "server_hello",
    values: fc.oneof(
      fc.record({
        type: fc.constant("server_hello"),
        random: bytes(32, 32),
        extensions: extensionsIn("SH"),
        ...helloFields,
      }),
      fc.record({ type: fc.constant("hello_retry_request"), extensions: extensionsIn("HRR"), ...helloFields }),
    ),
    emit: emitServerHello,
    parse: parseServerHello,
  },
  {
    name: "encrypted_extensions",
    values: extensionsIn("EE"),
    emit: emitEncryptedExtensions,
    parse: parseEncryptedExtensions,
  },
  {
    name: "certificate_request",
    values: fc.record({ requestContext: bytes(10), extensions: extensionsIn("CR") }),
    emit: emitCertificateRequest,
    parse: parseCertificateRequest,
  },
  {
    name: "certificate",
    values: fc.record({
      requestContext: bytes(10),
      entries: fc.array(fc.record({ certificate: bytes(60, 1), extensions: extensionsIn("CT") }), { maxLength: 3 }),
    }),
    emit: emitCertificate,
    parse: parseCertificate,
  },
  {
    name: "certificate_verify",
    values: fc.record({ algorithm: uint16, signature: bytes(80) }),
    emit: emitCertificateVerify,
    parse: parseCertificateVerify,
  },
  { name: "finished", values: bytes(32, 32), emit: emitFinished, parse: (body) => parseFinished(body, 32) },
  {
    name: "new_session_ticket",
    values: fc.record({
      ticketLifetime: uint32,
      ticketAgeAdd: uint32,
      ticketNonce: bytes(10),
      ticket: bytes(40, 1),
      extensions: extensionsIn("NST"),
    }),
    emit: emitNewSessionTicket,
    parse: parseNewSessionTicket,
  },
];

describe.each(CASES)("$name", ({ name, values, emit, parse }) => {
  it("parses emitted messages", () => {
    fc.assert(
      fc.property(values, (value) => {
        const message = handshakeMessage(emit(value as never));
        expect(message.name).toBe(name);
        expect(parseBody(message, parse)).toEqual(value);
      }),
    );
  });

  const parseOrRefuse = (message: Uint8Array): void => {
    try {
      parseBody(handshakeMessage(message), parse);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  };

  it("parses any body or refuses it with a ProtocolError", () => {
    fc.assert(fc.property(bytes(400), (body) => parseOrRefuse(emitMessage(name, body))));
  });

  it("parses a valid message with one byte changed, or refuses it with a ProtocolError", () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.nat(255), (value, at, byte) => {
        const message = emit(value as never);
        if (message.length > 4) message[4 + (at % (message.length - 4))] = byte;
        parseOrRefuse(message);
      }),
    );
  });

  it("refuses every truncated message", () => {
    fc.assert(
      fc.property(values, fc.nat(), (value, at) => {
        const body = emit(value as never).subarray(4);
        if (body.length === 0) return;
        const cut = emitMessage(name, body.subarray(0, at % body.length));
        // Except for the extensions of the two hellos, which older versions do not have.
        const end = cut.length - 4;
        const hasNoExtensions =
          (name === "client_hello" && end === 2 + 32 + 1 + body[34]! + cipherAndCompressionLength(body)) ||
          (name === "server_hello" && end === 2 + 32 + 1 + body[34]! + 3);
        if (hasNoExtensions) return;
        expect(() => parseBody(handshakeMessage(cut), parse)).toThrow(ProtocolError);
      }),
    );
  });
});

/** The length of a ClientHello's cipher suites and compression methods, including their length prefixes. */
function cipherAndCompressionLength(body: Uint8Array): number {
  const suites = 35 + body[34]!;
  const methods = suites + 2 + ((body[suites]! << 8) | body[suites + 1]!);
  return methods + 1 + body[methods]! - suites;
}
