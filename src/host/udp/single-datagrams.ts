/** Datagrams one at a time on an engine's socket, for those that forward them. Never queues without bound: drops. */

import { Ecn, type SocketAddress } from "../../base/datagrams.ts";
import type { EngineChoice } from "../engine/choice.ts";
import { chooseEngine } from "../engine/engine.ts";
import { FULL_SEND_ARENA, type UdpSocket } from "./udp-socket.ts";

/** Sends one datagram. Returns false if it was dropped, because the socket has no room. */
export function sendDatagram(socket: UdpSocket, remote: SocketAddress, payload: Uint8Array): boolean {
  if (socket.isBlocked) return false;
  const { arena } = socket.slots;
  if (payload.length > arena.length) return false;
  arena.set(payload);
  const { length } = payload;
  // RFC 9298 §6: Not-ECT, since nobody would tell the sender about marks.
  return socket.send({ local: undefined, remote, ecn: Ecn.notEct, segmentSize: length, count: 1, length }) === 1;
}

/** Calls back with each datagram. The payload is valid only during the call. */
export function onDatagrams(socket: UdpSocket, receive: (payload: Uint8Array, from: SocketAddress) => void): void {
  socket.onBatch = ({ arena, offset, length, remote, count }) => {
    for (let i = 0; i < count; i += 1) {
      receive(arena.subarray(offset[i]!, offset[i]! + length[i]!), remote[i]!);
    }
  };
}

/** A socket that only this peer's datagrams reach, and that does not fragment what it sends, if the engine can forbid that. */
export async function openPeerSocket(peer: SocketAddress, engine?: EngineChoice): Promise<UdpSocket> {
  const socket = await (await chooseEngine(engine)).udp.connect(peer, FULL_SEND_ARENA);
  socket.handleCommand({ type: "set-dont-fragment", enabled: true });
  return socket;
}

/** A socket on an address of this machine. Port 0 lets the system choose. Rejects with a system error. */
export const openLocalSocket = async (port: number, host: string): Promise<UdpSocket> =>
  (await chooseEngine()).udp.bind(port, host, FULL_SEND_ARENA);
