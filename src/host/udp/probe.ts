/** Checks what this machine allows with sockets on loopback, for `nagare doctor`. */

import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

const ECHO_TIMEOUT = 1_000;

/** Sends a datagram to ourselves. Returns the round-trip time in milliseconds. */
export async function echoDatagram(address: string): Promise<number> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const signal = AbortSignal.timeout(ECHO_TIMEOUT);
  try {
    await bind(socket, 0, address);
    const payload = randomBytes(16);
    const start = performance.now();
    socket.send(payload, socket.address().port, address);
    for (;;) {
      const [message] = (await once(socket, "message", { signal })) as [Buffer];
      if (message.equals(payload)) return performance.now() - start;
    }
  } catch (error) {
    throw signal.aborted ? new Error("a datagram to itself did not arrive", { cause: error }) : error;
  } finally {
    socket.close();
  }
}

/** Returns the socket buffer sizes that the kernel grants when `wanted` bytes are requested. */
export async function grantedBuffers(wanted: number): Promise<{ readonly receive: number; readonly send: number }> {
  const socket = createSocket("udp4");
  try {
    await bind(socket, 0);
    socket.setRecvBufferSize(wanted);
    socket.setSendBufferSize(wanted);
    // Linux doubles the reported size to include its own bookkeeping.
    const factor = process.platform === "linux" ? 2 : 1;
    return { receive: socket.getRecvBufferSize() / factor, send: socket.getSendBufferSize() / factor };
  } finally {
    socket.close();
  }
}

/** Binds a loopback port for TCP and UDP and releases it. Rejects with Node's error (EADDRINUSE, EACCES). */
export async function tryPort(port: number): Promise<void> {
  const tcp = createServer();
  const udp = createSocket("udp4");
  try {
    await once(tcp.listen(port, "127.0.0.1"), "listening");
    await bind(udp, port);
  } finally {
    tcp.close();
    udp.close();
  }
}

async function bind(socket: Socket, port: number, address = "127.0.0.1"): Promise<void> {
  socket.bind(port, address);
  await once(socket, "listening");
}
