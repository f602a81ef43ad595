/** RFC 9001 §6: two endpoints that share secrets, and the packets between them. */

import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../base/errors.ts";
import { type Instant, instant, millis } from "../../base/time.ts";
import { type AeadName, type CryptoEngine, PacketBatch, TAG_LENGTH } from "../../crypto/engine.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { Writer } from "../../wire/writer.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import { beginShortHeader, finishPacket } from "../packet/index.ts";
import { preferredVersion } from "../versions/index.ts";
import { AEAD_LIMITS, derivePacketKeys, nextSecret, OneRttKeys, type OneRttOptions, protectBatch } from "./index.ts";

const ID = new Uint8Array(4).fill(9);
const SLOT = 64;
const PROBE_TIMEOUT = millis(100);
const CONFIRMED = { isHandshakeConfirmed: true, probeTimeout: PROBE_TIMEOUT };
const suite = { aead: "aes-128-gcm", hash: "sha256" } as const;
const secretOf = (who: number): Uint8Array => new Uint8Array(32).fill(who);

/** One endpoint: seals packets with increasing numbers and opens those of the peer. */
class Endpoint {
  readonly keys: OneRttKeys;
  next = 0;
  largestReceived = -1;
  now: Instant = instant(0);

  constructor(
    own: number,
    other: number,
    options: OneRttOptions = {},
    aead: AeadName = "aes-128-gcm",
    engine: CryptoEngine = portableEngine,
  ) {
    this.keys = new OneRttKeys(engine, CONFIRMED, options);
    this.keys.installRead({ ...suite, aead }, secretOf(other), preferredVersion);
    this.keys.installWrite({ ...suite, aead }, secretOf(own), preferredVersion);
  }

  /** Seals a packet with the next number, or with the given one. */
  send(number = this.next): Uint8Array {
    this.next = Math.max(this.next, number + 1);
    const arena = new Uint8Array(SLOT);
    const batch = new PacketBatch(arena, 1);
    const writer = new Writer(arena, 0, SLOT - TAG_LENGTH);
    const open = beginShortHeader(writer, ID, 0, this.keys.writePhase, number, 4);
    writer.fill(1, writer.remaining);
    finishPacket(writer, open, batch);
    protectBatch(batch, this.keys.write, 0);
    this.keys.onPacketsSealed(1, number);
    return arena;
  }

  /** Opens packets that arrived together; returns the numbers of the genuine ones. */
  receive(...packets: Uint8Array[]): number[] {
    const arena = new Uint8Array(packets.length * SLOT);
    const batch = new PacketBatch(arena, packets.length);
    packets.forEach((packet, i) => {
      arena.set(packet, i * SLOT);
      batch.header[i] = i * SLOT;
      batch.packetNumberOffset[i] = i * SLOT + 1 + ID.length;
      batch.end[i] = (i + 1) * SLOT;
      batch.count += 1;
    });
    this.keys.open(batch, 0, this.largestReceived, 0, this.now);
    expect(batch.count).toBe(packets.length);
    const opened = packets.flatMap((_, i) => (batch.ok[i] === 1 ? [batch.packetNumber[i]!] : []));
    this.largestReceived = Math.max(this.largestReceived, ...opened);
    return opened;
  }

  wait(span: number): void {
    this.now = instant(this.now + span);
  }
}

const pair = (options?: OneRttOptions) => ({ alice: new Endpoint(1, 2, options), bob: new Endpoint(2, 1) });

/** `from` sends a packet, `to` responds, and `from` treats the response as an acknowledgement. */
function roundTrip(from: Endpoint, to: Endpoint): void {
  expect(to.receive(from.send())).toEqual([from.next - 1]);
  expect(from.receive(to.send())).toEqual([to.next - 1]);
  from.keys.onPacketAcked(from.next - 1);
  to.keys.onPacketAcked(to.next - 1);
}

function errorOf(action: () => unknown): number | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.code;
  }
}

/** Flips the masked Key Phase bit, as an attacker on the path can. */
const flipped = (packet: Uint8Array): Uint8Array => {
  const copy = packet.slice();
  copy[0] = copy[0]! ^ 0x04;
  return copy;
};

describe("a key update", () => {
  it("is followed by the peer, and traffic continues in both directions", () => {
    const { alice, bob } = pair();
    for (let update = 1; update <= 5; update += 1) {
      roundTrip(alice, bob);
      expect(alice.keys.initiateUpdate(alice.now)).toBe(true);
      expect(alice.keys.writePhase).toBe(update % 2);
      expect(bob.keys.writePhase).toBe((update - 1) % 2);
      roundTrip(alice, bob);
      expect(bob.keys.writePhase).toBe(update % 2);
      expect(bob.keys.readGeneration).toBe(update);
      expect(bob.keys.writeGeneration).toBe(update);
      expect(alice.keys.readGeneration).toBe(update);
      alice.wait(3 * PROBE_TIMEOUT);
      bob.wait(3 * PROBE_TIMEOUT);
    }
  });

  it("may be initiated by both sides at once, which end up in the same phase", () => {
    const { alice, bob } = pair();
    roundTrip(alice, bob);
    expect(alice.keys.initiateUpdate(alice.now)).toBe(true);
    expect(bob.keys.initiateUpdate(bob.now)).toBe(true);
    roundTrip(alice, bob);
    expect(alice.keys.readGeneration).toBe(1);
    expect(bob.keys.readGeneration).toBe(1);
  });

  it("in the middle of a batch opens old, new and reordered packets alike", () => {
    const { alice, bob } = pair();
    roundTrip(alice, bob);
    const old = [alice.send(), alice.send(), alice.send()];
    alice.keys.initiateUpdate(alice.now);
    const fresh = [alice.send(), alice.send()];
    expect(bob.receive(old[0]!, fresh[0]!, old[1]!, fresh[1]!, old[2]!)).toEqual([1, 4, 2, 5, 3]);
    expect(bob.keys.readGeneration).toBe(1);
  });

  it("keeps the peer's earlier packets readable until it follows", () => {
    const { alice, bob } = pair();
    roundTrip(alice, bob);
    alice.keys.initiateUpdate(alice.now);
    alice.wait(100 * PROBE_TIMEOUT);
    expect(alice.receive(bob.send())).toEqual([1]);
    expect(alice.receive(bob.send(), bob.send())).toEqual([2, 3]);
  });

  it("discards old read keys three PTOs after the first packet of the new phase (§6.5)", () => {
    const { alice, bob } = pair();
    roundTrip(alice, bob);
    const late = [alice.send(), alice.send()];
    alice.keys.initiateUpdate(alice.now);
    bob.receive(alice.send());
    bob.wait(3 * PROBE_TIMEOUT - 1);
    expect(bob.receive(late[0]!)).toEqual([1]);
    bob.wait(1);
    expect(bob.receive(late[1]!)).toEqual([]);
    // Dropping the old keys changed nothing.
    expect(bob.receive(alice.send())).toEqual([4]);
  });

  it("is prepared once a connection has received some packets, before an observer could time it (§6.3)", () => {
    let derived = 0;
    const engine = {
      ...portableEngine,
      createPacketKey: (...key: Parameters<typeof portableEngine.createPacketKey>) => {
        derived += 1;
        return portableEngine.createPacketKey(...key);
      },
    };
    const [alice, bob] = [new Endpoint(1, 2), new Endpoint(2, 1, {}, "aes-128-gcm", engine)];
    for (let i = 0; i < 16; i += 1) bob.receive(alice.send());
    expect(derived).toBe(2);
    bob.receive(alice.send());
    expect(derived).toBe(3);
    // The next packet key to read was there already; the ones derived now are to write, and to read after the next update.
    bob.send();
    alice.keys.onPacketAcked(0);
    alice.keys.initiateUpdate(alice.now);
    expect(bob.receive(alice.send())).toEqual([17]);
    expect(derived).toBe(5);
  });

  it("the very first packet may already be of the second phase", () => {
    const { alice, bob } = pair();
    alice.send();
    alice.keys.onPacketAcked(0);
    expect(alice.keys.initiateUpdate(alice.now)).toBe(true);
    expect(bob.receive(alice.send())).toEqual([1]);
  });
});

describe("initiating a key update is rejected", () => {
  it("before the handshake is confirmed (§6.1)", () => {
    const host = { ...CONFIRMED, isHandshakeConfirmed: false };
    const keys = new OneRttKeys(portableEngine, host);
    expect(keys.initiateUpdate(instant(0))).toBe(false);
    keys.installRead(suite, secretOf(2), preferredVersion);
    keys.installWrite(suite, secretOf(1), preferredVersion);
    keys.onPacketAcked(0);
    expect(keys.initiateUpdate(instant(0))).toBe(false);
    host.isHandshakeConfirmed = true;
    expect(keys.initiateUpdate(instant(0))).toBe(true);
  });

  it("before a packet of the current phase is acknowledged (§6.1)", () => {
    const { alice, bob } = pair();
    expect(alice.keys.initiateUpdate(alice.now)).toBe(false);
    roundTrip(alice, bob);
    expect(alice.keys.initiateUpdate(alice.now)).toBe(true);
    alice.wait(10 * PROBE_TIMEOUT);
    // An acknowledgement from the previous phase does not count.
    alice.keys.onPacketAcked(alice.next - 1);
    expect(alice.keys.initiateUpdate(alice.now)).toBe(false);
  });

  it("within three PTOs of the last one (§6.5)", () => {
    const { alice, bob } = pair();
    roundTrip(alice, bob);
    alice.keys.initiateUpdate(alice.now);
    roundTrip(alice, bob);
    expect(alice.keys.initiateUpdate(alice.now)).toBe(false);
    alice.wait(3 * PROBE_TIMEOUT);
    expect(alice.keys.initiateUpdate(alice.now)).toBe(true);
  });
});

/** A packet from Alice, of any generation, that ignores what is allowed. */
function roguePacket(generation: number, number: number): Uint8Array {
  let secret = secretOf(1);
  const { header } = derivePacketKeys(portableEngine, suite.aead, suite.hash, secret, preferredVersion);
  for (let i = 0; i < generation; i += 1) secret = nextSecret(portableEngine, suite.hash, secret, preferredVersion);
  const arena = new Uint8Array(SLOT);
  const batch = new PacketBatch(arena, 1);
  const writer = new Writer(arena, 0, SLOT - TAG_LENGTH);
  const open = beginShortHeader(writer, ID, 0, (generation % 2) as 0 | 1, number, 4);
  writer.fill(1, writer.remaining);
  finishPacket(writer, open, batch);
  protectBatch(
    batch,
    { ...derivePacketKeys(portableEngine, suite.aead, suite.hash, secret, preferredVersion), header },
    0,
  );
  return arena;
}

describe("KEY_UPDATE_ERROR", () => {
  const { code } = TRANSPORT_ERRORS.KEY_UPDATE_ERROR;

  it("old keys for a higher packet number than new keys, after our own update (§6.4)", () => {
    const { bob } = pair();
    bob.receive(roguePacket(0, 0));
    bob.send();
    bob.keys.onPacketAcked(0);
    expect(bob.keys.initiateUpdate(bob.now)).toBe(true);
    expect(bob.receive(roguePacket(0, 9))).toEqual([9]);
    expect(errorOf(() => bob.receive(roguePacket(1, 5)))).toBe(code);
  });

  it("new keys for a lower packet number than old keys, when the peer updates (§6.4)", () => {
    const { bob } = pair();
    expect(bob.receive(roguePacket(0, 0), roguePacket(0, 9))).toEqual([0, 9]);
    expect(errorOf(() => bob.receive(roguePacket(1, 5)))).toBe(code);
  });

  it("a second update before anything was sent under the first (§6.2)", () => {
    const { bob } = pair();
    bob.receive(roguePacket(0, 0));
    expect(bob.receive(roguePacket(1, 1))).toEqual([1]);
    expect(errorOf(() => bob.receive(roguePacket(2, 2)))).toBe(code);
    expect(errorOf(() => pair().bob.receive(roguePacket(1, 1), roguePacket(2, 2)))).toBe(code);
  });

  it("does not apply to a second update after a response", () => {
    const { bob } = pair();
    bob.receive(roguePacket(0, 0));
    bob.receive(roguePacket(1, 1));
    bob.send();
    expect(bob.receive(roguePacket(2, 2), roguePacket(1, 1))).toEqual([2, 1]);
    expect(bob.keys.writeGeneration).toBe(2);
  });
});

describe("forged packets (§6.3, §6.6, §9.5)", () => {
  it("a flipped Key Phase bit opens nothing and changes nothing", () => {
    const { alice, bob } = pair();
    roundTrip(alice, bob);
    for (let i = 0; i < 200; i += 1) expect(bob.receive(flipped(alice.send()))).toEqual([]);
    expect(bob.keys.readGeneration).toBe(0);
    expect(bob.keys.writePhase).toBe(0);
    const [first, second, third] = [alice.send(), alice.send(), alice.send()];
    expect(bob.receive(first, flipped(second), third)).toEqual([alice.next - 3, alice.next - 1]);
  });

  it("are counted over all generations, up to the integrity limit", () => {
    const { alice, bob } = pair({ integrityLimit: 5 });
    const bad = (packet: Uint8Array): Uint8Array => {
      const copy = packet.slice();
      copy[SLOT - 1] = copy[SLOT - 1]! ^ 1;
      return copy;
    };
    alice.receive(bad(bob.send()), bad(bob.send()), bad(bob.send()));
    roundTrip(alice, bob);
    alice.keys.initiateUpdate(alice.now);
    roundTrip(alice, bob);
    alice.receive(bad(bob.send()), bob.send(), bad(bob.send()));
    expect(errorOf(() => alice.receive(bad(bob.send())))).toBe(TRANSPORT_ERRORS.AEAD_LIMIT_REACHED.code);
  });
});

describe("the confidentiality limit (§6.6)", () => {
  it("keys are updated automatically after that many packets, as soon as the rules allow", () => {
    const { alice, bob } = pair({ keyUpdateAfter: 10 });
    for (let i = 0; i < 9; i += 1) roundTrip(alice, bob);
    expect(alice.keys.writeGeneration).toBe(0);
    roundTrip(alice, bob);
    expect(alice.keys.writeGeneration).toBe(1);
    for (let i = 0; i < 50; i += 1) {
      roundTrip(alice, bob);
      alice.wait(PROBE_TIMEOUT);
      bob.wait(PROBE_TIMEOUT);
    }
    expect(alice.keys.writeGeneration).toBeGreaterThanOrEqual(4);
    bob.receive(alice.send());
    expect(bob.keys.readGeneration).toBe(alice.keys.writeGeneration);
  });

  it("closes the connection if no update is possible", () => {
    const { alice, bob } = pair();
    const limit = AEAD_LIMITS["aes-128-gcm"].confidentiality;
    alice.keys.onPacketsSealed(limit - 1, limit - 2);
    expect(alice.receive(bob.send())).toEqual([0]);
    alice.keys.onPacketsSealed(1, limit - 1);
    expect(errorOf(() => alice.receive(bob.send()))).toBe(TRANSPORT_ERRORS.AEAD_LIMIT_REACHED.code);
    // If they had been acknowledged, there would have been an update instead.
    alice.keys.onPacketAcked(0);
    expect(alice.receive(bob.send())).toEqual([2]);
    expect(alice.keys.writeGeneration).toBe(1);
  });

  it("does not exist for ChaCha20-Poly1305", () => {
    const [alice, bob] = [new Endpoint(1, 2, {}, "chacha20-poly1305"), new Endpoint(2, 1, {}, "chacha20-poly1305")];
    alice.keys.onPacketsSealed(2 ** 40, 2 ** 40);
    alice.keys.onPacketAcked(0);
    expect(alice.receive(bob.send())).toEqual([0]);
    expect(alice.keys.writeGeneration).toBe(0);
  });
});

describe("before the secrets are known", () => {
  it("keys can neither read nor write", () => {
    const keys = new OneRttKeys(portableEngine, CONFIRMED);
    expect(keys.canRead).toBe(false);
    expect(keys.canWrite).toBe(false);
    expect(() => keys.write).toThrow(RangeError);
    expect(() => keys.open(new PacketBatch(new Uint8Array(0), 0), 0, -1, 0, instant(0))).toThrow(RangeError);
    keys.installWrite(suite, secretOf(1), preferredVersion);
    expect(keys.canWrite).toBe(true);
    expect(keys.canRead).toBe(false);
  });
});
