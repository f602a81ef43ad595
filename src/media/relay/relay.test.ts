/** Tracks between publishers and viewers: one subscription upstream, one copy, late and slow viewers, publishers that come and go. */

import { describe, expect, test } from "vitest";
import { utf8 } from "../../wire/text.ts";
import { EVERYTHING, PLAIN_TRACK } from "./index.ts";
import { accepted, at, head, sendGroup, sendObject, start, track, Viewer, World } from "./testing/peers.ts";

describe("one subscription upstream for all viewers", () => {
  test("begins with the first viewer, and lasts a while after the last", () => {
    const world = new World({ linger: 1_000 });
    const { source } = world.announcing("live");
    const viewers = [0, 1, 2].map(() => Viewer.of(world.peer(), "live/video"));
    expect(source.asked).toEqual(["live/video"]);
    for (const viewer of viewers) viewer.view!.cancel(at(10));
    world.relay.handleTimeout(at(500));
    expect(source.cancelled).toBe(0);
    expect(world.relay.nextTimeout()).toBe(at(1_010));
    world.relay.handleTimeout(at(1_010));
    expect(source.cancelled).toBe(1);
    expect(world.relay.stats().tracks).toEqual([]);
  });

  test("all viewers get the same bytes, piece by piece as they come", () => {
    const world = new World();
    const { source } = world.announcing("live");
    const [a, b] = [Viewer.of(world.peer(), "live/video"), Viewer.of(world.peer(), "live/video")];
    const run = source.sink.open(start(7), at(0))!;
    run.object(head(0, 6), at(0));
    run.payload(Uint8Array.of(1, 2, 3), at(0));
    expect([a, b].map(({ streams }) => streams[0]!.pieces.length)).toEqual([1, 1]);
    run.payload(Uint8Array.of(4, 5, 6), at(0));
    run.end(at(0));
    expect(a.streams[0]!.pieces[1]).toBe(b.streams[0]!.pieces[1]);
    expect(a.seen).toEqual(["7: object 0, end"]);
  });

  test("a late viewer begins with the newest group, and hears what is the largest", () => {
    const world = new World();
    const { sink } = world.pushing("live/video");
    sendGroup(sink, 0, at(0));
    const run = sink.open(start(1), at(1_000));
    sendObject(run, 0, at(1_000));
    const viewer = Viewer.of(world.peer(), "live/video", {}, at(1_100));
    sendObject(run, 1, at(1_200));
    run!.end(at(1_200));
    expect(viewer.answers).toEqual(["accepted 1.0"]);
    expect(viewer.seen).toEqual(["1: object 0, object 1, end"]);
  });

  test.each([
    ["next-object", ["1: object 1, end", "2: object 0, object 1, end"]],
    ["next-group", ["2: object 0, object 1, end"]],
    [{ recent: 2 }, ["0: object 0, object 1, end", "1: object 0, object 1, end", "2: object 0, object 1, end"]],
    [{ group: 0, object: 1 }, ["0: object 1, end", "1: object 0, object 1, end", "2: object 0, object 1, end"]],
  ] as const)("a viewer begins where it wants: %j", (where, seen) => {
    const world = new World();
    const { sink } = world.pushing("live/video");
    sendGroup(sink, 0, at(0));
    const run = sink.open(start(1), at(1_000));
    sendObject(run, 0, at(1_000));
    const viewer = Viewer.of(world.peer(), "live/video", { range: { start: where } }, at(1_100));
    sendObject(run, 1, at(1_200));
    run!.end(at(1_200));
    sendGroup(sink, 2, at(2_000));
    expect(viewer.seen).toEqual(seen);
  });

  test("a range ends, and so does the subscription", () => {
    const world = new World();
    const { sink } = world.pushing("live/video");
    const range = { start: { group: 0, object: 0 }, endGroup: 1, endObject: 0 };
    const viewer = Viewer.of(world.peer(), "live/video", { range });
    for (const group of [0, 1, 2]) sendGroup(sink, group, at(group));
    expect(viewer.seen).toEqual(["0: object 0, object 1, end", "1: object 0, end"]);
    expect(viewer.answers).toEqual(["accepted", "range-ended"]);
  });

  test("a paused viewer gets nothing, and then what is new", () => {
    const world = new World();
    const { sink } = world.pushing("live/video");
    const viewer = Viewer.of(world.peer(), "live/video", { forward: false });
    sendGroup(sink, 0, at(0));
    expect(viewer.seen).toEqual([]);
    viewer.view!.update({ forward: true, range: { start: "next-group" } }, at(1));
    sendGroup(sink, 1, at(2));
    expect(viewer.seen).toEqual(["1: object 0, object 1, end"]);
  });

  test("datagrams reach those that watch", () => {
    const world = new World();
    const { sink } = world.pushing("live/audio");
    const viewer = Viewer.of(world.peer(), "live/audio");
    const object = { ...head(0, 2), group: 4, priority: undefined, endsGroup: true, payload: utf8("ab") };
    sink.datagram(object, at(0));
    sink.datagram(object, at(0));
    expect(viewer.answers).toEqual(["accepted", "datagram 4.0"]);
  });
});

describe("slow viewers", () => {
  test("lose old groups, and hold nobody back", () => {
    const world = new World({ maxLatency: 900 });
    const { sink } = world.pushing("live/video");
    const slow = Viewer.of(world.peer(), "live/video", {}, at(0), false);
    const fast = Viewer.of(world.peer(), "live/video");
    for (const group of [0, 1, 2, 3]) sendGroup(sink, group, at(group * 1_000));
    expect(fast.seen).toHaveLength(4);
    expect(slow.seen).toEqual(["0: late", "1: late", "2: ", "3: "]);
    expect(slow.view!.stats).toMatchObject({ objects: 0, lateStreams: 2, waiting: 2 });
    for (const stream of slow.streams) stream.hasRoom = true;
    slow.view!.handleRoom(at(3_100));
    expect(slow.seen.slice(2)).toEqual(["2: object 0, object 1, end", "3: object 0, object 1, end"]);
  });

  test("a peer that allows no streams gets them later", () => {
    const world = new World();
    const { sink } = world.pushing("live/video");
    const viewer = Viewer.of(world.peer(), "live/video");
    viewer.streamsLeft = 0;
    sendGroup(sink, 0, at(0));
    viewer.streamsLeft = 1;
    viewer.view!.handleRoom(at(1));
    expect(viewer.seen).toEqual(["0: object 0, object 1, end"]);
  });

  test("one that never reads keeps at most 256 places, whatever is published", () => {
    const world = new World({ maxLatency: 1_000_000 });
    const { sink } = world.pushing("live/audio");
    const viewer = Viewer.of(world.peer(), "live/audio", {}, at(0), false);
    for (let group = 0; group < 1_000; group += 1) sendGroup(sink, group, at(group), 1, 10);
    expect(viewer.view!.stats).toMatchObject({ waiting: 256, lateStreams: 744 });
  });

  test("the cache is bounded by bytes and age, and those that read what is dropped are late", () => {
    const world = new World({ trackBytes: 10_000, cacheAge: 5_000, maxLatency: 60_000 });
    const { sink } = world.pushing("live/video");
    const viewer = Viewer.of(world.peer(), "live/video", {}, at(0), false);
    for (let group = 0; group < 10; group += 1) sendGroup(sink, group, at(group), 2, 1_000);
    expect(world.relay.stats().cachedBytes).toBeLessThanOrEqual(10_000);
    expect(viewer.seen.filter((each) => each.endsWith("late")).length).toBeGreaterThan(5);
    world.relay.handleTimeout(at(6_000));
    expect(world.relay.stats()).toMatchObject({ cachedGroups: 1 });
  });

  test("a keyframe of 10 MB passes in pieces; an object above the limit is dropped, and the next group is fine", () => {
    const world = new World({ trackBytes: 12_000_000 });
    const { sink } = world.pushing("live/video");
    const viewer = Viewer.of(world.peer(), "live/video");
    const send = (group: number, length: number): boolean[] => {
      const run = sink.open(start(group), at(group))!;
      run.object(head(0, length), at(group));
      const kept = Array.from({ length: length / 1_000_000 }, () => run.payload(new Uint8Array(1_000_000), at(group)));
      run.end(at(group));
      return kept;
    };
    expect(send(0, 10_000_000).every(Boolean)).toBe(true);
    expect(send(1, 20_000_000).at(-1)).toBe(false);
    expect(send(2, 10_000_000).every(Boolean)).toBe(true);
    expect(viewer.seen).toEqual(["0: object 0, end", "1: object 0, late", "2: object 0, end"]);
    expect(world.relay.stats().cachedBytes).toBeLessThan(12_000_000);
  });

  test("a track that never begins a new group loses the beginning of the one it has", () => {
    const world = new World({ trackBytes: 5_000 });
    const { sink } = world.pushing("live/log");
    const fast = Viewer.of(world.peer(), "live/log");
    const slow = Viewer.of(world.peer(), "live/log", {}, at(0), false);
    const run = sink.open(start(0), at(0));
    for (let object = 0; object < 50; object += 1) sendObject(run, object, at(object), 500);
    expect(fast.streams[0]!.log).toHaveLength(50);
    expect(slow.seen).toEqual(["0: late"]);
    expect(world.relay.stats().cachedBytes).toBeLessThanOrEqual(5_000);
    // It cannot begin in the middle.
    const late = Viewer.of(world.peer(), "live/log", {}, at(60));
    sendObject(run, 50, at(61), 500);
    expect(late.seen).toEqual([]);
  });
});

describe("publishers that come and go", () => {
  test("the newest one wins, and the one before takes over when it leaves", () => {
    const world = new World();
    const first = world.pushing("live/video");
    const viewer = Viewer.of(world.peer(), "live/video");
    sendGroup(first.sink, 0, at(0));
    const second = world.pushing("live/video", at(10));
    sendGroup(second.sink, 1, at(20));
    expect(first.sink.open(start(1), at(21))).toBeUndefined();
    second.peer.close(at(30));
    sendGroup(first.sink, 2, at(40));
    expect(viewer.seen.map((each) => each[0])).toEqual(["0", "1", "2"]);
    expect(viewer.answers).toEqual(["accepted"]);
  });

  test("a publisher that is cut off and returns ends nobody's subscription, and repeats nothing", () => {
    const world = new World({ absence: 10_000 });
    const first = world.announcing("live");
    const viewer = Viewer.of(world.peer(), "live/video");
    sendGroup(first.source.sink, 5, at(0));
    const run = first.source.sink.open(start(6), at(10));
    sendObject(run, 0, at(10));
    run!.object(head(1, 100), at(10));
    first.peer.close(at(100));
    expect(viewer.seen.at(-1)).toBe("6: object 0, object 1, lost");
    const second = world.announcing("live", at(5_000));
    expect(second.source.asked).toEqual(["live/video"]);
    expect(second.source.sink.open(start(5), at(5_000))).toBeUndefined();
    sendGroup(second.source.sink, 6, at(5_001));
    sendGroup(second.source.sink, 7, at(5_002));
    expect(viewer.seen.slice(2)).toEqual(["6: object 1, end", "7: object 0, object 1, end"]);
    expect(viewer.answers).toEqual(["accepted"]);
  });

  test("one that begins anew with smaller numbers goes on", () => {
    const world = new World();
    const first = world.announcing("live");
    const viewer = Viewer.of(world.peer(), "live/video");
    for (const group of [100, 101]) sendGroup(first.source.sink, group, at(0));
    first.peer.close(at(1));
    sendGroup(world.announcing("live", at(2)).source.sink, 0, at(3));
    expect(viewer.seen.at(-1)).toBe("0: object 0, object 1, end");
  });

  test("viewers of a publisher that does not return are told in the end", () => {
    const world = new World({ absence: 10_000 });
    const { peer } = world.announcing("live");
    const viewer = Viewer.of(world.peer(), "live/video");
    peer.close(at(0));
    world.relay.handleTimeout(at(9_999));
    expect(viewer.answers).toEqual(["accepted"]);
    world.relay.handleTimeout(at(10_000));
    expect(viewer.answers).toEqual(["accepted", "lost"]);
    expect(world.relay.stats()).toMatchObject({ tracks: [], cachedBytes: 0, cachedGroups: 0 });
  });

  test("a track that ended is over for its viewers once they have it all", () => {
    const world = new World();
    const { sink } = world.pushing("live/video");
    const slow = Viewer.of(world.peer(), "live/video", {}, at(0), false);
    sendGroup(sink, 0, at(0));
    sink.end("track-ended", at(1));
    expect(slow.answers).toEqual(["accepted"]);
    slow.streams[0]!.hasRoom = true;
    slow.view!.handleRoom(at(2));
    expect(slow.answers).toEqual(["accepted", "track-ended"]);
  });

  test("the next publisher is asked if one refuses; a catalog under its other name too", () => {
    const world = new World();
    const willing = world.announcing("live");
    const refusing = world.announcing("live");
    refusing.source.refuses = "does-not-exist";
    const viewer = Viewer.of(world.peer(), "live/catalog");
    expect(refusing.source.asked).toEqual(["live/catalog", "live/.catalog"]);
    expect(willing.source.asked).toEqual(["live/catalog"]);
    expect(viewer.answers).toEqual(["accepted"]);
    world.pushing("pushed/.catalog");
    expect(Viewer.of(world.peer(), "pushed/catalog").answers).toEqual(["accepted"]);
  });

  test("a viewer may wait for a publisher, within limits", () => {
    const world = new World({ maxRendezvous: 5_000 });
    const patient = Viewer.of(world.peer(), "live/video", { rendezvous: 60_000 });
    const waits = Viewer.of(world.peer(), "live/video", { rendezvous: 1_000 });
    expect(Viewer.of(world.peer(), "other/video").answers).toEqual(["does-not-exist"]);
    world.relay.handleTimeout(at(1_000));
    expect([patient.answers, waits.answers]).toEqual([[], ["does-not-exist"]]);
    world.announcing("live", at(4_000));
    expect(patient.answers).toEqual(["accepted"]);
  });
});

describe("both publish styles", () => {
  test("a pushed track makes its namespace appear; an announced one disappears with its peer", () => {
    const world = new World();
    const heard: string[] = [];
    const name = (namespace: readonly Uint8Array[]): string =>
      namespace.map((each) => new TextDecoder().decode(each)).join("/");
    const watcher = {
      appeared: (namespace: readonly Uint8Array[]) => heard.push(`+${name(namespace)}`),
      gone: (namespace: readonly Uint8Array[]) => heard.push(`-${name(namespace)}`),
    };
    const { peer } = world.announcing("live/a");
    world.peer().watchNamespaces([utf8("live")], watcher, at(0));
    const pushing = world.pushing("live/b/video");
    peer.close(at(1));
    pushing.sink.end("track-ended", at(2));
    expect(heard).toEqual(["+live/a", "+live/b", "-live/a", "-live/b"]);
  });

  test("those that watch tracks are offered pushed ones, and announced ones that somebody asked for", () => {
    const world = new World();
    const heard: string[] = [];
    world.pushing("live/a/video");
    world.announcing("live/b");
    const peer = world.peer();
    const published = ({ name }: { name: Uint8Array }): unknown => heard.push(new TextDecoder().decode(name));
    const watch = accepted(peer.watchTracks([utf8("live")], { published }, at(0)));
    Viewer.of(world.peer(), "live/b/audio");
    watch.withdraw(at(1));
    world.pushing("live/c/late");
    expect(heard).toEqual(["video", "audio"]);
  });
});

describe("limits", () => {
  test("subscriptions of a peer, of the relay, and tracks", () => {
    const world = new World({ maxViewsPerPeer: 3, maxViews: 5, maxTracks: 2 });
    world.pushing("live/video");
    const one = world.peer();
    const answers = Array.from({ length: 5 }, () => Viewer.of(one, "live/video").answers[0]);
    expect(answers).toEqual(["accepted", "accepted", "accepted", "too-much-load", "too-much-load"]);
    const others = Array.from({ length: 3 }, () => Viewer.of(world.peer(), "live/video").answers[0]);
    expect(others).toEqual(["accepted", "accepted", "too-much-load"]);
    one.close(at(0));
    world.pushing("live/audio");
    expect(Viewer.of(world.peer(), "live/other").answers).toEqual(["too-much-load"]);
  });

  test("10,000 subscriptions to tracks that nobody has leave nothing behind", () => {
    const world = new World();
    const peer = world.peer();
    for (let i = 0; i < 10_000; i += 1) Viewer.of(peer, `live/${i}`);
    expect(world.relay.stats()).toMatchObject({ tracks: [], viewers: [] });
  });

  test("names of a peer", () => {
    const world = new World({ maxNamesPerPeer: 2 });
    const peer = world.peer();
    peer.announce([utf8("a")], at(0));
    peer.publish(track("b/video"), PLAIN_TRACK, at(0));
    expect(peer.announce([utf8("c")], at(0))).toMatchObject({ reason: "too-much-load" });
  });

  test("a token says what a peer may do, and when that ends", () => {
    const world = new World();
    let isExpired = false;
    world.pushing("live/video");
    world.pushing("secret/video");
    const grant = { publish: [[utf8("mine")]], subscribe: [[utf8("live")]], expires: at(1_000) };
    const peer = world.peer({ grant, onExpired: () => (isExpired = true) });
    const viewer = Viewer.of(peer, "live/video");
    expect(Viewer.of(peer, "secret/video").answers).toEqual(["unauthorized"]);
    expect(peer.announce([utf8("live")], at(0))).toMatchObject({ reason: "unauthorized" });
    const sink = accepted(peer.publish(track("mine/video"), PLAIN_TRACK, at(0)));
    const other = Viewer.of(world.peer(), "mine/video");
    world.relay.handleTimeout(at(1_000));
    expect([viewer.answers, isExpired]).toEqual([["accepted", "expired"], true]);
    expect(sink.open(start(0), at(1_001))).toBeUndefined();
    expect(other.answers).toEqual(["accepted"]);
    peer.grant(EVERYTHING, at(1_002));
    expect(Viewer.of(peer, "secret/video").answers).toEqual(["accepted"]);
  });
});
