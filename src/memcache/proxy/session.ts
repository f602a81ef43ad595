/**
 * One client, without a socket: splits its bytes into requests, starts them, and puts the responses in order.
 * A client may pipeline as it likes; when too much waits, the session stops reading until the client has taken some.
 */

import { Fifo } from "../../base/fifo.ts";
import type { Instant } from "../../base/time.ts";
import type { MultigetErrors } from "../config/config.ts";
import { COMMANDS } from "../protocol/command.ts";
import { ERRORS } from "../protocol/errors.ts";
import { MAX_KEY, MAX_LINE, MAX_MULTIGET_LINE, MAX_MULTIGET_PREFIX, MAX_UNFINISHED_LINE } from "../protocol/limits.ts";
import { Output } from "../protocol/output.ts";
import { latin1, nextSpace, parseRequest, type Request, skipSpaces, text } from "../protocol/request.ts";
import type { Route } from "../route/route.ts";
import { Slot, type SlotOwner } from "./slot.ts";

/** Requests of one client that may wait at a time, and bytes of their values and responses. */
const MAX_WAITING = 512;
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** The first byte of a request in the binary protocol. */
const BINARY_MAGIC = 0x80;
const LF = 0x0a;
const CR = 0x0d;
const NOTHING = new Uint8Array(0);
const END = latin1("END\r\n");
const NOP = latin1("MN\r\n");
const GET_PREFIX = /^ {0,100}gets? /;

/** What a session needs from the proxy. */
export interface SessionHost {
  readonly maxValue: number;
  readonly multigetErrors: MultigetErrors;
  /** The route of a request; undefined if none takes it. */
  routeOf(request: Request, tag: string): Route | undefined;
  /** Counts a request; returns false if no more may be active. */
  beginRequest(request: Request): boolean;
  endRequest(): void;
  countError(): void;
  /** The answer to `stats`, `version` and so on; undefined closes the connection. */
  answerLocally(request: Request, session: ClientSession): Uint8Array | undefined;
  sessionChanged(session: ClientSession): void;
}

interface Multiget {
  readonly request: Request;
  /** Where the next key is searched for. */
  at: number;
}

export class ClientSession implements SlotOwner {
  /** The listener's tag, which may select other routes. */
  readonly tag: string;
  readonly #host: SessionHost;
  readonly #slots = new Fifo<Slot>();
  readonly #output = new Output();
  #input: Uint8Array = new Uint8Array(0);
  #position = 0;
  /** Where the search for the line's end goes on. */
  #scanned = 0;
  #awaitsValue: Request | undefined;
  #valueParts: Uint8Array[] = [];
  #valueMissing = 0;
  #toSwallow = 0;
  #multiget: Multiget | undefined;
  #waitingBytes = 0;
  #hasEnded = false;
  #isEnding = false;
  #isClosed = false;

  constructor(host: SessionHost, tag: string) {
    this.#host = host;
    this.tag = tag;
  }

  /** True if the host should read no more from the client for now. */
  get isFull(): boolean {
    return this.#slots.size >= MAX_WAITING || this.#waitingBytes >= MAX_WAITING_BYTES;
  }

  /** True if the connection is to be closed: nothing more is read, and every response has been taken. */
  get isFinished(): boolean {
    return this.#isEnding && this.#slots.size === 0;
  }

  /** Takes bytes from the client, which must not change later. */
  handleData(chunk: Uint8Array, now: Instant): void {
    if (this.#isEnding || this.#isClosed) return;
    const kept = this.#input.length - this.#position;
    if (kept === 0) {
      this.#input = chunk;
      this.#scanned = 0;
    } else {
      const joined = new Uint8Array(kept + chunk.length);
      joined.set(this.#input.subarray(this.#position));
      joined.set(chunk, kept);
      this.#input = joined;
      this.#scanned -= this.#position;
    }
    this.#position = 0;
    this.#advance(now);
    this.#host.sessionChanged(this);
  }

  /** The client sends no more. What it has asked for is still answered. */
  end(): void {
    this.#hasEnded = true;
    this.#endIfDone();
  }

  /** The client has gone. Responses that still come are dropped. */
  close(): void {
    this.#isClosed = true;
    for (let slot = this.#slots.shift(); slot !== undefined; slot = this.#slots.shift()) this.#finish(slot);
    this.#output.clear();
  }

  slotDone(slot: Slot): void {
    this.#waitingBytes += slot.end - slot.start;
    if (this.#slots.first === slot) this.#host.sessionChanged(this);
  }

  partError(part: Request, error: Uint8Array): Uint8Array {
    switch (this.#host.multigetErrors) {
      case "line":
        return error;
      case "miss":
        return NOTHING;
      case "key": {
        const key = text(part.bytes, part.keyStart, part.keyEnd);
        return latin1(`${text(error, 0, error.length).trimEnd()}: ${key}\r\n`);
      }
    }
  }

  /** Sends bytes that answer no request, such as events. */
  push(bytes: Uint8Array): void {
    this.#slots.push(new Slot(this, undefined).answer(bytes));
    this.#waitingBytes += bytes.length;
    this.#host.sessionChanged(this);
  }

  /** Returns what the client may receive now, and goes on with what had to wait for that. */
  takeOutput(now: Instant): Uint8Array[] {
    for (;;) {
      const wasFull = this.isFull;
      this.#collect();
      if (!wasFull || this.isFull || this.#isClosed) break;
      this.#advance(now);
    }
    this.#endIfDone();
    return this.#output.take();
  }

  /** Ends after the last complete request of a client that sends no more. */
  #endIfDone(): void {
    if (this.#hasEnded && !this.isFull && this.#multiget === undefined) this.#end();
  }

  #collect(): void {
    for (let slot = this.#slots.first; slot?.isDone; slot = this.#slots.first) {
      this.#slots.shift();
      this.#waitingBytes -= slot.end - slot.start;
      if (slot.end > slot.start) this.#output.append(slot.bytes, slot.start, slot.end);
      this.#finish(slot);
    }
  }

  #finish({ request }: Slot): void {
    if (request === undefined) return;
    this.#waitingBytes -= request.valueLength;
    this.#host.endRequest();
  }

  #advance(now: Instant): void {
    while (!this.isFull && !this.#isEnding) {
      if (this.#multiget !== undefined) this.#nextKey(this.#multiget, now);
      else if (this.#position === this.#input.length) return;
      else if (this.#toSwallow > 0) this.#swallow();
      else if (this.#awaitsValue !== undefined) this.#readValue(this.#awaitsValue, now);
      else if (!this.#readLine(now)) return;
    }
  }

  /** Returns false if the line has not ended. */
  #readLine(now: Instant): boolean {
    const input = this.#input;
    const start = this.#position;
    if (input[start] === BINARY_MAGIC) {
      // The binary protocol: its client would wait for an answer that cannot come.
      this.#host.countError();
      this.#end();
      return false;
    }
    let newline = this.#scanned;
    while (newline < input.length && input[newline] !== LF) newline += 1;
    this.#scanned = newline;
    if (newline === input.length) {
      if (this.#isOverlong(start)) this.#end();
      return false;
    }
    this.#position = newline + 1;
    this.#scanned = newline + 1;
    const request = parseRequest(input, start, newline + 1);
    if (request === undefined) {
      this.#host.countError();
      this.#answer(ERRORS.parsing);
    } else this.#handleRequest(request, now);
    return true;
  }

  /** True if the unfinished line can only be nonsense. */
  #isOverlong(start: number): boolean {
    const length = this.#input.length - start;
    if (length <= MAX_UNFINISHED_LINE) return false;
    return length > MAX_MULTIGET_LINE || !GET_PREFIX.test(text(this.#input, start, start + 110));
  }

  #handleRequest(request: Request, now: Instant): void {
    if (request.command > COMMANDS.prepend || request.command === COMMANDS.mn) {
      const bytes = request.command === COMMANDS.mn ? NOP : this.#host.answerLocally(request, this);
      if (bytes === undefined) this.#end();
      else this.#answer(bytes);
      return;
    }
    if (request.hasMoreKeys && request.kind === "get") {
      this.#multiget = { request, at: request.keyStart };
      return;
    }
    if (request.end - request.start >= MAX_LINE) {
      this.#host.countError();
      this.#end();
      return;
    }
    if (request.valueLength === 0) this.#start(request, now);
    else if (request.valueLength - 2 > this.#host.maxValue) {
      this.#answer(ERRORS.outOfMemory);
      this.#toSwallow = request.valueLength;
    } else {
      this.#awaitsValue = request;
      this.#valueMissing = request.valueLength;
    }
  }

  #nextKey(multiget: Multiget, now: Instant): void {
    const { request } = multiget;
    const { bytes, lineEnd } = request;
    const keyStart = skipSpaces(bytes, multiget.at, lineEnd);
    const keyEnd = nextSpace(bytes, keyStart, lineEnd);
    multiget.at = keyEnd;
    const prefix = request.keyStart - request.start;
    if (keyStart === keyEnd) {
      this.#multiget = undefined;
      this.#answer(END);
    } else if (prefix > MAX_MULTIGET_PREFIX) this.#answer(ERRORS.malformed);
    else if (keyEnd - keyStart > MAX_KEY) this.#answer(ERRORS.keyTooLong);
    else {
      const length = prefix + keyEnd - keyStart;
      const line = new Uint8Array(length + 2);
      for (let i = 0; i < prefix; i += 1) line[i] = bytes[request.start + i]!;
      for (let i = prefix; i < length; i += 1) line[i] = bytes[keyStart + i - prefix]!;
      line[length] = CR;
      line[length + 1] = LF;
      const part = parseRequest(line, 0, line.length)!;
      part.isPart = true;
      this.#start(part, now);
    }
  }

  #readValue(request: Request, now: Instant): void {
    const available = Math.min(this.#input.length - this.#position, this.#valueMissing);
    const part = this.#input.subarray(this.#position, this.#position + available);
    this.#position += available;
    this.#scanned = this.#position;
    this.#valueMissing -= available;
    if (this.#valueMissing > 0 || this.#valueParts.length > 0) this.#valueParts.push(part);
    if (this.#valueMissing > 0) return;
    const value = this.#valueParts.length === 0 ? part : join(this.#valueParts, request.valueLength);
    this.#valueParts = [];
    this.#awaitsValue = undefined;
    if (value[value.length - 2] !== CR || value[value.length - 1] !== LF) {
      this.#answer(ERRORS.badDataChunk);
      return;
    }
    request.value = value;
    this.#start(request, now);
  }

  #swallow(): void {
    const count = Math.min(this.#toSwallow, this.#input.length - this.#position);
    this.#toSwallow -= count;
    this.#position += count;
    this.#scanned = this.#position;
  }

  #start(request: Request, now: Instant): void {
    if (!this.#host.beginRequest(request)) {
      this.#answer(ERRORS.tooManyRequests);
      return;
    }
    const slot = new Slot(this, request);
    this.#slots.push(slot);
    this.#waitingBytes += request.valueLength;
    const route = this.#host.routeOf(request, this.tag);
    if (route === undefined) this.slotDone(slot.answer(ERRORS.noRoute));
    else route.start(request, slot, 0, now);
  }

  #answer(bytes: Uint8Array): void {
    this.#slots.push(new Slot(this, undefined).answer(bytes));
    this.#waitingBytes += bytes.length;
  }

  #end(): void {
    this.#isEnding = true;
    this.#input = new Uint8Array(0);
    this.#position = 0;
  }
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
