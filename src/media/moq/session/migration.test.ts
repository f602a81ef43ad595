/** Subscriptions that move from one session to another, of any draft. */

import { describe, expect, test } from "vitest";
import { instant } from "../../../base/time.ts";
import { utf8 } from "../../../wire/text.ts";
import type { Draft } from "../draft.ts";
import { REQUEST_ERRORS } from "../errors.ts";
import { Migration } from "./index.ts";
import { Pair, type Side } from "./testing/pair.ts";

const track = { namespace: [utf8("live")], name: utf8("video") };
const HEADER = { subgroup: 0, priority: 7, hasProperties: false, endsGroup: true, startsSubgroup: true } as const;

/** One object on a stream; returns what ends the stream. */
function publish({ session }: Side, id: number, group: number): () => void {
  const sender = session.openSubgroup(id, { ...HEADER, group })!;
  sender.object({ object: 0, properties: [], status: "normal", payloadLength: 1 });
  sender.payload(utf8("x"));
  return () => sender.end();
}

class Moving {
  readonly old: Pair;
  readonly next: Pair;
  readonly migration: Migration;
  readonly id: number;
  newId = -1;
  /** The groups that the application saw, with the session that delivered them. */
  readonly groups: string[] = [];
  readonly others: string[] = [];

  constructor(from: Draft, to: Draft) {
    this.old = new Pair(from);
    this.old.settle();
    this.id = this.old.client.session.request({ type: "subscribe", track, parameters: { priority: 3 } })!;
    this.old.settle();
    this.old.server.session.send(this.id, { type: "subscribe-ok", alias: 1, parameters: {} });
    this.old.settle();
    this.next = new Pair(to);
    this.migration = new Migration(this.old.client.session, this.next.client.session);
  }

  goaway(): void {
    this.old.server.session.goaway("https://b.example", 0, instant(0));
    this.settle();
    this.migration.start();
    this.settle();
    this.newId = this.migration.newId(this.id)!;
  }

  /** The new relay knows of this group already. */
  accept(largestGroup: number | undefined): void {
    const parameters = largestGroup === undefined ? {} : { largest: { group: largestGroup, object: 0 } };
    this.next.server.session.send(this.newId, { type: "subscribe-ok", alias: 5, parameters });
    this.settle();
  }

  settle(): void {
    this.old.settle();
    this.next.settle();
    for (let each = this.migration.pollEvent(); each !== undefined; each = this.migration.pollEvent()) {
      const { from, event } = each;
      if (event.type === "subgroup") this.groups.push(`${event.header.group} ${from}`);
      else if (event.type !== "object" && event.type !== "payload" && event.type !== "stream-end")
        this.others.push(`${event.type} ${from}`);
    }
    this.old.settle();
    this.next.settle();
  }
}

describe.each<[Draft, Draft]>([
  [18, 18],
  [20, 16],
  [14, 20],
])("from draft %i to %i", (from, to) => {
  test("nothing is delivered twice, and nothing left out, if the new relay is ahead", () => {
    const moving = new Moving(from, to);
    publish(moving.old.server, moving.id, 4)();
    moving.settle();
    moving.goaway();
    const request = moving.next.server.take("request")[0]!.message;
    expect(request).toMatchObject({ track, parameters: { priority: 3, filter: { start: { group: 5, object: 0 } } } });
    moving.accept(6);
    // Both have 5 to 8: the old session delivers up to 6, which was the newest when the new one began.
    const ends = [5, 6, 7].map((group) => publish(moving.old.server, moving.id, group));
    for (const group of [6, 7, 8]) publish(moving.next.server, moving.newId, group)();
    moving.settle();
    expect(moving.migration.isDone).toBe(false);
    for (const end of ends) end();
    moving.settle();
    expect(moving.groups.toSorted()).toEqual(["4 old", "5 old", "6 old", "7 new", "8 new"]);
    expect([moving.migration.isDone, moving.old.client.session.isClosed]).toEqual([true, true]);
    // The application hears neither of the end of the old subscription nor of its session.
    expect(moving.others.filter((each) => each.startsWith("end") || each.startsWith("closed"))).toEqual([]);
    expect(moving.next.client.session.openRequests).toBe(1);
  });

  test("the old session delivers what it was ahead with", () => {
    const moving = new Moving(from, to);
    publish(moving.old.server, moving.id, 9)();
    moving.settle();
    moving.goaway();
    moving.accept(7);
    for (const group of [8, 9, 10]) publish(moving.next.server, moving.newId, group)();
    moving.settle();
    expect(moving.groups).toEqual(["9 old", "10 new"]);
    expect(moving.migration.isDone).toBe(true);
  });
});

test("a subscription without objects moves at once, and namespaces with it", () => {
  const moving = new Moving(18, 18);
  const namespaces = moving.old.client.session.request({
    type: "publish-namespace",
    namespace: track.namespace,
    parameters: {},
  })!;
  moving.settle();
  moving.goaway();
  const id = moving.migration.newId(namespaces)!;
  moving.accept(undefined);
  expect(moving.migration.isDone).toBe(false);
  moving.next.server.session.send(id, { type: "request-ok", parameters: {} });
  moving.settle();
  expect(moving.migration.isDone).toBe(true);
});

test("what the new relay refuses stays with the old one", () => {
  const moving = new Moving(18, 18);
  publish(moving.old.server, moving.id, 1)();
  moving.settle();
  moving.goaway();
  const { code, sentence: reason } = REQUEST_ERRORS.DOES_NOT_EXIST;
  moving.next.server.session.send(moving.newId, { type: "request-error", code, reason });
  moving.settle();
  expect(moving.others).toContain("message new");
  publish(moving.old.server, moving.id, 2)();
  moving.settle();
  expect(moving.groups).toEqual(["1 old", "2 old"]);
});

test("if the old session is cut off, the new one delivers what it has", () => {
  const moving = new Moving(18, 18);
  publish(moving.old.server, moving.id, 1)();
  moving.settle();
  moving.goaway();
  moving.accept(3);
  moving.old.client.session.handleClosed(0, "gone");
  publish(moving.next.server, moving.newId, 3)();
  moving.settle();
  expect(moving.groups).toEqual(["1 old", "3 new"]);
  expect(moving.migration.isDone).toBe(true);
});
