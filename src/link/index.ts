/** The link layer: Ethernet and ARP on devices. */

/** The ARP machine. */
export { Arp } from "./arp.ts";
/** ARP packets. */
export { ARP_LENGTH, ArpOperation, type ArpPacket, emitArp, parseArp } from "./arp-packet.ts";
/** Devices that are connected to each other. */
export { createCable, createHub, type HubOptions } from "./cable.ts";
/** What a frame goes through, and devices that wrap another. */
export type { FrameListener, LinkDevice, Offload } from "./device.ts";
/** Ethernet II frames. */
export { destinationOf, ETHERNET_HEADER, EtherType, etherTypeOf, sourceOf, writeEthernet } from "./ethernet.ts";
/** A device that loses, repeats and reorders. */
export { FaultInjector, type FaultOptions } from "./fault-injector.ts";
/** Ethernet addresses. */
export {
  BROADCAST_MAC,
  formatMac,
  isUnicastMac,
  type MacAddress,
  parseMac,
  randomMac,
  readMac,
  writeMac,
} from "./mac.ts";
/** The cache of neighbours. */
export { type Advertisement, Neighbours } from "./neighbours.ts";
/** Captures. */
export { decryptionSecrets, interfaceDescription, LinkType, packetBlock, sectionHeader } from "./pcapng.ts";
/** Devices at the end of any pipe. */
export { FramePipe, PacketPipe, type PipeOptions } from "./pipe.ts";
/** A device that shows each frame. */
export { type FrameDirection, Tracer } from "./tracer.ts";
