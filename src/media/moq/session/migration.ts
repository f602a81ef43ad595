/**
 * After GOAWAY (§3.6 of draft 18): carries subscriptions and namespaces over to a new session, while the old one delivers what it has
 * begun. Each subscription changes over between two groups, so no object is repeated or skipped.
 */

import type { ControlMessage } from "../messages.ts";
import type { Parameters } from "../model.ts";
import type { StreamId } from "./carrier.ts";
import type { MoqEvent, RequestMessage } from "./events.ts";
import type { NewRequest } from "./options.ts";
import type { MoqSession } from "./session.ts";

/** An event of one of the two sessions; commands about it go to that session. */
export interface MigrationEvent {
  readonly from: "old" | "new";
  readonly event: MoqEvent;
}

/** A request that is carried over. */
interface Moved {
  readonly oldId: number;
  readonly newId: number;
  readonly isSubscription: boolean;
  /** The first group that the new session delivers; undefined while it has not accepted. */
  cut: number | undefined;
  /** The newest group that the old session began, and its streams of older groups. */
  newest: number;
  open: number;
  /** True once the new session delivered something. */
  hasBegun: boolean;
  isOver: boolean;
}

/** Start it with both sessions, drive both, and poll its events instead of theirs until it is done. */
export class Migration {
  readonly #old: MoqSession;
  readonly #next: MoqSession;
  readonly #byOld = new Map<number, Moved>();
  readonly #byNew = new Map<number, Moved>();
  readonly #groups: Readonly<Record<"old" | "new", Map<StreamId, { moved: Moved; isPassed: boolean }>>> = {
    old: new Map(),
    new: new Map(),
  };
  #isStarted = false;
  #isDone = false;

  /** `next` is a session to where GOAWAY said, of any draft; it may be started just now. */
  constructor(old: MoqSession, next: MoqSession) {
    this.#old = old;
    this.#next = next;
  }

  /** True once everything has moved: the old session is closed. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The request of the new session that continues one of the old session. */
  newId(oldId: number): number | undefined {
    return this.#byOld.get(oldId)?.newId;
  }

  /** Makes all requests again. False if there was no stream for one of them: call it again when there is. */
  start(): boolean {
    for (const { message, parameters, newestGroup } of this.#old.ownRequests()) {
      if (this.#byOld.has(message.requestId)) continue;
      const again = repeat(message, parameters, newestGroup);
      if (again === undefined) continue;
      const newId = this.#next.request(again);
      if (newId === undefined) return false;
      const moved: Moved = {
        oldId: message.requestId,
        newId,
        isSubscription: message.type === "subscribe",
        cut: undefined,
        newest: newestGroup ?? -1,
        open: this.#old.openStreams(message.requestId),
        hasBegun: false,
        isOver: false,
      };
      this.#byOld.set(moved.oldId, moved);
      this.#byNew.set(newId, moved);
    }
    this.#isStarted = true;
    this.#finishIfDone();
    return true;
  }

  /** The next event of either session; undefined if there is none. Poll this instead of the sessions. */
  pollEvent(): MigrationEvent | undefined {
    for (const from of ["old", "new"] as const) {
      const session = from === "old" ? this.#old : this.#next;
      for (let event = session.pollEvent(); event !== undefined; event = session.pollEvent()) {
        const passes = this.#see(from, event);
        this.#finishIfDone();
        if (passes) return { from, event };
      }
    }
    return undefined;
  }

  /** Returns true if the application is to hear of it. */
  #see(from: "old" | "new", event: MoqEvent): boolean {
    switch (event.type) {
      case "subgroup":
        return this.#begin(from, event.requestId, event.stream, event.header.group);
      case "object":
      case "payload":
      case "gap":
        return this.#groups[from].get(event.stream)?.isPassed ?? true;
      case "stream-end":
        return this.#endStream(from, event.stream);
      case "datagram": {
        const moved = this.#movedOf(from, event.requestId);
        return moved === undefined || this.#passes(from, moved, event.datagram.group);
      }
      case "message":
        return this.#seeMessage(from, event.requestId, event.message);
      case "end":
        // What the new session continues does not end with the old one.
        return from !== "old" || this.#byOld.get(event.requestId)?.cut === undefined;
      case "closed":
        return from !== "old" || !this.#isDone;
      default:
        return true;
    }
  }

  #movedOf(from: "old" | "new", requestId: number): Moved | undefined {
    return (from === "old" ? this.#byOld : this.#byNew).get(requestId);
  }

  #begin(from: "old" | "new", requestId: number, stream: StreamId, group: number): boolean {
    const moved = this.#movedOf(from, requestId);
    if (moved === undefined) return true;
    const isPassed = this.#passes(from, moved, group);
    this.#groups[from].set(stream, { moved, isPassed });
    if (from === "old" && isPassed) moved.open += 1;
    return isPassed;
  }

  #passes(from: "old" | "new", moved: Moved, group: number): boolean {
    const { cut } = moved;
    if (from === "new") {
      // What the old session can no longer deliver comes from the new one.
      if (cut === undefined || (group < cut && !this.#old.isClosed)) return false;
      moved.hasBegun = true;
      return true;
    }
    if (cut !== undefined && group >= cut) return false;
    moved.newest = Math.max(moved.newest, group);
    return true;
  }

  #endStream(from: "old" | "new", stream: StreamId): boolean {
    const known = this.#groups[from].get(stream);
    this.#groups[from].delete(stream);
    // One that began before the migration is not known, and passes; it was counted by the session.
    if (from === "old") this.#recount(known?.moved);
    return known?.isPassed ?? true;
  }

  #recount(moved: Moved | undefined): void {
    for (const each of moved === undefined ? this.#byOld.values() : [moved])
      each.open = this.#old.openStreams(each.oldId);
  }

  #seeMessage(from: "old" | "new", requestId: number, message: ControlMessage): boolean {
    const moved = this.#movedOf(from, requestId);
    if (moved === undefined) return true;
    if (from === "old") return message.type !== "publish-done" || moved.cut === undefined;
    if (message.type === "request-error" && moved.cut === undefined) {
      // It stays where it is, for as long as the old session lasts.
      this.#byNew.delete(requestId);
      return true;
    }
    if (message.type === "request-ok" && !moved.isSubscription) moved.cut = 0;
    if (message.type === "subscribe-ok") {
      const { largest } = message.parameters;
      moved.cut = Math.max(moved.newest, largest?.group ?? -1) + 1;
    }
    return true;
  }

  #finishIfDone(): void {
    if (!this.#isStarted || this.#isDone) return;
    if (this.#old.isClosed) this.#isDone = true;
    for (const moved of this.#byOld.values()) {
      if (this.#isDone) return;
      if (!moved.isOver && this.#hasMoved(moved)) {
        moved.isOver = true;
        this.#old.cancel(moved.oldId);
      }
      if (!moved.isOver) return;
    }
    this.#isDone = true;
    this.#old.close();
  }

  #hasMoved({ isSubscription, cut, newest, open, hasBegun }: Moved): boolean {
    if (cut === undefined) return false;
    return !isSubscription || cut === 0 || (hasBegun && newest >= cut - 1 && open === 0);
  }
}

/** The request again, from the group after the newest; undefined if it is of no use to repeat. */
function repeat(
  message: RequestMessage,
  parameters: Parameters,
  newestGroup: number | undefined,
): NewRequest | undefined {
  switch (message.type) {
    case "publish-namespace":
    case "subscribe-namespace":
    case "subscribe-tracks":
      return { ...message, parameters };
    case "subscribe": {
      const { fill: _, filter, ...rest } = parameters;
      const start = { group: newestGroup === undefined ? 0 : newestGroup + 1, object: 0 };
      const before = newestGroup === undefined ? filter : undefined;
      if (filter?.type === "range") {
        if (filter.endGroup < start.group) return undefined;
        return { ...message, parameters: { ...rest, filter: { ...filter, start } } };
      }
      return { ...message, parameters: { ...rest, filter: before ?? { type: "start", start } } };
    }
    default:
      return undefined;
  }
}
