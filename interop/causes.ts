/**
 * Cells that fail because of the peer. The runner believes an entry only if the same cell fails with a third party on our
 * side in the same run.
 */

import type { Role } from "./result.ts";

export interface PeerFault {
  readonly peer: string;
  /** Ours. */
  readonly role: Role;
  readonly cases: readonly string[];
  readonly cause: string;
  /** Third parties that meet the same fault, by name. */
  readonly thirds: readonly string[];
}

export const PEER_FAULTS: readonly PeerFault[] = [
  {
    peer: "chromium",
    role: "server",
    cases: ["amplificationlimit", "handshakeloss", "handshakecorruption"],
    cause: "Chromium gives up a handshake on which it hears nothing for a few seconds, and does not try again",
    thirds: ["quic-go", "nginx", "ngtcp2-new"],
  },
  {
    peer: "curl",
    role: "server",
    cases: ["handshakeloss", "handshakecorruption"],
    cause: "curl ends some handshakes on a link that loses this much",
    thirds: ["quic-go", "nginx", "ngtcp2-new"],
  },
  {
    peer: "nginx",
    role: "client",
    cases: ["rebind-port", "rebind-addr"],
    cause: "nginx does not follow a client whose address changes during a download",
    thirds: ["quinn", "quic-go", "ngtcp2-new"],
  },
  {
    peer: "haproxy",
    role: "client",
    cases: ["rebind-port", "rebind-addr"],
    cause: "HAProxy answers the first packet from another address with a stateless reset",
    thirds: ["quinn", "quic-go", "ngtcp2-new"],
  },
  {
    peer: "caddy",
    role: "client",
    cases: ["rebind-port", "rebind-addr"],
    cause: "the quic-go of this Caddy does not follow a client whose address changes",
    thirds: ["quinn", "quic-go", "ngtcp2-new"],
  },
];

export const faultOf = (peer: string, role: Role, name: string): PeerFault | undefined =>
  PEER_FAULTS.find((fault) => fault.peer === peer && fault.role === role && fault.cases.includes(name));
