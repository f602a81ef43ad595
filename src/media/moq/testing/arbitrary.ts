/** Messages and objects that a draft can say, for property tests. */

import fc, { type Arbitrary } from "fast-check";
import { type VarInt, wideInt } from "../../../wire/varint.ts";
import type { FetchObject } from "../data/fetch-objects.ts";
import type { SubgroupHeader } from "../data/subgroup-header.ts";
import { type Draft, draftHas } from "../draft.ts";
import type { ControlMessage } from "../messages.ts";
import type { Filter, KeyValue, Location, Namespace, Parameters, SetupOptions, Token, TrackName } from "../model.ts";

const number: Arbitrary<number> = fc.oneof(
  fc.nat(300),
  fc.nat(),
  fc.maxSafeNat().map((value) => Math.floor(value / 4)),
);
const bytes = (max: number): Arbitrary<Uint8Array> =>
  fc.uint8Array({ maxLength: max }).map((value) => new Uint8Array(value));

/** Up to 62 bits. */
export const integer: Arbitrary<VarInt> = fc.oneof(
  number,
  fc.tuple(fc.integer({ min: 0x20_0000, max: 0x3fff_ffff }), fc.nat()).map(([high, low]) => wideInt(high, low)),
);

const namespace: Arbitrary<Namespace> = fc.array(
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((v) => new Uint8Array(v)),
  {
    maxLength: 5,
  },
);
const track: Arbitrary<TrackName> = fc.record({ namespace, name: bytes(30) });
const location: Arbitrary<Location> = fc.record({ group: number, object: number });
const text = fc.string({ maxLength: 20 });
/** Codes that all drafts have, and some that nobody knows. */
const errorCode = fc.oneof(fc.nat(3), fc.integer({ min: 0x1000, max: 0x1_0000 }));

const compact = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;

/** A record whose members may be missing, and never are undefined. */
const partial = <T extends object>(model: { [K in keyof T]: Arbitrary<T[K]> }): Arbitrary<Partial<T>> =>
  fc.record(model, { requiredKeys: [] }).map((value) => compact(value as Partial<T>));

const token: Arbitrary<Token> = fc.oneof(
  fc.record({ action: fc.constantFrom("delete", "use-alias"), alias: number }),
  fc.record({ action: fc.constant("register" as const), alias: number, type: number, value: bytes(30) }),
  fc.record({ action: fc.constant("use-value" as const), type: number, value: bytes(30) }),
) as Arbitrary<Token>;

const tokens = fc.array(token, { minLength: 1, maxLength: 3 });

/** In ascending order, as lists of differences must be. */
export const properties: Arbitrary<KeyValue[]> = fc
  .array(fc.tuple(number, integer, bytes(20)), { maxLength: 4 })
  .map((list) =>
    list
      .map(([type, value, own]): KeyValue => ({ type, value: type % 2 === 0 ? value : own }))
      .sort((a, b) => (a.type as number) - (b.type as number)),
  );

const range: Arbitrary<Filter> = fc
  .tuple(location, fc.nat(1_000), fc.option(fc.nat(1_000), { nil: undefined }))
  .map(([start, delta, endObject]) => ({
    type: "range",
    start,
    endGroup: start.group + delta,
    ...(endObject === undefined ? {} : { endObject: endObject + (delta === 0 ? start.object : 0) }),
  }));

function filter(draft: Draft): Arbitrary<Filter> {
  const start = location
    .filter(({ group, object }) => group + object > 0)
    .map((each): Filter => ({ type: "start", start: each }));
  const common = [fc.constant<Filter>({ type: "next-group" }), fc.constant<Filter>({ type: "next-object" }), start];
  if (draftHas(draft, "hasTypedFilters")) return fc.oneof(...common, range.map(withoutObject));
  const recent = fc.integer({ min: 1, max: 99 }).map((groups): Filter => ({ type: "recent", groups }));
  return fc.oneof(...common, range, recent, fc.constant<Filter>({ type: "all" }));
}

function withoutObject(value: Filter): Filter {
  return value.type === "range" ? { type: "range", start: value.start, endGroup: value.endGroup } : value;
}

const order = fc.constantFrom("ascending" as const, "descending" as const);

/** Those that a draft has as parameters. */
export function parameters(draft: Draft): Arbitrary<Parameters> {
  if (draft === 14) return partial({ tokens, objectDeliveryTimeout: number, maxCacheDuration: number });
  const common = {
    tokens,
    objectDeliveryTimeout: number,
    expires: number,
    largest: location,
    forward: fc.boolean(),
    priority: fc.nat(255),
    filter: filter(draft),
    groupOrder: order,
    newGroup: number,
  };
  if (draft === 16) return partial<Parameters>(common as never);
  const newer = {
    ...common,
    subgroupDeliveryTimeout: number,
    rendezvousTimeout: number,
    fillTimeout: number,
    namespacePrefix: namespace,
  };
  if (draft === 18) return partial<Parameters>(newer as never);
  const fill = partial<Parameters>({
    fillTimeout: number,
    priority: fc.nat(255),
    filter: filter(draft),
    groupOrder: order,
  } as never);
  const ranges = fc
    .tuple(
      fc.constantFrom("subgroup", "object", "priority", "object-property"),
      fc.nat(255),
      fc.array(fc.nat(50), { minLength: 1, maxLength: 7 }),
    )
    .map(([of, set, steps]) => {
      let at = 0;
      const edges = steps.map((step) => (at += step));
      const pairs = edges.flatMap((start, i) => (i % 2 === 0 ? [compact({ start, end: edges[i + 1] })] : []));
      return compact({ of, set, propertyType: of === "object-property" ? 4 : undefined, ranges: pairs });
    });
  const rangeFilters = fc.array(ranges, { minLength: 1, maxLength: 1 });
  return partial<Parameters>({ ...newer, fill, rangeFilters, includeProperties: fc.boolean() } as never);
}

function setupOptions(draft: Draft): Arbitrary<SetupOptions> {
  const common = { path: text, authority: text, tokens, maxTokenCache: number, implementation: text };
  const own = draftHas(draft, "hasRequestLimit")
    ? { maxRequestId: number }
    : draft < 20
      ? {}
      : { maxFilterRanges: number, maxRequestUpdates: number };
  const others = fc
    .array(fc.record({ type: fc.constantFrom(0x9d, 0x11c), value: bytes(5) }), { minLength: 1, maxLength: 2 })
    .map((list) =>
      list
        .map(({ type, value }): KeyValue => ({ type, value: type % 2 === 0 ? value.length : value }))
        .sort((a, b) => (a.type as number) - (b.type as number)),
    );
  return partial<SetupOptions>({ ...common, ...own, others } as never);
}

/** Any message of the draft. */
export function message(draft: Draft): Arbitrary<ControlMessage> {
  const isShared = draftHas(draft, "hasSharedControlStream");
  const isOldest = draft === 14;
  const list = parameters(draft);
  const answer = isShared ? { requestId: number } : {};
  const trackProperties = isOldest ? {} : { properties };
  const inline = (extra: object): Arbitrary<Parameters> =>
    isOldest ? fc.tuple(list, fc.record(extra as never)).map(([a, b]) => compact({ ...a, ...(b as object) })) : list;
  const optionalOrder = fc.option(order, { nil: undefined });
  const optionalLargest = fc.option(location, { nil: undefined });
  const optionalExpires = fc.option(fc.integer({ min: 1, max: 9_000 }), { nil: undefined });
  const asked = inline({
    priority: fc.nat(255),
    groupOrder: optionalOrder,
    forward: fc.boolean(),
    filter: filter(draft),
  });
  const told = inline({ expires: optionalExpires, groupOrder: optionalOrder, largest: optionalLargest });
  const end = draftHas(draft, "hasFetchTypes")
    ? fc.record({ group: number, object: number }, { requiredKeys: ["group"] }).map(compact)
    : location;
  const failure = (of: string | undefined): Arbitrary<unknown> =>
    fc
      .record({ code: errorCode, retryAfter: fc.option(fc.nat(9_000), { nil: undefined }), reason: text, ...answer })
      .map((value) => compact({ type: "request-error", of, ...value, ...(isOldest ? { retryAfter: undefined } : {}) }));
  const record = (type: string, model: object): Arbitrary<unknown> =>
    fc.record({ type: fc.constant(type), ...model } as never).map((value) => compact(value as object));

  const all: Arbitrary<unknown>[] = [
    record("subscribe", { requestId: number, track, parameters: asked }),
    record("track-status", { requestId: number, track, parameters: asked }),
    record("subscribe-ok", { ...answer, alias: integer, parameters: told, ...trackProperties }),
    record("publish", {
      requestId: number,
      track,
      alias: integer,
      parameters: inline({ groupOrder: optionalOrder, largest: optionalLargest, forward: fc.boolean() }),
      ...trackProperties,
    }),
    record("publish-done", {
      ...answer,
      status: errorCode,
      streamCount: fc.option(number, { nil: undefined }),
      reason: text,
    }),
    record("request-update", {
      requestId: number,
      ...(isShared ? { existingRequestId: number } : {}),
      parameters: inline({
        filter: location.map((start) => ({ type: "start", start })),
        priority: fc.nat(255),
        forward: fc.boolean(),
      }),
    }),
    record("fetch-ok", {
      ...answer,
      endOfTrack: fc.boolean(),
      end,
      parameters: isOldest ? inline({ groupOrder: optionalOrder }) : list,
      ...trackProperties,
    }),
    record("publish-namespace", { requestId: number, namespace, parameters: list }),
  ];
  const fetched = draftHas(draft, "hasFetchTypes")
    ? inline({ priority: fc.nat(255), groupOrder: optionalOrder }).chain((each) =>
        range.map((value) => ({ ...each, filter: value })),
      )
    : list;
  all.push(record("fetch", { requestId: number, track, parameters: fetched }));
  if (draftHas(draft, "hasFetchTypes")) {
    const joins = fc.record({ requestId: number, isRelative: fc.boolean(), start: number });
    const rest = inline({ priority: fc.nat(255), groupOrder: optionalOrder }).map(({ filter: _, ...others }) => others);
    all.push(record("fetch", { requestId: number, joins, parameters: rest }));
  }
  if (isShared) {
    const options = setupOptions(draft);
    const versions = fc.array(fc.nat(), { minLength: 1, maxLength: 3 });
    all.push(record("client-setup", { ...(isOldest ? { versions } : {}), options }));
    all.push(
      record("server-setup", { ...(isOldest ? { versions: versions.map(([first]) => [first]) } : {}), options }),
    );
    all.push(
      record("goaway", { uri: text }),
      record("publish-ok", { requestId: number, parameters: isOldest ? asked : list }),
    );
    for (const type of ["unsubscribe", "fetch-cancel", "max-request-id", "requests-blocked"])
      all.push(record(type, { requestId: number }));
    const subject = isOldest ? { namespace } : { requestId: number };
    all.push(record("publish-namespace-done", subject));
    all.push(record("publish-namespace-cancel", { ...subject, code: errorCode, reason: text }));
    all.push(
      record("subscribe-namespace", {
        requestId: number,
        prefix: namespace,
        ...(isOldest ? {} : { interest: fc.nat(2) }),
        parameters: list,
      }),
    );
    if (isOldest) all.push(record("unsubscribe-namespace", { namespace }));
  } else {
    const from = draftHas(draft, "hasRequestInGoaway") ? { requestId: fc.option(number, { nil: undefined }) } : {};
    all.push(
      record("setup", { options: setupOptions(draft) }),
      record("goaway", { uri: text, timeout: number, ...from }),
    );
    all.push(record("subscribe-namespace", { requestId: number, prefix: namespace, parameters: list }));
    all.push(record("subscribe-tracks", { requestId: number, prefix: namespace, parameters: list }));
    all.push(record("publish-skipped", { suffix: namespace, name: bytes(20) }));
    if (!draftHas(draft, "hasFetchTypes")) all.push(record("publish-state-notify", { parameters: list }));
  }
  if (isOldest) {
    for (const of of ["subscribe", "publish", "fetch", "track-status", "publish-namespace", "subscribe-namespace"])
      all.push(failure(of));
    for (const of of ["publish-namespace", "subscribe-namespace"])
      all.push(record("request-ok", { of: fc.constant(of), requestId: number, parameters: fc.constant({}) }));
    all.push(record("request-ok", { of: fc.constant("track-status"), requestId: number, parameters: told }));
  } else {
    all.push(
      failure(undefined),
      record("namespace", { suffix: namespace }),
      record("namespace-done", { suffix: namespace }),
    );
    all.push(record("request-ok", { ...answer, parameters: list, ...(isShared ? {} : { properties }) }));
    const redirect = {
      code: fc.constant(0x34),
      retryAfter: fc.nat(9),
      reason: text,
      redirect: fc.record({ uri: text, track }),
    };
    if (!draftHas(draft, "hasNoRedirect")) all.push(record("request-error", redirect));
  }
  return fc.oneof(...all) as Arbitrary<ControlMessage>;
}

export const subgroupHeader = (draft: Draft): Arbitrary<SubgroupHeader> =>
  fc.record({
    alias: integer,
    group: number,
    subgroup: fc.oneof(number, fc.constant("first-object" as const)),
    priority: draftHas(draft, "hasExplicitPriority") ? fc.nat(255) : fc.option(fc.nat(255), { nil: undefined }),
    hasProperties: fc.boolean(),
    endsGroup: fc.boolean(),
    startsSubgroup: draftHas(draft, "hasNoFirstObjectBit") ? fc.constant(undefined) : fc.boolean(),
  });

/** Objects in the order of a fetch, with the payloads' lengths. */
export const fetchObjects = (draft: Draft): Arbitrary<FetchObject[]> =>
  fc
    .array(fc.tuple(fc.nat(2), fc.nat(3), fc.nat(3), fc.nat(255), fc.nat(20), properties, fc.boolean()), {
      maxLength: 8,
    })
    .map((list) => {
      let group = 5;
      let object = -1;
      return list.map(([groups, objects, subgroup, priority, payloadLength, own, wasDatagram]) => {
        object = groups > 0 ? objects : object + 1 + objects;
        group += groups;
        const isDatagram = wasDatagram && draft !== 14;
        return {
          group,
          object,
          subgroup: isDatagram ? undefined : subgroup,
          priority,
          properties: own,
          status: "normal" as const,
          payloadLength,
        };
      });
    });
