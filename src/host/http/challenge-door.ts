/**
 * Answers an authority that asks by TLS-ALPN-01 (RFC 8737) on the port for HTTPS. The protocols that a client offers are read
 * from its ClientHello before Node's TLS gets it, since Node selects a certificate before it knows them.
 */

import { once } from "node:events";
import type { Server, Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { parseClientHello } from "../../tls/messages/client-hello.ts";
import { Reader } from "../../wire/reader.ts";
import type { HandshakeHooks } from "../certificates/certificates.ts";
import { type Fault, guard, ignore } from "../guard.ts";

/** RFC 8737 §6.2 */
const PROTOCOL = "acme-tls/1";
/** Milliseconds for a ClientHello, and again for a handshake with an authority. */
const TIMEOUT = 15_000;
const MAX_HELLO = 1 << 16;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
/** A fatal unrecognized_name alert (RFC 6066 §3). */
const UNRECOGNIZED_NAME = Buffer.from([21, 3, 3, 0, 2, 2, 112]);

type AnswerTlsAlpn = NonNullable<HandshakeHooks["answerTlsAlpn"]>;

export function openChallengeDoor(server: Server, answer: AnswerTlsAlpn, onFault: (fault: Fault) => void): void {
  // Node's own listener, which starts TLS.
  const [startTls] = server.listeners("connection") as ((socket: Socket) => void)[];
  server.removeListener("connection", startTls!);
  const fail = (fault: Fault, socket: Socket): void => {
    socket.destroy();
    onFault(fault);
  };
  const open = guard("tls challenge", fail, (socket: Socket) => {
    socket.on("error", ignore); // "close" follows
    admit(socket, answer, () => startTls!.call(server, socket)).catch((error: Error) =>
      fail({ entry: "tls challenge", error }, socket),
    );
  });
  server.prependListener("connection", open);
}

async function admit(socket: Socket, answer: AnswerTlsAlpn, startTls: () => void): Promise<void> {
  const name = await challengedName(socket);
  if (socket.destroyed) return;
  if (name === undefined) startTls();
  else await prove(socket, await answer(name));
}

/** The name that an authority asks for; undefined for other clients. What was read is put back. */
async function challengedName(socket: Socket): Promise<string | undefined> {
  const signal = AbortSignal.timeout(TIMEOUT);
  let received: Buffer = Buffer.alloc(0);
  let name: string | undefined | "incomplete" = "incomplete";
  while (name === "incomplete" && received.length < MAX_HELLO) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      if (socket.destroyed || socket.readableEnded) return undefined;
      try {
        await once(socket, "readable", { signal });
      } catch {
        socket.destroy(); // too late, or reset
        return undefined;
      }
      continue;
    }
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    name = nameIn(received);
  }
  socket.unshift(received);
  return name === "incomplete" ? undefined : name;
}

/** Reads the server name of a ClientHello that offers only `acme-tls/1`. */
export function nameIn(received: Uint8Array): string | undefined | "incomplete" {
  const message = handshakeMessageIn(received);
  if (message === undefined || message === "incomplete") return message;
  try {
    const { extensions } = parseClientHello(new Reader(message));
    const { application_layer_protocol_negotiation: protocols, server_name: name } = extensions;
    // RFC 8737 §3: one protocol
    return protocols?.length === 1 && protocols[0] === PROTOCOL ? name : undefined;
  } catch {
    return undefined; // for Node's TLS to refuse
  }
}

/** The body of a ClientHello, which may span records (RFC 8446 §5.1). Undefined if it is none. */
function handshakeMessageIn(received: Uint8Array): Uint8Array | undefined | "incomplete" {
  let body = new Uint8Array(0);
  for (let at = 0; ; ) {
    if (received.length > at && received[at] !== HANDSHAKE) return undefined;
    if (received.length < at + 5) return "incomplete";
    const end = at + 5 + (received[at + 3]! << 8) + received[at + 4]!;
    body = Buffer.concat([body, received.subarray(at + 5, end)]);
    if (body.length > 0 && body[0] !== CLIENT_HELLO) return undefined;
    if (body.length >= 4) {
      const length = (body[1]! << 16) | (body[2]! << 8) | body[3]!;
      if (length > MAX_HELLO) return undefined;
      if (body.length >= 4 + length) return body.subarray(4, 4 + length);
    }
    if (received.length < end) return "incomplete";
    at = end;
  }
}

/** Completes the handshake, and nothing else (RFC 8737 §4). The authority closes the connection. */
async function prove(socket: Socket, certificate: Awaited<ReturnType<AnswerTlsAlpn>>): Promise<void> {
  if (certificate === undefined) {
    socket.end(UNRECOGNIZED_NAME);
    return;
  }
  const { cert, key } = certificate;
  const secureContext = createSecureContext({ cert: cert as string, key: key as string, minVersion: "TLSv1.2" });
  const secure = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: [PROTOCOL] });
  secure.on("error", ignore);
  secure.resume();
  await once(secure, "close", { signal: AbortSignal.timeout(TIMEOUT) }).catch(() => undefined);
  secure.destroy();
}
