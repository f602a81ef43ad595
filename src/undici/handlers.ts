// undici's two handler interfaces behind one. undici 8 and interceptors use the new one (onRequestStart …); undici 6,
// and undici 7's own request, stream, pipeline and fetch, the old one (onConnect …).
import { undiciErrors } from "../host/client/undici.ts";

/** Alternating names and values, as undici has them. */
export type RawFields = (Buffer | Buffer[])[];
type FieldRecord = Record<string, string | string[]>;

/** What a handler may do with its request. */
export interface Controller {
  readonly aborted: boolean;
  readonly paused: boolean;
  readonly reason: Error | null;
  rawHeaders: RawFields | null;
  rawTrailers: RawFields | null;
  abort(reason?: unknown): void;
  pause(): void;
  resume(): void;
}

/** Either interface, as untyped callers pass it. */
export type AnyHandler = Record<string, ((...args: never[]) => unknown) | undefined>;
type Callbacks = Record<string, ((...args: unknown[]) => unknown) | undefined>;

/** The events of a handler, in the order of undici. A callback's exception passes through. */
export interface Face {
  start(controller: Controller, context: unknown): void;
  upgrade(controller: Controller, status: number, raw: RawFields, socket: unknown): void;
  responseStarted(): void;
  head(controller: Controller, status: number, raw: RawFields, statusText: string): void;
  data(controller: Controller, chunk: Buffer): void;
  end(controller: Controller, raw: RawFields): void;
  error(controller: Controller | undefined, error: Error): void;
  bodySent(chunk: Uint8Array): void;
  requestSent(): void;
}

const REQUIRED_OLD = ["onConnect", "onError"];
const REQUIRED_OLD_RESPONSE = ["onHeaders", "onData", "onComplete"];

export function isNewHandler(handler: AnyHandler): boolean {
  return typeof handler.onRequestStart === "function";
}

/** Throws if a callback that undici requires is missing. */
export function checkHandler(handler: AnyHandler, isForTunnel: boolean): void {
  if (isNewHandler(handler)) return;
  const required = isForTunnel ? ["onUpgrade"] : REQUIRED_OLD_RESPONSE;
  for (const name of [...REQUIRED_OLD, ...required]) {
    if (typeof handler[name] !== "function") throw new undiciErrors.InvalidArgumentError(`invalid ${name} method`);
  }
}

export function faceOf(handler: AnyHandler): Face {
  const callbacks = handler as Callbacks;
  return isNewHandler(handler) ? new NewFace(callbacks) : new OldFace(callbacks);
}

class NewFace implements Face {
  readonly #handler: Callbacks;

  constructor(handler: Callbacks) {
    this.#handler = handler;
  }

  start(controller: Controller, context: unknown): void {
    this.#handler.onRequestStart?.(controller, context);
  }

  upgrade(controller: Controller, status: number, raw: RawFields, socket: unknown): void {
    this.#handler.onRequestUpgrade?.(controller, status, recordOf(raw), socket);
  }

  responseStarted(): void {
    this.#handler.onResponseStarted?.();
  }

  head(controller: Controller, status: number, raw: RawFields, statusText: string): void {
    this.#handler.onResponseStart?.(controller, status, recordOf(raw), statusText);
  }

  data(controller: Controller, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk);
  }

  end(controller: Controller, raw: RawFields): void {
    this.#handler.onResponseEnd?.(controller, recordOf(raw));
  }

  error(controller: Controller | undefined, error: Error): void {
    this.#handler.onResponseError?.(controller, error);
  }

  bodySent(chunk: Uint8Array): void {
    this.#handler.onBodySent?.(chunk);
  }

  requestSent(): void {
    this.#handler.onRequestSent?.();
  }
}

class OldFace implements Face {
  readonly #handler: Callbacks;

  constructor(handler: Callbacks) {
    this.#handler = handler;
  }

  start(controller: Controller, context: unknown): void {
    this.#handler.onConnect?.((reason: unknown) => controller.abort(reason), context);
  }

  upgrade(_controller: Controller, status: number, raw: RawFields, socket: unknown): void {
    this.#handler.onUpgrade?.(status, raw, socket);
  }

  responseStarted(): void {
    this.#handler.onResponseStarted?.();
  }

  head(controller: Controller, status: number, raw: RawFields, statusText: string): void {
    const resume = (): void => controller.resume();
    if (this.#handler.onHeaders?.(status, raw, resume, statusText) === false) controller.pause();
  }

  data(controller: Controller, chunk: Buffer): void {
    if (this.#handler.onData?.(chunk) === false) controller.pause();
  }

  end(_controller: Controller, raw: RawFields): void {
    this.#handler.onComplete?.(raw);
  }

  error(_controller: Controller | undefined, error: Error): void {
    this.#handler.onError?.(error);
  }

  bodySent(chunk: Uint8Array): void {
    this.#handler.onBodySent?.(chunk);
  }

  requestSent(): void {
    this.#handler.onRequestSent?.();
  }
}

/** A handler with both interfaces, for a dispatcher of any version of undici. */
export function bothInterfaces(handler: AnyHandler): object {
  const face = faceOf(handler);
  let old: OldController | undefined;
  return {
    onRequestStart: (controller: Controller, context: unknown) => face.start(controller, context),
    onRequestUpgrade: (controller: Controller, status: number, headers: FieldRecord, socket: unknown) =>
      face.upgrade(controller, status, rawOf(controller.rawHeaders, headers), socket),
    onResponseStart: (controller: Controller, status: number, headers: FieldRecord, statusText = "") =>
      face.head(controller, status, rawOf(controller.rawHeaders, headers), statusText),
    onResponseData: (controller: Controller, chunk: Buffer) => face.data(controller, chunk),
    onResponseEnd: (controller: Controller, trailers: FieldRecord) =>
      face.end(controller, rawOf(controller.rawTrailers, trailers)),
    onResponseError: (controller: Controller | undefined, error: Error) => face.error(controller, error),
    onConnect: (abort: (reason?: unknown) => void, context: unknown) => {
      old = new OldController(abort);
      face.start(old, context);
    },
    onUpgrade: (status: number, raw: RawFields, socket: unknown) => {
      old!.rawHeaders = raw;
      face.upgrade(old!, status, raw, socket);
    },
    onHeaders: (status: number, raw: RawFields, resume: () => void, statusText = "") => {
      old!.rawHeaders = raw;
      old!.onResume = resume;
      face.head(old!, status, raw, statusText);
      return !old!.paused;
    },
    onData: (chunk: Buffer) => {
      face.data(old!, chunk);
      return !old!.paused;
    },
    onComplete: (raw: RawFields | null) => {
      old!.rawTrailers = raw;
      face.end(old!, raw ?? []);
    },
    onError: (error: Error) => face.error(old, error),
    onBodySent: (chunk: Uint8Array) => face.bodySent(chunk),
    onRequestSent: () => face.requestSent(),
    onResponseStarted: () => face.responseStarted(),
  };
}

/** The controller of a request whose dispatcher knows only the old interface. */
class OldController implements Controller {
  rawHeaders: RawFields | null = null;
  rawTrailers: RawFields | null = null;
  aborted = false;
  paused = false;
  reason: Error | null = null;
  onResume: (() => void) | undefined;
  readonly #abort: (reason?: unknown) => void;

  constructor(abort: (reason?: unknown) => void) {
    this.#abort = abort;
  }

  abort(reason?: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = (reason as Error | undefined) ?? null;
    this.#abort(reason);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.onResume?.();
  }
}

function recordOf(raw: RawFields): FieldRecord {
  // Without a prototype: a peer may send a field named __proto__.
  const record = Object.create(null) as FieldRecord;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = String(raw[i]).toLowerCase();
    const value = raw[i + 1]!;
    for (const each of Array.isArray(value) ? value : [value]) {
      const text = each.toString("latin1");
      const before = record[name];
      if (before === undefined) record[name] = text;
      else if (typeof before === "string") record[name] = [before, text];
      else before.push(text);
    }
  }
  return record;
}

function rawOf(raw: unknown, record: FieldRecord): RawFields {
  if (Array.isArray(raw)) return raw as RawFields;
  const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
  return Object.entries(record ?? {}).flatMap(([name, value]) => [
    bytes(name),
    Array.isArray(value) ? value.map(bytes) : bytes(value),
  ]);
}
