/** Our TLS server over TCP, for tlsfuzzer: answers each request with a small response. */

import { createPrivateKey } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { ProtocolError } from "../../src/base/errors.ts";
import type { Instant } from "../../src/base/time.ts";
import { portableEngine as engine } from "../../src/crypto/portable/index.ts";
import { createSigner } from "../../src/host/certificates/signer.ts";
import { makeCertificate } from "../../src/host/certificates/testing/make-certificate.ts";
import { systemRng as rng } from "../../src/host/random.ts";
import { ALERTS } from "../../src/tls/alerts.ts";
import { EncryptionLevel, type TlsHandshake, type TlsIdentity } from "../../src/tls/handshake.ts";
import { createTlsServer } from "../../src/tls/server.ts";
import { TicketKeys } from "../../src/tls/tickets.ts";
import { latin1 } from "../../src/wire/text.ts";
import { alertOf } from "../alert.ts";
import { type PlainRecord, RecordError, RecordLayer, RecordType } from "./record-layer.ts";

const RESPONSE = latin1("HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nok\n");
const PROTOCOL = "http/1.1";

const now = (): Instant => (Date.now() * 1_000) as Instant;

function identityOf(kind: "rsa" | "p256" | "p384" | "ed25519"): TlsIdentity {
  const { der, key } = makeCertificate({ key: kind, names: ["localhost"] });
  return { chain: [der], signer: createSigner(createPrivateKey(key)) };
}

export function createTestServer(clientCertificate: "optional" | undefined): Server {
  const identities = [identityOf("rsa"), identityOf("p256"), identityOf("p384"), identityOf("ed25519")];
  const keys = new TicketKeys(engine, new Uint8Array(32), rng);
  return createServer({ noDelay: true }, (socket) => {
    const machine = createTlsServer({
      engine,
      rng,
      alpn: [PROTOCOL],
      transportParameters: new Uint8Array(0),
      selectIdentity: (_, schemes) =>
        identities.find(({ signer }) => signer.schemes.some((scheme) => schemes.includes(scheme))) ?? identities[0],
      tickets: { keys },
      clientCertificate,
    });
    serve(socket, machine);
  });
}

function serve(socket: Socket, machine: TlsHandshake): void {
  const layer = new RecordLayer(socket, engine);
  // The scripts reset connections.
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    if (socket.writableEnded) return;
    try {
      layer.receive(chunk);
      for (let record = layer.next(); record !== undefined; record = layer.next()) {
        if (handle(record, layer, machine)) continue;
        layer.sendAlert(ALERTS.close_notify.code, false);
        socket.end();
        return;
      }
    } catch (error) {
      layer.sendAlert(alertFor(error), true);
      socket.end();
    }
  });
}

/** False if the client has ended the connection. */
function handle({ type, level, content }: PlainRecord, layer: RecordLayer, machine: TlsHandshake): boolean {
  switch (type) {
    case RecordType.handshake:
      machine.handleCrypto(level, content, now());
      pump(layer, machine);
      return true;
    case RecordType.applicationData:
      if (level !== EncryptionLevel.oneRtt) throw new RecordError(ALERTS.unexpected_message.code, "data too early");
      if (content.length > 0) layer.write(RecordType.applicationData, RESPONSE);
      return true;
    case RecordType.alert:
      if (content.length !== 2) throw new RecordError(ALERTS.decode_error.code, "an alert of another length");
      return false;
    default:
      throw new RecordError(ALERTS.unexpected_message.code, `a record of type ${type}`);
  }
}

function pump(layer: RecordLayer, machine: TlsHandshake): void {
  // Keys apply after the messages that precede them, which go out at an earlier level.
  const secrets = [];
  for (let event = machine.pollEvent(); event !== undefined; event = machine.pollEvent()) {
    if (event.type === "secret") secrets.push(event);
    // Any certificate will do: what is tested is the proof that the client has its key.
    if (event.type === "verify-certificate") machine.certificateVerdict(undefined, now());
  }
  for (const secret of secrets) if (secret.direction === "read") layer.setSecret(secret);
  let level: EncryptionLevel | undefined;
  for (let flight = machine.pollTransmit(); flight !== undefined; flight = machine.pollTransmit()) {
    if (flight.level !== level) {
      level = flight.level;
      const secret = secrets.find((each) => each.direction === "write" && each.level === level);
      if (secret !== undefined) layer.setSecret(secret);
    }
    layer.write(RecordType.handshake, flight.bytes);
    layer.sendDummy();
  }
  const application = secrets.find((each) => each.direction === "write" && each.level === EncryptionLevel.oneRtt);
  if (application !== undefined) layer.setSecret(application);
}

function alertFor(error: unknown): number {
  if (error instanceof RecordError) return error.alert;
  return error instanceof ProtocolError ? alertOf(error) : ALERTS.internal_error.code;
}
