/** Draft 16: SUBSCRIBE_NAMESPACE has a bidirectional stream of its own, on which namespaces come and go (§9.25). */

import { ControlReader } from "../../control-reader.ts";
import { STREAM_ERRORS, violation } from "../../errors.ts";
import type { ControlMessage, SubscribeNamespaceMessage } from "../../messages.ts";
import type { StreamId } from "../carrier.ts";
import type { SessionCore } from "../core.ts";
import type { Request } from "../requests.ts";
import { REQUEST_ORDER } from "../send-order.ts";

/** Streams that may come before the setup, each with one message. */
const MAX_EARLY = 16;
const CANCELLED = STREAM_ERRORS.CANCELLED.code;

interface Opening {
  readonly reader: ControlReader;
  /** Came before the setup. */
  early: SubscribeNamespaceMessage | undefined;
  isFinished: boolean;
}

interface Owned {
  readonly request: Request;
  readonly stream: StreamId;
  readonly reader: ControlReader;
  isOurEndDone: boolean;
}

interface Surroundings {
  /** A stream whose first message is not about namespaces: the control stream, or a violation. */
  readonly begin: (stream: StreamId, message: ControlMessage, reader: ControlReader, fin: boolean) => void;
  /** Undefined if it was refused. */
  readonly accept: (message: SubscribeNamespaceMessage, stream: StreamId) => Request | undefined;
  readonly follow: (request: Request, message: ControlMessage) => void;
  /** With a code if it was reset. */
  readonly ended: (request: Request, code: number | undefined) => void;
}

export class NamespaceStreams {
  readonly #core: SessionCore;
  readonly #surroundings: Surroundings;
  readonly #opening = new Map<StreamId, Opening>();
  readonly #byStream = new Map<StreamId, Owned>();
  readonly #byId = new Map<number, Owned>();

  constructor(core: SessionCore, surroundings: Surroundings) {
    this.#core = core;
    this.#surroundings = surroundings;
  }

  open(stream: StreamId): void {
    this.#opening.set(stream, { reader: new ControlReader(this.#core.codec), early: undefined, isFinished: false });
  }

  /** A stream for a request of ours. */
  add(request: Request, stream: StreamId, reader = new ControlReader(this.#core.codec)): void {
    const owned = { request, stream, reader, isOurEndDone: false };
    this.#byStream.set(stream, owned);
    this.#byId.set(request.id, owned);
    this.#core.carrier.setOrder?.(stream, REQUEST_ORDER);
  }

  write(request: Request, message: ControlMessage, fin: boolean): void {
    const owned = this.#byId.get(request.id);
    if (owned === undefined || owned.isOurEndDone) return;
    owned.isOurEndDone = fin;
    this.#core.write(owned.stream, message, fin);
  }

  cancel(request: Request, code: number): void {
    const owned = this.#byId.get(request.id);
    if (owned === undefined) return;
    if (!owned.isOurEndDone) this.#core.carrier.reset(owned.stream, code);
    this.#core.carrier.stopSending(owned.stream, code);
    this.forget(request);
  }

  forget(request: Request): void {
    const owned = this.#byId.get(request.id);
    if (owned === undefined) return;
    this.#byId.delete(request.id);
    this.#byStream.delete(owned.stream);
  }

  handle(stream: StreamId, bytes: Uint8Array, fin: boolean): void {
    const owned = this.#byStream.get(stream);
    if (owned !== undefined) {
      this.#follow(owned, bytes, fin);
      return;
    }
    const opening = this.#opening.get(stream);
    if (opening === undefined) return;
    opening.reader.push(bytes);
    opening.isFinished ||= fin;
    if (opening.early !== undefined) {
      if (opening.reader.isPartial) this.#refuse(stream);
      return;
    }
    const message = opening.reader.poll();
    if (message === undefined) {
      if (fin) throw violation("bidirectional stream", "it ended without a message");
      return;
    }
    if (message.type !== "subscribe-namespace" || this.#core.codec.dialect.has("hasNamespacesOnControlStream")) {
      this.#opening.delete(stream);
      this.#surroundings.begin(stream, message, opening.reader, fin);
      return;
    }
    opening.early = message;
    if (this.#core.hasSetup) this.#accept(stream, opening);
    else if ([...this.#opening.values()].filter(({ early }) => early !== undefined).length > MAX_EARLY)
      this.#refuse(stream);
  }

  /** The setup came: what was early is not any more. */
  handleSetup(): void {
    for (const [stream, opening] of [...this.#opening]) if (opening.early !== undefined) this.#accept(stream, opening);
  }

  /** True if the stream is one of these. */
  handleEnd(stream: StreamId, code: number): boolean {
    if (this.#opening.delete(stream)) return true;
    const owned = this.#byStream.get(stream);
    if (owned === undefined) return false;
    if (!owned.isOurEndDone) this.#core.carrier.reset(stream, CANCELLED);
    this.forget(owned.request);
    this.#surroundings.ended(owned.request, code);
    return true;
  }

  clear(): void {
    this.#opening.clear();
    this.#byStream.clear();
    this.#byId.clear();
  }

  #accept(stream: StreamId, { early, reader, isFinished }: Opening): void {
    this.#opening.delete(stream);
    const request = this.#surroundings.accept(early!, stream);
    if (request === undefined) return;
    this.add(request, stream, reader);
    this.#follow(this.#byId.get(request.id)!, new Uint8Array(0), isFinished);
  }

  #follow({ request, reader, stream, isOurEndDone }: Owned, bytes: Uint8Array, fin: boolean): void {
    reader.push(bytes);
    for (let message = reader.poll(); message !== undefined; message = reader.poll())
      this.#surroundings.follow(request, message);
    if (!fin || !this.#byId.has(request.id)) return;
    reader.end();
    if (!isOurEndDone) this.#core.carrier.write(stream, new Uint8Array(0), true);
    this.forget(request);
    // FIN of the side that asked cancels.
    this.#surroundings.ended(request, request.isOurs ? undefined : CANCELLED);
  }

  #refuse(stream: StreamId): void {
    this.#opening.delete(stream);
    this.#core.carrier.reset(stream, CANCELLED);
    this.#core.carrier.stopSending(stream, CANCELLED);
  }
}
