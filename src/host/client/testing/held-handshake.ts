// A UDP relay on loopback that can keep a server's handshake from completing, so that a test of 0-RTT data does not
// depend on which of two datagrams is handled first.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

export interface HeldHandshake {
  /** The port for the client to connect to. */
  readonly port: number;
  /** Relays to the server on this port of 127.0.0.1. */
  relayTo(port: number): void;
  /** From the next server flight on, holds what the client sends, except 0-RTT packets. */
  hold(): void;
  /** Delivers what it held, and holds nothing more. */
  release(): void;
  close(): void;
}

/** RFC 9000 §17.2.3. */
const isZeroRtt = (datagram: Buffer): boolean => (datagram[0]! & 0xf0) === 0xd0;

/** Relays for one client. */
export async function openHeldHandshake(): Promise<HeldHandshake> {
  const [outer, inner] = await Promise.all([bind(), bind()]);
  const held: Buffer[] = [];
  let clientPort = 0;
  let serverPort = 0;
  let state: "open" | "until the server's flight" | "holding" = "open";
  const forward = (datagram: Buffer) => inner.send(datagram, serverPort, "127.0.0.1");
  outer.on("message", (datagram, { port }) => {
    if (serverPort === 0) return; // a stranger, whose peer had this port before
    clientPort = port;
    if (state === "holding" && !isZeroRtt(datagram)) held.push(datagram);
    else forward(datagram);
  });
  inner.on("message", (datagram, { port }) => {
    if (port !== serverPort) return; // a server that was replaced
    if (state === "until the server's flight") state = "holding";
    outer.send(datagram, clientPort, "127.0.0.1");
  });
  return {
    port: outer.address().port,
    relayTo: (port) => {
      serverPort = port;
    },
    hold: () => {
      state = "until the server's flight";
    },
    release: () => {
      state = "open";
      for (const datagram of held.splice(0)) forward(datagram);
    },
    close: () => {
      outer.close();
      inner.close();
    },
  };
}

async function bind(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}
