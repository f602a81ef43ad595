/**
 * A session of the MoQ base draft (draft-lcurley-warp-02) as a machine over a carrier: media in segments with an order, messages of
 * applications, and GOAWAY. There is no setup: the path of the session decides what is pushed.
 */

import { after, earliest, type Instant, millis } from "../../base/time.ts";
import { concat } from "../../wire/text.ts";
import { BmffError, type BmffLimits, BmffReader, STYP } from "../bmff/index.ts";
import type { StreamId } from "../carrier.ts";
import {
  SegmentBoxes,
  SegmentSession,
  type SegmentSessionEvent,
  type SegmentSessionOptions,
  type SegmentStreamReader,
} from "../segments/index.ts";
import {
  BASE_MESSAGES,
  emitBaseMessage,
  emitGoawayUrl,
  emitOpenMessage,
  emitStreamHeaders,
  type StreamHeaders,
} from "./codec.ts";
import { Dependencies } from "./dependencies.ts";
import { BaseDraftError } from "./errors.ts";
import { type BaseStreamEvent, BaseStreamReader } from "./stream-reader.ts";

/** For live media: the newest first, with audio ahead of video by up to three seconds. A smaller order is sent sooner (§5). */
export const liveOrder = (milliseconds: number, isAudio: boolean): number => 0 - milliseconds - (isAudio ? 3_000 : 0);

/** What a session is made with. */
export interface BaseSessionOptions extends SegmentSessionOptions {
  readonly role: "client" | "server";
  /** `liveOrder` by default. */
  readonly order?: (milliseconds: number, isAudio: boolean) => number;
}

/** What a session of the base draft tells. */
export type BaseSessionEvent =
  | SegmentSessionEvent
  /** What a stream says of itself, for relays. */
  | { readonly type: "headers"; readonly stream: StreamId; readonly headers: StreamHeaders }
  /** A message of the application, whole. */
  | { readonly type: "app"; readonly stream: StreamId; readonly bytes: Uint8Array }
  /** The server will close the session: open another one at `url`, or at the same place, which the same assembly continues. */
  | { readonly type: "goaway"; readonly url: string | undefined };

/** §7: of the connection. */
export const BASE_CLOSE_CODES = { ended: 0x0, goaway: 0x1 } as const;

/** Bytes of one message of an application. */
const MAX_APP = 64 * 1024;

const headersMessage = (headers: StreamHeaders): Uint8Array =>
  emitBaseMessage(BASE_MESSAGES.headers, emitStreamHeaders(headers));
const SEGMENT = emitOpenMessage(BASE_MESSAGES.segment);
const CONTROL = headersMessage({ order: -(2 ** 51) });

/** Give it objects of the packager, hand it what the carrier brings, and poll events. */
export class BaseSession extends SegmentSession<BaseSessionEvent> {
  readonly #options: BaseSessionOptions;
  readonly #dependencies = new Dependencies();
  #deadline: Instant | undefined;
  #hasGoaway = false;

  constructor(options: BaseSessionOptions) {
    const { order = liveOrder } = options;
    super(options, {
      rankOf: ({ track, presentationTime }) =>
        -order(Math.floor((presentationTime / track.timescale) * 1_000), track.kind === "audio"),
      initHead: (id) => concat(headersMessage({ id, order: -(2 ** 51) }), SEGMENT),
      mediaHead: (_object, init, rank) => concat(headersMessage({ order: 0 - rank, depends: [init] }), SEGMENT, STYP),
    });
    this.#options = options;
  }

  override nextTimeout(): Instant | undefined {
    return earliest(super.nextTimeout(), this.#deadline);
  }

  override handleTimeout(now: Instant): void {
    super.handleTimeout(now);
    if (this.#deadline === undefined || now < this.#deadline) return;
    this.#deadline = undefined;
    this.close(BASE_CLOSE_CODES.goaway, "the client did not leave in time");
  }

  /** Sends a message of the application: in order, on one stream. Returns false if there is no stream now. */
  sendApp(bytes: Uint8Array): boolean {
    return this.sendControl(CONTROL, emitBaseMessage(BASE_MESSAGES.app, bytes));
  }

  /**
   * Sends the client elsewhere, or back to the same place without a URL. No new segment begins; those that have begun go on. After
   * `timeout` milliseconds the session is closed. For servers. Returns false if there is no stream now.
   */
  goaway(url: string, timeout: number, now: Instant): boolean {
    if (this.#options.role !== "server") throw new RangeError("GOAWAY is sent by servers");
    if (!url.startsWith("https://")) throw new RangeError(`${url} does not begin with https://`);
    if (!this.sendControl(CONTROL, emitBaseMessage(BASE_MESSAGES.goaway, emitGoawayUrl(url)))) return false;
    this.isPaused = true;
    this.#deadline = after(now, millis(timeout));
    return true;
  }

  protected override readerOf(stream: StreamId): SegmentStreamReader {
    return new StreamReader(this.#options, {
      headers: (headers) => {
        this.#dependencies.begin(headers);
        this.emit({ type: "headers", stream, headers });
      },
      segment: ({ id, depends = [] }) => {
        const init = depends.find((needed) => this.receiver.initOf(needed) !== undefined) ?? depends[0] ?? id;
        this.beginSegment(stream, init ?? ownInit(stream), undefined);
      },
      box: (complete, { id }) => {
        if (!this.isReading(stream)) return;
        if (!("tracks" in complete)) {
          this.handleFragment(stream, complete);
          return;
        }
        const own = id ?? ownInit(stream);
        this.handleInit(own, complete);
        // What follows on the stream needs this one.
        this.beginSegment(stream, own, undefined);
      },
      app: (bytes) => this.emit({ type: "app", stream, bytes }),
      goaway: (url) => this.#handleGoaway(url),
      close: ({ id }) => {
        if (id !== undefined) this.#dependencies.end(id);
      },
    });
  }

  protected override streamErrorOf(error: unknown): BaseDraftError | undefined {
    if (error instanceof BmffError) return new BaseDraftError("SEGMENT", error.message, { cause: error });
    return error instanceof BaseDraftError ? error : undefined;
  }

  /** §6: only servers send it. */
  #handleGoaway(url: string | undefined): void {
    if (this.#options.role === "server" || this.#hasGoaway) return;
    this.#hasGoaway = true;
    this.emit({ type: "goaway", url });
  }
}

/** For a segment without an id, an initialization segment of its own. */
const ownInit = (stream: StreamId): number => -1 - stream;

interface StreamEvents {
  headers(headers: StreamHeaders): void;
  segment(headers: StreamHeaders): void;
  box(complete: NonNullable<ReturnType<SegmentBoxes["take"]>>, headers: StreamHeaders): void;
  app(bytes: Uint8Array): void;
  goaway(url: string | undefined): void;
  close(headers: StreamHeaders): void;
}

/** Reads messages, and the boxes within SEGMENT. */
class StreamReader implements SegmentStreamReader {
  readonly #on: StreamEvents;
  readonly #reader: BaseStreamReader;
  readonly #limits: BmffLimits;
  #headers: StreamHeaders = {};
  #content: SegmentContent | AppContent | undefined;

  constructor(limits: BmffLimits, on: StreamEvents) {
    this.#on = on;
    this.#limits = limits;
    this.#reader = new BaseStreamReader((event) => this.#handle(event));
  }

  get held(): number {
    if (this.#content === undefined) return 0;
    return this.#content.type === "app" ? this.#content.length : this.#content.reader.held + this.#content.boxes.held;
  }

  push(bytes: Uint8Array): void {
    this.#reader.push(bytes);
  }

  end(): void {
    this.#reader.end();
  }

  close(): void {
    this.#on.close(this.#headers);
  }

  #handle(event: BaseStreamEvent): void {
    switch (event.type) {
      case "headers":
        this.#on.headers(event.headers);
        this.#headers = event.headers;
        break;
      case "segment":
        this.#content = this.#newSegment();
        this.#on.segment(this.#headers);
        break;
      case "app":
        this.#content = { type: "app", parts: [], length: 0 };
        break;
      case "content":
        this.#handleContent(event.bytes);
        break;
      case "end-of-message":
        if (this.#content?.type === "app") this.#on.app(concat(...this.#content.parts));
        this.#content = undefined;
        break;
      case "goaway":
        this.#on.goaway(event.url);
        break;
    }
  }

  #newSegment(): SegmentContent {
    const boxes = new SegmentBoxes();
    const reader = new BmffReader({
      ...this.#limits,
      onBox: (type, bytes, offset) => {
        const complete = boxes.take(type, bytes, offset);
        if (complete !== undefined) this.#on.box(complete, this.#headers);
      },
      onSkip: (type, size) => {
        if (type === "mdat") throw new BmffError("BOX_TOO_LARGE", "mdat", `${size} bytes are too many`);
      },
    });
    return { type: "segment", boxes, reader };
  }

  #handleContent(bytes: Uint8Array): void {
    if (this.#content?.type === "segment") this.#content.reader.push(bytes);
    if (this.#content?.type !== "app") return;
    this.#content.length += bytes.length;
    if (this.#content.length > MAX_APP) throw new BaseDraftError("APP", `more than ${MAX_APP} bytes`);
    this.#content.parts.push(bytes.slice());
  }
}

interface SegmentContent {
  readonly type: "segment";
  readonly boxes: SegmentBoxes;
  readonly reader: BmffReader;
}

interface AppContent {
  readonly type: "app";
  readonly parts: Uint8Array[];
  length: number;
}
