/** Streams and datagrams with objects: finds the request that each belongs to. Data may come before the alias of its track: it waits, within bounds. */

import { after, type Instant, seconds } from "../../../base/time.ts";
import { concat } from "../../../wire/text.ts";
import type { VarInt } from "../../../wire/varint.ts";
import { DataReader } from "../data/data-reader.ts";
import { parseDatagram } from "../data/datagram.ts";
import type { SubgroupHeader } from "../data/subgroup-header.ts";
import { moqError, SESSION_ERRORS, STREAM_ERRORS } from "../errors.ts";
import type { Dialect } from "../fields.ts";
import { aliasKey, type StreamId } from "./carrier.ts";
import type { MoqEvent, RequestMessage } from "./events.ts";

const SETUP_TYPE = [0xaf, 0x00] as const;
/** Streams that wait for an alias, their bytes in all, and how long. */
const MAX_WAITING = 64;
const MAX_HELD = 256 * 1024;
const PATIENCE = seconds(2);

const later = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);

const NOTHING = new Uint8Array(0);

interface DataStream {
  readonly reader: DataReader;
  /** Undefined while it is not known what the stream belongs to. */
  requestId: number | undefined;
  isFetch: boolean;
  /** While the alias in it is not known. */
  waiting: SubgroupHeader | undefined;
  deadline: Instant | undefined;
  isFinished: boolean;
}

interface Surroundings {
  /** The message of a request of ours that has not ended. */
  readonly ours: (requestId: number) => RequestMessage | undefined;
  readonly stop: (stream: StreamId, code: number) => void;
  readonly fetchEnded: (requestId: number) => void;
  /** A stream of a subgroup ended. */
  readonly subgroupEnded: (requestId: number) => void;
}

/** Streams of a subscription. */
interface StreamCount {
  begun: number;
  open: number;
  /** The largest group of which something came. */
  newest: number | undefined;
}

export class IncomingData {
  readonly #dialect: Dialect;
  readonly #emit: (event: MoqEvent) => void;
  readonly #surroundings: Surroundings;
  readonly #streams = new Map<StreamId, DataStream>();
  /** Beginnings of streams that are too short to tell what they are. */
  readonly #heads = new Map<StreamId, Uint8Array>();
  /** Aliases that the peer chose. */
  readonly #theirs = new Map<string, number>();
  /** Aliases of either side, by request. */
  readonly #aliases = new Map<number, { readonly alias: VarInt; readonly isOurs: boolean }>();

  readonly #counts = new Map<number, StreamCount>();

  constructor(dialect: Dialect, emit: (event: MoqEvent) => void, surroundings: Surroundings) {
    this.#dialect = dialect;
    this.#emit = emit;
    this.#surroundings = surroundings;
  }

  get held(): number {
    let bytes = 0;
    for (const { waiting, reader } of this.#streams.values()) if (waiting !== undefined) bytes += reader.held;
    return bytes;
  }

  // ── Aliases ───────────────────────────────────────────────────────────────────────────────────────────────────────

  ourAlias(requestId: number, alias: VarInt): void {
    this.#aliases.set(requestId, { alias, isOurs: true });
  }

  aliasOf(requestId: number): VarInt | undefined {
    const own = this.#aliases.get(requestId);
    return own?.isOurs === true ? own.alias : undefined;
  }

  /** Streams that waited for it go on at `release`, once the application was told of the request's answer. */
  theirAlias(requestId: number, alias: VarInt): void {
    const key = aliasKey(alias);
    if (this.#theirs.has(key))
      throw moqError(SESSION_ERRORS.DUPLICATE_TRACK_ALIAS, "alias", `${key} is another track's`);
    this.#theirs.set(key, requestId);
    this.#aliases.set(requestId, { alias, isOurs: false });
  }

  /** Lets the streams go on that waited for the alias of a request. */
  release(requestId: number): void {
    const own = this.#aliases.get(requestId);
    if (own === undefined || own.isOurs) return;
    const key = aliasKey(own.alias);
    for (const [id, stream] of [...this.#streams]) {
      if (stream.waiting === undefined || aliasKey(stream.waiting.alias) !== key) continue;
      const header = stream.waiting;
      stream.waiting = undefined;
      stream.deadline = undefined;
      this.#begin(id, stream, requestId, header);
      this.#drain(id, stream);
    }
  }

  /** Streams of a subscription of which a header came. */
  streamsOf(requestId: number): Readonly<StreamCount> {
    return this.#counts.get(requestId) ?? { begun: 0, open: 0, newest: undefined };
  }

  forget(requestId: number): void {
    this.#counts.delete(requestId);
    const own = this.#aliases.get(requestId);
    if (own !== undefined && !own.isOurs) this.#theirs.delete(aliasKey(own.alias));
    this.#aliases.delete(requestId);
  }

  clear(): void {
    this.#streams.clear();
    this.#heads.clear();
    this.#counts.clear();
  }

  // ── The first bytes ───────────────────────────────────────────────────────────────────────────────────────────────

  /** True if a new stream begins with the type of SETUP. */
  beginsWithSetup(stream: StreamId, bytes: Uint8Array): boolean {
    const before = this.#heads.get(stream);
    if (before === undefined) return false;
    const head = concat(before, bytes);
    return head.length >= 2 && head[0] === SETUP_TYPE[0] && head[1] === SETUP_TYPE[1];
  }

  /** What came before, and `bytes`. */
  takeHead(stream: StreamId, bytes: Uint8Array): Uint8Array {
    const head = this.#heads.get(stream);
    this.#heads.delete(stream);
    return head === undefined ? bytes : concat(head, bytes);
  }

  /** A new stream; what comes on others is ignored. */
  open(stream: StreamId): void {
    this.#heads.set(stream, NOTHING);
  }

  // ── Streams ───────────────────────────────────────────────────────────────────────────────────────────────────────

  handle(id: StreamId, bytes: Uint8Array, fin: boolean, now: Instant): void {
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      if (!this.#heads.has(id)) return;
      const head = this.takeHead(id, bytes);
      if (head.length < 2 && !fin) {
        this.#heads.set(id, new Uint8Array(head));
        return;
      }
      const reader = new DataReader(this.#dialect, (requestId) => this.#orderOf(requestId));
      stream = {
        reader,
        requestId: undefined,
        isFetch: false,
        waiting: undefined,
        deadline: undefined,
        isFinished: false,
      };
      this.#streams.set(id, stream);
      stream.reader.push(head);
    } else {
      stream.reader.push(bytes);
    }
    stream.isFinished ||= fin;
    this.#drain(id, stream);
    if (stream.waiting !== undefined) this.#wait(id, stream, now);
  }

  handleReset(id: StreamId, code: number): void {
    this.#heads.delete(id);
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    if (stream !== undefined) this.#end(id, stream, code);
  }

  handleDatagram(bytes: Uint8Array): void {
    const datagram = parseDatagram(bytes, this.#dialect);
    if (datagram === undefined) return;
    const requestId = this.#theirs.get(aliasKey(datagram.alias));
    // A datagram may be lost: one without a track is.
    if (requestId === undefined) return;
    const { newest, ...count } = this.streamsOf(requestId);
    this.#counts.set(requestId, { ...count, newest: later(newest, datagram.group) });
    this.#emit({ type: "datagram", requestId, datagram });
  }

  nextTimeout(): Instant | undefined {
    let next: Instant | undefined;
    for (const { deadline } of this.#streams.values()) {
      if (deadline !== undefined && (next === undefined || deadline < next)) next = deadline;
    }
    return next;
  }

  /** Refuses streams whose alias never came. */
  handleTimeout(now: Instant): void {
    for (const [id, { deadline }] of [...this.#streams])
      if (deadline !== undefined && deadline <= now) this.#refuse(id);
  }

  #refuse(id: StreamId): void {
    this.#streams.delete(id);
    this.#surroundings.stop(id, STREAM_ERRORS.CANCELLED.code);
  }

  #orderOf(requestId: number): "ascending" | "descending" {
    const { parameters } = this.#surroundings.ours(requestId) ?? {};
    return parameters?.fill?.groupOrder ?? parameters?.groupOrder ?? "ascending";
  }

  #begin(id: StreamId, stream: DataStream, requestId: number, header: SubgroupHeader): void {
    stream.requestId = requestId;
    this.#count(requestId, header.group);
    this.#emit({ type: "subgroup", stream: id, requestId, header });
  }

  #count(requestId: number, group?: number): void {
    const { begun, open, newest } = this.streamsOf(requestId);
    this.#counts.set(requestId, { begun: begun + 1, open: open + 1, newest: later(newest, group) });
  }

  /** Passes on what can be read, up to an alias that is not known. */
  #drain(id: StreamId, stream: DataStream): void {
    while (stream.waiting === undefined) {
      const event = stream.reader.poll();
      if (event === undefined) break;
      switch (event.type) {
        case "subgroup": {
          const requestId = this.#theirs.get(aliasKey(event.header.alias));
          if (requestId === undefined) stream.waiting = event.header;
          else this.#begin(id, stream, requestId, event.header);
          break;
        }
        case "fetch": {
          const ours = this.#surroundings.ours(event.requestId);
          if (ours === undefined) {
            // It was cancelled, or never asked for.
            this.#refuse(id);
            return;
          }
          stream.requestId = event.requestId;
          stream.isFetch = ours.type === "fetch";
          // The fill of a subscription counts as one of its streams.
          if (!stream.isFetch) this.#count(event.requestId);
          this.#emit({ type: "fetch", stream: id, requestId: event.requestId });
          break;
        }
        case "padding":
          break;
        case "subgroup-object":
        case "fetch-object":
          this.#emit({ type: "object", stream: id, object: event.object });
          break;
        case "gap":
          this.#emit({ type: "gap", stream: id, gap: event.gap });
          break;
        case "payload":
          this.#emit({ type: "payload", stream: id, bytes: event.bytes.slice(), isLast: event.isLast });
      }
    }
    if (stream.waiting !== undefined || !stream.isFinished) return;
    this.#streams.delete(id);
    stream.reader.end();
    this.#end(id, stream, undefined);
  }

  #end(id: StreamId, { requestId, isFetch }: DataStream, code: number | undefined): void {
    if (requestId === undefined) return;
    this.#emit({ type: "stream-end", stream: id, code });
    if (isFetch) {
      this.#surroundings.fetchEnded(requestId);
      return;
    }
    const count = this.#counts.get(requestId);
    if (count === undefined) return;
    count.open -= 1;
    this.#surroundings.subgroupEnded(requestId);
  }

  /** The oldest streams that wait go first. */
  #wait(id: StreamId, stream: DataStream, now: Instant): void {
    stream.deadline ??= after(now, PATIENCE);
    const waiting = [...this.#streams].filter(([, each]) => each.waiting !== undefined);
    if (waiting.length > MAX_WAITING) this.#refuse(waiting[0]![0]);
    if (this.held > MAX_HELD) this.#refuse(id);
  }
}
