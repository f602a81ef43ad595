/**
 * Finds out what the kernel can do, by a train with a known answer: four datagrams with an ECN mark, sent as one over
 * loopback to a socket on all addresses. What arrives decides; a sandbox may accept an option and then ignore it.
 */

import { Ecn, type SocketAddress } from "../../../base/datagrams.ts";
import { ForeignMemory } from "../../../base/foreign.ts";
import type { UdpCapabilities } from "../udp-socket.ts";
import { Incoming, writeControl } from "./control.ts";
import * as sys from "./libc.ts";
import { NAME } from "./message.ts";
import { SystemError } from "./system-error.ts";
import { type FastUdp, LARGEST_READ, type OpenedSocket } from "./udp.ts";

const LOOPBACK: SocketAddress = { family: 4, host: "127.0.0.1", port: 0 };
const WILDCARD: SocketAddress = { family: 4, host: "0.0.0.0", port: 0 };

const SEGMENT = 100;
/** Four datagrams, the last of which is shorter. */
const TRAIN = 3 * SEGMENT + 40;
/** Loopback delivers at once; a busy machine may take longer. */
const TIMEOUT = 1_000;

/** Throws if sockets do not work at all, or if they do not report the address that was asked. */
export function probe(udp: FastUdp): UdpCapabilities {
  const receiver = udp.open(WILDCARD);
  try {
    const sender = udp.open(LOOPBACK);
    try {
      return probeWith(udp, sender, receiver);
    } finally {
      udp.libc.close(sender.descriptor);
    }
  } finally {
    udp.libc.close(receiver.descriptor);
  }
}

function probeWith(udp: FastUdp, { descriptor: sender }: OpenedSocket, receiver: OpenedSocket): UdpCapabilities {
  const gro = udp.setOption(receiver.descriptor, sys.SOL_UDP, sys.UDP_GRO, 1);
  const df = udp.setOption(sender, sys.IPPROTO_IP, sys.IP_MTU_DISCOVER, sys.PMTUDISC_PROBE);
  const train = new ForeignMemory(udp.ffi, TRAIN);
  train.bytes.forEach((_, i) => {
    train.bytes[i] = i % 251;
  });
  const remote: SocketAddress = { ...LOOPBACK, port: receiver.address.port };
  const send = (segmentSize: number): boolean => {
    udp.outgoing.setNameLength(udp.addresses.write(udp.outgoing.view, NAME, remote, 4));
    udp.outgoing.setBuffer(train.address, TRAIN);
    writeControl(udp.outgoing, udp.addresses, true, { ecn: Ecn.ect0, segmentSize, source: LOOPBACK });
    return udp.libc.sendmsg(sender, udp.outgoing.address, 0) === TRAIN;
  };
  const gso = send(SEGMENT);
  if (!gso && !send(0)) throw new SystemError("sendmsg", udp.libc.errno());
  const incoming = new Incoming(udp.incoming, udp.addresses);
  const lengths: number[] = [];
  let isIntact = true;
  let ecn = true;
  for (let arrived = 0; arrived < TRAIN; ) {
    const length = receive(udp, receiver.descriptor);
    incoming.read(receiver.address.port);
    isIntact &&= udp.received.bytes.subarray(0, length).every((byte, i) => byte === (arrived + i) % 251);
    ecn &&= incoming.ecn === Ecn.ect0;
    if (incoming.local?.host !== LOOPBACK.host)
      throw new Error("the kernel does not report the address that was asked");
    for (let rest = length; rest > 0; rest -= SEGMENT) lengths.push(Math.min(rest, incoming.segmentSize || length));
    arrived += length;
    if (length === 0) throw new Error("an empty datagram arrived instead of the one that was sent");
  }
  if (!isIntact) throw new Error("a datagram to itself was changed");
  const isSegmented = lengths.join() === [SEGMENT, SEGMENT, SEGMENT, TRAIN % SEGMENT].join();
  return { ecn, df, gso: gso && isSegmented, gro, pktinfo: true };
}

/** Waits for a datagram, and returns its length. */
function receive(udp: FastUdp, descriptor: number): number {
  const { libc, incoming, received } = udp;
  // struct pollfd { descriptor, events, returned events }
  const polled = new ForeignMemory(udp.ffi, 8);
  polled.view.setInt32(0, descriptor, true);
  polled.view.setInt16(4, sys.POLLIN, true);
  const ready = libc.poll(polled.address, 1, TIMEOUT);
  if (ready < 0) throw new SystemError("poll", libc.errno());
  if (ready === 0) throw new Error("a datagram to itself did not arrive");
  incoming.setBuffer(received.address, LARGEST_READ);
  incoming.prepareToReceive();
  const length = libc.recvmsg(descriptor, incoming.address, 0);
  if (length < 0) throw new SystemError("recvmsg", libc.errno());
  return length;
}
