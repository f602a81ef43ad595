/**
 * ARP on one interface (RFC 826): answers for its addresses, resolves others', and defends its own (RFC 5227). The
 * order of the steps on reception is the RFC's; the checks before it keep liars and floods out.
 */

import type { Rng } from "../base/rng.ts";
import { earliest, type Instant, seconds } from "../base/time.ts";
import { equalBytes } from "../wire/text.ts";
import { AddressClaim, type ClaimOptions, type ClaimState } from "./address-claim.ts";
import { ArpOperation, type ArpPacket, parseArp } from "./arp-packet.ts";
import { BROADCAST_MAC, isUnicastMac, type MacAddress, NO_MAC } from "./mac.ts";
import { Neighbours } from "./neighbours.ts";

const UNSPECIFIED = new Uint8Array(4);

/** Answers per second to one sender, and its burst; senders whose budgets are remembered. */
const REPLIES_PER_SECOND = 20;
const MAX_SENDERS = 256;

export interface ArpOwner {
  readonly mac: MacAddress;
  sendArp(packet: ArpPacket, destination: MacAddress, now: Instant): void;
  deliver(frame: Uint8Array, mac: MacAddress, now: Instant): void;
  unreachable(address: Uint8Array, frames: readonly Uint8Array[], now: Instant): void;
  /** True if a station on this link may have the address: in one of its subnets, neither broadcast nor multicast. */
  isOnLink(address: Uint8Array): boolean;
  onClaim(address: Uint8Array, state: Exclude<ClaimState, "probing">, now: Instant): void;
}

/** Why packets were ignored. */
export type ArpDropReason = "malformed" | "operation" | "sender" | "spoofed" | "off-link" | "rate";

export class Arp {
  readonly neighbours: Neighbours;
  readonly dropped: Partial<Record<ArpDropReason, number>> = {};
  readonly #owner: ArpOwner;
  readonly #rng: Rng;
  readonly #claims: AddressClaim[] = [];
  readonly #budgets = new Map<MacAddress, { since: Instant; count: number }>();

  constructor(owner: ArpOwner, rng: Rng) {
    this.#owner = owner;
    this.#rng = rng;
    this.neighbours = new Neighbours(
      {
        solicit: (address, cached, now) => this.#request(address, cached, now),
        deliver: (frame, mac, now) => owner.deliver(frame, mac, now),
        unreachable: (address, frames, now) => owner.unreachable(address, frames, now),
      },
      rng,
    );
  }

  claim(address: Uint8Array, options: ClaimOptions, now: Instant): AddressClaim {
    const claim = new AddressClaim(
      {
        sendProbe: (target, at) => this.#send(ArpOperation.request, UNSPECIFIED, NO_MAC, target, BROADCAST_MAC, at),
        sendAnnouncement: (own, at) => this.#send(ArpOperation.request, own, NO_MAC, own, BROADCAST_MAC, at),
        onClaim: ({ address: claimed }, state, at) => this.#owner.onClaim(claimed, state, at),
      },
      address,
      this.#rng,
      options,
      now,
    );
    this.#claims.push(claim);
    return claim;
  }

  /** `source` is the sender in the Ethernet header. */
  handle(bytes: Uint8Array, source: MacAddress, now: Instant): void {
    // RFC 826: ?Do I have the hardware type, and do I speak the protocol?
    const packet = parseArp(bytes);
    if (packet === undefined) {
      this.#drop("malformed");
      return;
    }
    const { operation, senderMac, senderIp, targetIp } = packet;
    if (operation !== ArpOperation.request && operation !== ArpOperation.reply) {
      this.#drop("operation");
      return;
    }
    if (!isUnicastMac(senderMac) || senderMac === this.#owner.mac) {
      this.#drop("sender");
      return;
    }
    // An honest station names itself in both headers.
    if (senderMac !== source) {
      this.#drop("spoofed");
      return;
    }
    // RFC 5227 §2.4: a claimed address is never learned.
    let isConflict = false;
    for (const claim of this.#claims) isConflict = claim.observe(packet, this.#owner.mac, now) || isConflict;
    if (isConflict) return;
    const isProbe = equalBytes(senderIp, UNSPECIFIED);
    if (!isProbe && !this.#owner.isOnLink(senderIp)) {
      this.#drop("off-link");
      return;
    }
    const isMine = this.#isMine(targetIp);
    const known = this.neighbours.get(senderIp);
    // RFC 826: ?Is the pair <protocol type, sender protocol address> in the table? If so, update it; if not, and the
    // target is this station, add it. An unsolicited reply adds nothing.
    if (!isProbe) {
      const isAnswer = operation === ArpOperation.reply && isMine && known?.state !== "STALE";
      const creates = isMine && operation === ArpOperation.request;
      this.neighbours.learn(senderIp, senderMac, { isSolicited: isAnswer && known !== undefined, creates }, now);
    }
    // RFC 826: now look at the opcode.
    if (!isMine || operation !== ArpOperation.request) return;
    if (!this.#mayAnswer(senderMac, now)) {
      this.#drop("rate");
      return;
    }
    this.#send(ArpOperation.reply, targetIp, senderMac, senderIp, senderMac, now);
  }

  nextTimeout(): Instant | undefined {
    let next = this.neighbours.nextTimeout();
    for (const claim of this.#claims) next = earliest(next, claim.nextTimeout());
    return next;
  }

  handleTimeout(now: Instant): void {
    for (const claim of this.#claims) claim.handleTimeout(now);
    this.neighbours.handleTimeout(now);
  }

  #isMine(address: Uint8Array): boolean {
    return this.#claims.some((claim) => claim.state === "owned" && equalBytes(claim.address, address));
  }

  #request(address: Uint8Array, cached: MacAddress | undefined, now: Instant): void {
    const own = this.#claims.find(({ state }) => state === "owned");
    if (own === undefined) return;
    // A poll of a known neighbour is unicast (RFC 1122 §2.3.2.1).
    this.#send(ArpOperation.request, own.address, NO_MAC, address, cached ?? BROADCAST_MAC, now);
  }

  #send(
    operation: number,
    senderIp: Uint8Array,
    targetMac: MacAddress,
    targetIp: Uint8Array,
    destination: MacAddress,
    now: Instant,
  ): void {
    this.#owner.sendArp({ operation, senderMac: this.#owner.mac, senderIp, targetMac, targetIp }, destination, now);
  }

  #mayAnswer(sender: MacAddress, now: Instant): boolean {
    let budget = this.#budgets.get(sender);
    if (budget === undefined || now - budget.since >= seconds(1)) {
      this.#budgets.delete(sender);
      if (this.#budgets.size >= MAX_SENDERS) this.#budgets.delete(this.#budgets.keys().next().value!);
      budget = { since: now, count: 0 };
      this.#budgets.set(sender, budget);
    }
    budget.count += 1;
    return budget.count <= REPLIES_PER_SECOND;
  }

  #drop(reason: ArpDropReason): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
  }
}
