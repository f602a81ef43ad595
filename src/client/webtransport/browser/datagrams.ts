/** The datagrams of a session whose carrier is not known yet. */

import type { SendStreamOptions } from "../../../host/webtransport/send-stream.ts";
import type { ChosenSession } from "./chosen-session.ts";
import { forwardReadable, forwardWritable } from "./forwarding.ts";

/** Bytes. A datagram of QUIC has at least 1,200, of which headers take some. */
const LIKELY_SIZE = 1024;

interface Settings {
  incomingMaxAge: number | null;
  outgoingMaxAge: number | null;
  incomingHighWaterMark: number;
}

type Chosen = ChosenSession["datagrams"];

/** Datagrams in both directions: over HTTP/3 they may be lost; over a WebSocket they may be late. */
export class WebTransportDatagrams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #chosen: Promise<Chosen>;
  #datagrams: Chosen | undefined;
  /** What was set before the choice. */
  readonly #settings: Partial<Settings> = {};
  #writable: WritableStream<Uint8Array> | undefined;

  constructor(chosen: Promise<ChosenSession>) {
    this.#chosen = chosen.then(({ datagrams }) => {
      Object.assign(datagrams, this.#settings);
      this.#datagrams = datagrams;
      return datagrams;
    });
    this.#chosen.catch(() => {});
    this.readable = forwardReadable(this.#chosen.then(({ readable }) => readable));
  }

  /** The largest datagram that can be sent now, in bytes; before the session is ready, what is likely to fit. */
  get maxDatagramSize(): number {
    return this.#datagrams?.maxDatagramSize ?? LIKELY_SIZE;
  }

  /** Milliseconds after which a datagram that was not read is dropped; null for no limit. */
  get incomingMaxAge(): number | null {
    return this.#get("incomingMaxAge", null);
  }
  set incomingMaxAge(age: number | null) {
    this.#set("incomingMaxAge", age);
  }

  /** Milliseconds after which a datagram that could not be sent is dropped; null for no limit. */
  get outgoingMaxAge(): number | null {
    return this.#get("outgoingMaxAge", null);
  }
  set outgoingMaxAge(age: number | null) {
    this.#set("outgoingMaxAge", age);
  }

  /** Datagrams that may wait for a reader. */
  get incomingHighWaterMark(): number {
    return this.#get("incomingHighWaterMark", 1);
  }
  set incomingHighWaterMark(count: number) {
    this.#set("incomingHighWaterMark", count);
  }

  /** A stream of datagrams to the peer. */
  createWritable(options: SendStreamOptions = {}): WritableStream<Uint8Array> {
    // Chromium has only one.
    const open = (datagrams: Chosen): WritableStream<Uint8Array> =>
      (datagrams as Partial<Chosen>).createWritable?.(options) ?? datagrams.writable;
    return forwardWritable(this.#chosen.then(open));
  }

  /** The same as `createWritable()`, made once. */
  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= this.createWritable();
    return this.#writable;
  }

  #get<K extends keyof Settings>(name: K, initial: Settings[K]): Settings[K] {
    return this.#datagrams?.[name] ?? this.#settings[name] ?? initial;
  }

  #set<K extends keyof Settings>(name: K, value: Settings[K]): void {
    if (this.#datagrams === undefined) this.#settings[name] = value;
    else this.#datagrams[name] = value as never;
  }
}
