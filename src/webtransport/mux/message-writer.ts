/** Fills the messages of a session: control frames first, then datagrams and streams in the order of the scheduler tree. */

import { Fifo } from "../../base/fifo.ts";
import type { Instant } from "../../base/time.ts";
import { DEFAULT_PRIORITY, SchedulerTree, type SendGroup, type SendSession } from "../../quic/scheduler/index.ts";
import { Writer } from "../../wire/writer.ts";
import type { StreamOrder } from "../session.ts";
import { DatagramSender } from "./datagrams.ts";
import type { MuxDialect } from "./dialect.ts";
import { SendPart } from "./send-part.ts";

/** What released peers accept in a STREAM frame, whatever they announce. */
const MAX_STREAM_PAYLOAD = 16_352;

type Control = Uint8Array | ((writer: Writer) => void);

/** Room for any control frame that is not given as bytes. */
const CONTROL_ROOM = 32;

/** Control frames that may wait: a peer that causes more of them does not read. */
export const MAX_WAITING_CONTROL = 4096;

export interface MessageOptions {
  readonly dialect: MuxDialect;
  /** Bytes of a message. */
  readonly size: number;
  /** Unlimited by default. */
  readonly maxFrames?: number;
}

export class MessageWriter {
  readonly datagrams: DatagramSender = new DatagramSender();
  /** Bytes of streams that the peer takes. */
  maxData = 0;
  #sent = 0;
  readonly #tree = new SchedulerTree<SendPart | DatagramSender>();
  readonly #session: SendSession = this.#tree.openSession();
  readonly #groups = new WeakMap<object, SendGroup>();
  readonly #control = new Fifo<Control>();
  readonly #scratch: Uint8Array;
  readonly #maxFrames: number;
  readonly dialect: MuxDialect;

  constructor({ dialect, size, maxFrames = Number.POSITIVE_INFINITY }: MessageOptions) {
    this.dialect = dialect;
    this.#scratch = new Uint8Array(size);
    this.#maxFrames = maxFrames;
    this.#tree.place(this.datagrams.leaf, DEFAULT_PRIORITY, 0);
  }

  /** Control frames that wait. */
  get waitingControl(): number {
    return this.#control.size;
  }

  /** Adds a frame that goes before all data: its bytes, or what writes them. */
  addControl(control: Control): void {
    this.#control.push(control);
  }

  place(part: SendPart, { group = this.#session, sendOrder }: StreamOrder): void {
    let place = this.#groups.get(group);
    if (place === undefined) {
      place = this.#session.openGroup();
      this.#groups.set(group, place);
    }
    this.#tree.place(part.leaf, { group: place, sendOrder }, 0);
    this.update(part);
  }

  /** What a stream or the datagrams can send has changed. */
  update(sender: SendPart | DatagramSender): void {
    this.#tree.setDemand(sender.leaf, sender.demand);
  }

  /** The stream sends nothing any more. */
  remove(part: SendPart): void {
    this.#tree.setDemand(part.leaf, 0);
  }

  /** The next message; undefined if there is nothing to send. `onSent` is called for each stream in it. */
  next(now: Instant, onSent: (part: SendPart, isEnd: boolean) => void): Uint8Array | undefined {
    const writer = new Writer(this.#scratch);
    let frames = 0;
    while (frames < this.#maxFrames && this.#writeFrame(writer, now, onSent)) frames += 1;
    return writer.position === 0 ? undefined : writer.written().slice();
  }

  /** Returns false if there is nothing, or not enough room for what is next. */
  #writeFrame(writer: Writer, now: Instant, onSent: (part: SendPart, isEnd: boolean) => void): boolean {
    const control = this.#control.first;
    if (control !== undefined) {
      const room = typeof control === "function" ? CONTROL_ROOM : control.length;
      if (room > writer.remaining) return false;
      this.#control.shift();
      if (typeof control === "function") control(writer);
      else writer.write(control);
      return true;
    }
    const leaf = this.#tree.next(this.#sent < this.maxData);
    if (leaf === undefined) return false;
    const sender = leaf.value;
    if (sender instanceof SendPart) {
      const before = sender.sent;
      const written = sender.writeFrame(writer, this.dialect, this.maxData - this.#sent, MAX_STREAM_PAYLOAD);
      if (written === "no-room") return false;
      this.#sent += sender.sent - before;
      onSent(sender, written === "end");
    } else if (!sender.writeFrame(writer, this.dialect, now)) return false;
    this.#tree.rotate(leaf);
    this.update(sender);
    return true;
  }
}
