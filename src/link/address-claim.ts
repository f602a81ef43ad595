/**
 * Claims an IPv4 address on a link and defends it (RFC 5227, address conflict detection). A claim that does not probe
 * owns its address at once and announces it.
 */

import { type Rng, uniform } from "../base/rng.ts";
import { after, type Instant, type Micros, micros, seconds } from "../base/time.ts";
import { equalBytes } from "../wire/text.ts";
import type { ArpPacket } from "./arp-packet.ts";
import type { MacAddress } from "./mac.ts";

/** RFC 5227 §1.1. */
const PROBE_WAIT = seconds(1);
const PROBE_NUM = 3;
const PROBE_MIN = seconds(1);
const PROBE_MAX = seconds(2);
const ANNOUNCE_WAIT = seconds(2);
const ANNOUNCE_NUM = 2;
const ANNOUNCE_INTERVAL = seconds(2);
const DEFEND_INTERVAL = seconds(10);

export type ClaimState = "probing" | "owned" | "lost";

export interface ClaimOwner {
  /** Broadcasts a probe (sender 0.0.0.0), or an announcement. */
  sendProbe(address: Uint8Array, now: Instant): void;
  sendAnnouncement(address: Uint8Array, now: Instant): void;
  onClaim(claim: AddressClaim, state: Exclude<ClaimState, "probing">, now: Instant): void;
}

export interface ClaimOptions {
  /** Probes before use; false by default, for addresses that a person configured. */
  readonly probe?: boolean;
  /** Keeps the address whatever happens, as servers do (RFC 5227 §2.4 (c)); true by default. */
  readonly keep?: boolean;
}

export class AddressClaim {
  readonly address: Uint8Array;
  state: ClaimState;
  /** Packets of other stations that claim the address. */
  conflicts = 0;
  readonly #owner: ClaimOwner;
  readonly #rng: Rng;
  readonly #keeps: boolean;
  #probesLeft: number;
  #announcementsLeft = ANNOUNCE_NUM;
  #lastDefence = Number.NEGATIVE_INFINITY;
  #at: Instant | undefined;

  constructor(owner: ClaimOwner, address: Uint8Array, rng: Rng, options: ClaimOptions, now: Instant) {
    this.#owner = owner;
    this.#rng = rng;
    this.address = address;
    this.#keeps = options.keep ?? true;
    this.state = options.probe === true ? "probing" : "owned";
    this.#probesLeft = options.probe === true ? PROBE_NUM : 0;
    // §2.1.1: a random delay, so that stations powered on together do not probe together.
    this.#at = options.probe === true ? after(now, this.#random(micros(0), PROBE_WAIT)) : now;
  }

  nextTimeout(): Instant | undefined {
    return this.#at;
  }

  handleTimeout(now: Instant): void {
    if (this.#at === undefined || now < this.#at) return;
    if (this.state === "probing" && this.#probesLeft > 0) {
      this.#owner.sendProbe(this.address, now);
      this.#probesLeft -= 1;
      // §2.1.1.
      this.#at = after(now, this.#probesLeft > 0 ? this.#random(PROBE_MIN, PROBE_MAX) : ANNOUNCE_WAIT);
      return;
    }
    const isFirst = this.state === "probing";
    this.state = "owned";
    // §2.3.
    this.#owner.sendAnnouncement(this.address, now);
    this.#announcementsLeft -= 1;
    this.#at = this.#announcementsLeft > 0 ? after(now, ANNOUNCE_INTERVAL) : undefined;
    if (isFirst) this.#owner.onClaim(this, "owned", now);
  }

  /** Every ARP packet passes here before anything else. Returns true if it conflicts with the claim. */
  observe(packet: ArpPacket, ownMac: MacAddress, now: Instant): boolean {
    if (packet.senderMac === ownMac || this.state === "lost") return false;
    const isSender = equalBytes(packet.senderIp, this.address);
    if (this.state === "probing") {
      // §2.1.1: another sender has it, or probes for it too.
      const isRivalProbe = packet.senderIp.every((byte) => byte === 0) && equalBytes(packet.targetIp, this.address);
      if (!isSender && !isRivalProbe) return false;
      this.conflicts += 1;
      this.#lose(now);
      return true;
    }
    if (!isSender) return false;
    this.#defend(now);
    return true;
  }

  /** §2.4. */
  #defend(now: Instant): void {
    this.conflicts += 1;
    if (now - this.#lastDefence >= DEFEND_INTERVAL) {
      this.#lastDefence = now;
      this.#owner.sendAnnouncement(this.address, now);
    } else if (!this.#keeps) this.#lose(now);
  }

  #lose(now: Instant): void {
    this.state = "lost";
    this.#at = undefined;
    this.#owner.onClaim(this, "lost", now);
  }

  #random(from: Micros, to: Micros): Micros {
    return Math.round(from + uniform(this.#rng) * (to - from)) as Micros;
  }
}
