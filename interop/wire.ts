/** What a UDP relay between client and server sees: unprotected headers (RFC 8999, RFC 9000 §17), and counts of bytes. */

import { type Instant, millis } from "../src/base/time.ts";
import type { RelayObserver } from "../src/host/relay/options.ts";
import { type PacketHeader, parsePacketHeader } from "../src/quic/packet/index.ts";
import { toHex } from "../src/wire/hex.ts";

/** The headers of a datagram. Connection ids in short headers have an unknown length, so these packets end with it. */
function headersOf(datagram: Uint8Array): PacketHeader[] {
  const headers: PacketHeader[] = [];
  for (let at = 0; at < datagram.length; ) {
    const header = parsePacketHeader(datagram, at, datagram.length, 0, true);
    if (header === undefined) break;
    headers.push(header);
    at = header.end;
  }
  return headers;
}

/** A ClientHello with a share of a hybrid group takes two packets. */
const FIRST_FLIGHT = millis(100);

export class Wire {
  /** The client's Initial packets before an answer reached it, without those of its first flight. */
  repeatedInitials = 0;
  retries = 0;
  /** The length of the client's largest datagram. */
  largestFromClient = 0;
  /** Bytes that the server sent, per byte that reached it, before the client's first Handshake packet did: the maximum. */
  amplification = 0;
  readonly #handshakes = new Set<string>();
  readonly #versions = new Set<number>();
  #firstInitial: Instant | undefined;
  #isAnswered = false;
  #isValidated = false;
  #toServer = 0;
  #fromServer = 0;
  #firstOneRtt: Instant | undefined;
  #lastOneRtt: Instant | undefined;

  readonly observe: RelayObserver = (what, direction, datagram, now) => {
    const headers = headersOf(datagram);
    if (direction === "up" && what === "received") this.#handleFromClient(headers, datagram.length, now);
    if (direction === "up" && what === "forwarded") this.#handleToServer(headers, datagram.length);
    if (direction === "down" && what === "received") this.#handleFromServer(headers, datagram.length);
    if (direction === "down" && what === "forwarded") this.#handleToClient(headers, now);
  };

  /** The number of handshakes as the public runner counts them: distinct source ids of the server's Initial packets. */
  get handshakes(): number {
    return this.#handshakes.size;
  }

  get versions(): readonly number[] {
    return [...this.#versions];
  }

  /** Bits per second of content, between the first and the last 1-RTT packet that reached the client. */
  rateOf(contentBytes: number): number {
    const micros = (this.#lastOneRtt ?? 0) - (this.#firstOneRtt ?? 0);
    return micros === 0 ? 0 : (contentBytes * 8e6) / micros;
  }

  #handleFromClient(headers: readonly PacketHeader[], length: number, now: Instant): void {
    this.largestFromClient = Math.max(this.largestFromClient, length);
    if (this.#isAnswered || headers[0]?.form !== "initial") return;
    this.#firstInitial ??= now;
    if (now - this.#firstInitial > FIRST_FLIGHT) this.repeatedInitials += 1;
  }

  #handleToServer(headers: readonly PacketHeader[], length: number): void {
    this.#toServer += length;
    if (headers.some(({ form }) => form === "handshake")) this.#isValidated = true;
  }

  #handleFromServer(headers: readonly PacketHeader[], length: number): void {
    for (const header of headers) {
      if (header.form === "initial") this.#handshakes.add(toHex(header.source));
      if (header.form === "retry") this.retries += 1;
      if (header.form === "initial" || header.form === "handshake") this.#versions.add(header.version);
    }
    if (this.#isValidated) return;
    this.#fromServer += length;
    this.amplification = Math.max(this.amplification, this.#fromServer / this.#toServer);
  }

  #handleToClient(headers: readonly PacketHeader[], now: Instant): void {
    this.#isAnswered = true;
    if (headers[0]?.form !== "one-rtt") return;
    this.#firstOneRtt ??= now;
    this.#lastOneRtt = now;
  }
}
