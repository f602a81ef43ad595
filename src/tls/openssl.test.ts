/**
 * A cross-check: taps a loopback connection between two Node TLS endpoints. Every handshake message of OpenSSL must
 * parse, and its signature and Finished messages must match our transcript and key schedule, for every suite, with and
 * without a HelloRetryRequest. (Our own machines cannot be the peer, because they require QUIC transport parameters.)
 */

import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import tls from "node:tls";
import { expect, it } from "vitest";
import { DerReader, Tag } from "../crypto/der.ts";
import { KEY_LENGTH } from "../crypto/engine.ts";
import { hkdfExpandLabel } from "../crypto/hkdf.ts";
import { portableEngine as engine } from "../crypto/portable/index.ts";
import { fromHex } from "../wire/hex.ts";
import { computeBinder } from "./binders.ts";
import { CryptoChannel } from "./channel.ts";
import type { CipherSuite, CipherSuiteName } from "./cipher-suite.ts";
import { CIPHER_SUITES, SIGNATURE_SCHEMES } from "./code-points.ts";
import { EncryptionLevel } from "./handshake.ts";
import { type KeyLogLabel, keyLogLine } from "./key-log.ts";
import { KeySchedule } from "./key-schedule.ts";
import { parseCertificate } from "./messages/certificate.ts";
import { parseCertificateVerify, signedContent } from "./messages/certificate-verify.ts";
import { parseClientHello } from "./messages/client-hello.ts";
import { parseEncryptedExtensions } from "./messages/encrypted-extensions.ts";
import { parseFinished } from "./messages/finished.ts";
import { type HandshakeMessage, parseBody } from "./messages/message.ts";
import { parseServerHello } from "./messages/server-hello.ts";
import { makeCertificate } from "./testing/identity.ts";
import { Transcript } from "./transcript.ts";
import { subjectPublicKeyInfo } from "./x509.ts";

const EMPTY = new Uint8Array(0);
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;

interface Wiretap {
  readonly fromClient: Uint8Array;
  readonly fromServer: Uint8Array;
  readonly keyLog: readonly string[];
  /** The session that was resumed, in OpenSSL's form. */
  readonly session: Uint8Array | undefined;
}

/** A connection between two OpenSSL endpoints, with all bytes on the wire. */
async function tapConnection(suite: CipherSuiteName, serverCurve: string, resumes = false): Promise<Wiretap> {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const certificate = makeCertificate(new Uint8Array(publicKey.export({ type: "spki", format: "der" })));
  const server = tls.createServer({
    key: privateKey.export({ type: "pkcs8", format: "pem" }),
    cert: `-----BEGIN CERTIFICATE-----\n${Buffer.from(certificate).toString("base64")}\n-----END CERTIFICATE-----\n`,
    ciphers: suite,
    ecdhCurve: serverCurve,
    minVersion: "TLSv1.3",
    ALPNProtocols: ["h2"],
  });
  const taps: { readonly up: Buffer[]; readonly down: Buffer[] } = { up: [], down: [] };
  const relay = net.createServer((near) => {
    const far = net.connect((server.address() as AddressInfo).port, "127.0.0.1");
    near.on("data", (chunk) => taps.up.push(chunk)).pipe(far);
    far.on("data", (chunk) => taps.down.push(chunk)).pipe(near);
    // A ticket may still be under way when the client has closed.
    for (const socket of [near, far]) socket.on("error", () => {});
  });
  try {
    await once(server.listen(0, "127.0.0.1"), "listening");
    await once(relay.listen(0, "127.0.0.1"), "listening");
    const keyLog: string[] = [];
    const connect = async (session: Buffer | undefined): Promise<Buffer> => {
      for (const log of [taps.up, taps.down, keyLog]) log.length = 0;
      const serverDone = once(server, "secureConnection") as Promise<[tls.TLSSocket]>;
      const client = tls.connect({
        port: (relay.address() as AddressInfo).port,
        host: "127.0.0.1",
        servername: "example.com",
        rejectUnauthorized: false,
        ecdhCurve: "X25519:P-256:P-384",
        ALPNProtocols: ["h2"],
        ...(session === undefined ? {} : { session }),
      });
      const ticket = once(client, "session") as Promise<[Buffer]>;
      client.on("keylog", (line: Buffer) => keyLog.push(line.toString("latin1")));
      await once(client, "secureConnect");
      expect(client.isSessionReused()).toBe(session !== undefined);
      const [socket] = await serverDone;
      const given = session === undefined ? (await ticket)[0] : session;
      client.resume().end();
      socket.resume().end();
      await Promise.all([once(client, "close"), once(socket, "close")]);
      return given;
    };
    const first = await connect(undefined);
    if (resumes) await connect(first);
    return {
      fromClient: new Uint8Array(Buffer.concat(taps.up)),
      fromServer: new Uint8Array(Buffer.concat(taps.down)),
      keyLog,
      session: resumes ? new Uint8Array(first) : undefined,
    };
  } finally {
    relay.close();
    server.close();
  }
}

/** The handshake messages of one direction: first in the clear, then protected by the handshake traffic secret. */
function messagesIn(stream: Uint8Array, suite: CipherSuite, secret: Uint8Array): HandshakeMessage[] {
  const key = hkdfExpandLabel(engine, suite.hash, secret, "key", EMPTY, KEY_LENGTH[suite.aead]);
  const iv = hkdfExpandLabel(engine, suite.hash, secret, "iv", EMPTY, 12);
  const channel = new CryptoChannel();
  const messages: HandshakeMessage[] = [];
  let sequence = 0;
  for (let at = 0; at < stream.length; ) {
    const end = at + 5 + ((stream[at + 3]! << 8) | stream[at + 4]!);
    const header = stream.subarray(at, at + 5);
    const fragment = stream.subarray(at + 5, end);
    at = end;
    if (header[0] === HANDSHAKE)
      channel.receive(EncryptionLevel.initial, fragment, (message) => messages.push(message));
    if (header[0] !== APPLICATION_DATA) continue;
    const nonce = iv.slice();
    nonce[11]! ^= sequence;
    sequence += 1;
    const inner = engine.aeadOpen(suite.aead, key, nonce, header, fragment);
    if (inner === undefined) break; // Application keys from here on.
    const type = inner.findLastIndex((byte) => byte !== 0); // RFC 8446 §5.2
    expect(inner[type]).toBe(HANDSHAKE);
    channel.receive(EncryptionLevel.initial, inner.subarray(0, type), (message) => messages.push(message));
  }
  return messages;
}

const suites = Object.keys(CIPHER_SUITES) as CipherSuiteName[];
const cases = suites.flatMap((suite) => [
  { suite, curve: "X25519", names: ["client_hello"], answers: ["server_hello"] },
  { suite, curve: "P-256", names: ["client_hello", "client_hello"], answers: ["hello_retry_request", "server_hello"] },
]);

it.each(cases)("we match OpenSSL for $suite and $curve", async ({ suite: name, curve, names, answers }) => {
  const suite = CIPHER_SUITES[name];
  const { fromClient, fromServer, keyLog } = await tapConnection(name, curve);
  const secretOf = (label: KeyLogLabel): Uint8Array => {
    const line = keyLog.find((candidate) => candidate.startsWith(`${label} `))!;
    const [, random, secret] = line.trimEnd().split(" ");
    // Our lines match OpenSSL's.
    expect(`${keyLogLine(label, fromHex(random!), fromHex(secret!))}\n`).toBe(line);
    return fromHex(secret!);
  };
  const client = secretOf("CLIENT_HANDSHAKE_TRAFFIC_SECRET");
  const server = secretOf("SERVER_HANDSHAKE_TRAFFIC_SECRET");
  const up = messagesIn(fromClient, suite, client);
  const down = messagesIn(fromServer, suite, server);
  expect(up.map((message) => message.name)).toEqual([...names, "finished"]);
  const flight = ["encrypted_extensions", "certificate", "certificate_verify", "finished"];
  expect(down.map((message) => message.name)).toEqual([...answers.map(() => "server_hello"), ...flight]);

  const transcript = new Transcript(engine);
  const schedule = new KeySchedule(engine, suite.hash);
  const next = (messages: HandshakeMessage[]): HandshakeMessage => messages.shift()!;
  for (const answer of answers) {
    const hello = next(up);
    expect(parseBody(hello, parseClientHello).extensions.server_name).toBe("example.com");
    transcript.append(hello.bytes);
    transcript.selectHash(suite.hash);
    if (answer === "hello_retry_request") transcript.replaceWithHash();
    const reply = next(down);
    expect(parseBody(reply, parseServerHello)).toMatchObject({ type: answer, cipherSuite: suite.id });
    transcript.append(reply.bytes);
  }
  const extensions = next(down);
  expect(parseBody(extensions, parseEncryptedExtensions).application_layer_protocol_negotiation).toBe("h2");
  transcript.append(extensions.bytes);
  const certificate = next(down);
  transcript.append(certificate.bytes);
  const spki = subjectPublicKeyInfo(parseBody(certificate, parseCertificate).entries[0]!.certificate);
  const verify = next(down);
  const { algorithm, signature } = parseBody(verify, parseCertificateVerify);
  expect(algorithm).toBe(SIGNATURE_SCHEMES.ecdsa_secp256r1_sha256);
  const signed = signedContent(transcript.digest(), "server");
  expect(engine.verify("ecdsa_secp256r1_sha256", spki, signed, signature)).toBe(true);
  transcript.append(verify.bytes);
  for (const [secret, messages] of [
    [server, down],
    [client, up],
  ] as const) {
    const finished = next(messages);
    const expected = schedule.verifyData(secret, transcript.digest());
    expect(parseBody(finished, (body) => parseFinished(body, expected.length))).toEqual(expected);
    transcript.append(finished.bytes);
  }
});

/** Where OpenSSL's form begins, which is a sequence of what is left. Newer Nodes put the server's name before it. */
function startOf(session: Uint8Array): number {
  const view = new DataView(session.buffer, session.byteOffset, session.length);
  for (let i = 0; i + 4 <= session.length; i += 1) {
    if (view.getUint16(i) === 0x3082 && view.getUint16(i + 2) === session.length - i - 4) return i;
  }
  throw new Error("no session in OpenSSL's form");
}

/** The PSK of a ticket in OpenSSL's form of a session: it follows two versions, the cipher and a session id. */
function pskOf(session: Uint8Array): Uint8Array {
  const fields = new DerReader(session.subarray(startOf(session))).enter(Tag.sequence)!;
  for (const tag of [Tag.integer, Tag.integer, Tag.octetString, Tag.octetString]) fields.take(tag);
  return fields.take(Tag.octetString)!;
}

it.each(cases)(
  "we compute OpenSSL's binder and secrets when it resumes with $suite and $curve",
  async ({ suite: name, curve }) => {
    const suite = CIPHER_SUITES[name];
    const { fromClient, fromServer, keyLog, session } = await tapConnection(name, curve, true);
    const schedule = new KeySchedule(engine, suite.hash);
    const earlySecret = schedule.earlySecret(pskOf(session!));
    const secretOf = (label: KeyLogLabel) =>
      fromHex(
        keyLog
          .find((line) => line.startsWith(label))!
          .trim()
          .split(" ")[2]!,
      );
    const up = messagesIn(fromClient, suite, secretOf("CLIENT_HANDSHAKE_TRAFFIC_SECRET"));
    const down = messagesIn(fromServer, suite, secretOf("SERVER_HANDSHAKE_TRAFFIC_SECRET"));
    const transcript = new Transcript(engine);
    for (let isDone = false; !isDone; ) {
      const hello = up.shift()!;
      const { binders } = parseBody(hello, parseClientHello).extensions.pre_shared_key!;
      const binder = computeBinder(schedule, earlySecret, suite.hash, transcript, hello.bytes, binders);
      expect(binders[0]).toEqual(binder);
      const reply = down.shift()!;
      const answer = parseBody(reply, parseServerHello);
      isDone = answer.type === "server_hello";
      transcript.append(hello.bytes);
      transcript.selectHash(suite.hash);
      if (isDone) expect(answer.extensions).toMatchObject({ pre_shared_key: 0 });
      else transcript.replaceWithHash();
      transcript.append(reply.bytes);
    }
    expect(down.map((message) => message.name)).toEqual(["encrypted_extensions", "finished"]);
  },
);
