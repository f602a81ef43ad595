/**
 * The priorities of requests (RFC 9218): from the request's field, the client's latest PRIORITY_UPDATE and the response's
 * field to a place in the scheduler.
 */

import { SparseMap } from "../base/sparse-map.ts";
import type { FieldSection } from "../http/index.ts";
import {
  completePriority,
  DEFAULT_PRIORITY,
  emitPriority,
  forwardedClient,
  LOWEST_URGENCY,
  mergePriority,
  type PartialPriority,
  type Priority,
  parsePriority,
  priorityOf,
  withoutDefaults,
} from "../http/priority/index.ts";
import type { SendGroup, SendSession } from "../quic/index.ts";
import { isServerInitiated, isUnidirectional, type StreamId, type StreamTransport } from "../quic/transport.ts";
import { fromLatin1 } from "../wire/text.ts";
import { connectionError } from "./errors.ts";
import type { EventQueue } from "./event-queue.ts";
import { FrameType } from "./frames.ts";

/** The maximum number of updates that wait for their request; the oldest makes room. The stream limit allows fewer by default. */
const MAX_EARLY = 256;
/** Above this, the priority is dropped instead of queued for a peer that does not read its control stream. */
const MAX_PENDING = 16 * 1024;
/** Send orders are exact up to 2^53; each urgency has its own range for stream ids. */
const URGENCY_RANGE = 2 ** 49;

const NOTHING: PartialPriority = {};
/** RFC 9218 §11: tunnels of the same client share the bandwidth, since none of them has a useful end. */
const CONNECT_DEFAULT: Priority = { ...DEFAULT_PRIORITY, incremental: true };

/** What is known of one request. */
interface State {
  client: Priority;
  /** What the response's field sets. */
  server: PartialPriority;
  /** Set if an intermediary forwards for several clients: the place of this one. */
  readonly group: ClientGroup | undefined;
}

/** A client behind an intermediary. */
interface ClientGroup {
  readonly name: string | undefined;
  readonly node: SendGroup;
  requests: number;
}

export interface PrioritiesHost {
  readonly transport: StreamTransport;
  readonly events: EventQueue;
  /** Returns true if the request's head has not arrived. */
  isAwaited(id: StreamId): boolean;
  /** Writes a PRIORITY_UPDATE frame. Returns false, and drops it, if more than `maxPending` bytes wait on the control stream. */
  writeUpdate(id: StreamId, value: string, maxPending: number): boolean;
}

/** The priorities of a connection's requests. */
export class Priorities {
  readonly #host: PrioritiesHost;
  readonly #states = new SparseMap<StreamId, State>();
  /** RFC 9218 §7.2: the newest update of each request whose head has not arrived. */
  readonly #early = new SparseMap<StreamId, Priority>();
  /** Of intermediaries' connections: a fair share for each client. */
  #clients: SendSession | undefined;
  readonly #groups = new SparseMap<string, ClientGroup>();

  constructor(host: PrioritiesHost) {
    this.#host = host;
  }

  /** The priority of a request, as the client and the response's field have set it so far; the default if it has ended. */
  get(id: StreamId): Priority {
    const state = this.#states.get(id);
    return state === undefined ? DEFAULT_PRIORITY : mergePriority(state.client, state.server);
  }

  /**
   * Client: replaces the priority of a request with a PRIORITY_UPDATE frame; members that are missing get their default. Returns
   * false if the request has ended. Throws a RangeError for an urgency that does not exist.
   */
  reprioritize(id: StreamId, priority: PartialPriority): boolean {
    const value = emitPriority(withoutDefaults(priority));
    const state = this.#states.get(id);
    if (state === undefined) return false;
    state.client = completePriority(priority);
    this.#place(id, state);
    return this.#host.writeUpdate(id, value, MAX_PENDING);
  }

  // ── Events of the connection ──────────────────────────────────────────────────────────────────────────────────────

  /** Client: a request was sent. Its content takes turns with others, unless the field says otherwise (RFC 9218 §9). */
  handleSent(id: StreamId, fields: FieldSection): void {
    const members = priorityOf(fields);
    const state: State = { client: completePriority(members), server: NOTHING, group: undefined };
    this.#states.set(id, state);
    if (members.urgency !== undefined || members.incremental !== undefined) this.#place(id, state);
  }

  /** Server: a request has arrived. */
  handleRequest(id: StreamId, method: string, fields: FieldSection): void {
    const early = this.#early.get(id);
    this.#early.delete(id);
    const base = method === "CONNECT" ? CONNECT_DEFAULT : DEFAULT_PRIORITY;
    // RFC 9218 §7: the update is newer than the field, even if it came first.
    const client = early ?? mergePriority(base, priorityOf(fields));
    const state: State = { client, server: NOTHING, group: this.#groupOf(fields) };
    this.#states.set(id, state);
    this.#place(id, state);
  }

  /** Server: replaces members of the client's priority (RFC 9218 §8), as the response's field does. */
  prioritize(id: StreamId, members: PartialPriority): void {
    const state = this.#states.get(id);
    if (state === undefined || (members.urgency === undefined && members.incremental === undefined)) return;
    state.server = { ...state.server, ...members };
    this.#place(id, state);
  }

  /** Server: the response's head is sent. */
  handleResponse(id: StreamId, fields: FieldSection): void {
    this.prioritize(id, priorityOf(fields));
  }

  /** Server: a PRIORITY_UPDATE frame. Throws the errors of RFC 9218 §7.2. */
  handleUpdate(type: number, id: number, value: Uint8Array): void {
    // We never promise a push.
    if (type === FrameType.PRIORITY_UPDATE_PUSH) {
      throw connectionError("H3_ID_ERROR", "PRIORITY_UPDATE", `push ${id} does not exist`);
    }
    if (isUnidirectional(id) || isServerInitiated(id)) {
      throw connectionError("H3_ID_ERROR", "PRIORITY_UPDATE", `${id} is not a request`);
    }
    if (id >= 4 * this.#host.transport.peerStreamLimit("bidi")) {
      throw connectionError("H3_ID_ERROR", "PRIORITY_UPDATE", `request ${id} is beyond the stream limit`);
    }
    // RFC 9218 §7 allows to close the connection for a value that does not parse. A hint is not worth that.
    const members = parsePriority(fromLatin1(value));
    if (members === undefined) return;
    const client = completePriority(members);
    const state = this.#states.get(id);
    if (state !== undefined) {
      state.client = client;
      this.#place(id, state);
      this.#host.events.push({ type: "priority", id, priority: mergePriority(client, state.server) });
    } else if (this.#host.isAwaited(id)) this.#keepEarly(id, client);
  }

  /** The response was delivered, or the request has ended otherwise. */
  handleEnd(id: StreamId): void {
    this.#early.delete(id);
    const state = this.#states.get(id);
    if (state === undefined) return;
    this.#states.delete(id);
    const { group } = state;
    if (group === undefined) return;
    group.requests -= 1;
    if (group.requests === 0 && group.name !== undefined) this.#groups.delete(group.name);
  }

  /** Forgets everything: the connection has ended. */
  clear(): void {
    this.#states.clear();
    this.#early.clear();
    this.#groups.clear();
  }

  #keepEarly(id: StreamId, priority: Priority): void {
    this.#early.delete(id);
    if (this.#early.size === MAX_EARLY) {
      const [oldest] = this.#early.keys();
      this.#early.delete(oldest!);
    }
    this.#early.set(id, priority);
  }

  #place(id: StreamId, { client, server, group }: State): void {
    const { urgency, incremental } = mergePriority(client, server);
    if (group === undefined) {
      this.#host.transport.setPriority(id, { urgency, incremental });
      return;
    }
    // The highest first. Incremental requests of a client have one order, so that they take turns.
    const sendOrder = (LOWEST_URGENCY - urgency) * URGENCY_RANGE - (incremental ? URGENCY_RANGE - 1 : id);
    this.#host.transport.setPriority(id, { group: group.node, sendOrder });
  }

  /** RFC 9218 §13.1: the clients behind an intermediary take turns, and each one's requests go by their priority. */
  #groupOf(fields: FieldSection): ClientGroup | undefined {
    const client = forwardedClient(fields);
    if (client === undefined) return undefined;
    const known = client === null ? undefined : this.#groups.get(client);
    if (known !== undefined) {
      known.requests += 1;
      return known;
    }
    this.#clients ??= this.#host.transport.openSession(DEFAULT_PRIORITY.urgency);
    const group: ClientGroup = { name: client ?? undefined, node: this.#clients.openGroup(), requests: 1 };
    if (client !== null) this.#groups.set(client, group);
    return group;
  }
}
