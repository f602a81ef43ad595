/** The table of control messages: in which drafts each exists, under which number, and what it is made of. */

import { wideInt } from "../../wire/varint.ts";
import { type CodeSpace, doneCodes, requestCodes } from "./codes.ts";
import { REQUEST_ERRORS } from "./errors.ts";
import { fetchOk, typedFetch } from "./fetch-fields.ts";
import { bytes, code, type Dialect, type Field, integer, namespace, number, reason, trackName, uri } from "./fields.ts";
import { INLINE } from "./inline-parameters.ts";
import { readKeyValues, writeKeyValues } from "./key-values.ts";
import type { MessageType, RequestErrorMessage, RequestKind } from "./messages.ts";
import type { KeyValue, Parameters } from "./model.ts";
import { readParameters, writeParameters } from "./parameters.ts";
import { setupOptions } from "./setup-options.ts";

/** A field with its name, or several fields that are one object. */
export type Part = readonly [name: string | undefined, field: Field<unknown>];

export interface Form {
  readonly type: MessageType;
  readonly id: number;
  /** In draft 14, the request that it answers. */
  readonly of?: RequestKind;
  readonly parts: readonly Part[];
}

const part = <T>(name: string | undefined, field: Field<T>): Part => [name, field as unknown as Field<unknown>];

const parameters: Field<Parameters> = {
  read: (reader, dialect, where) => readParameters(reader, dialect, where),
  write: (writer, value, dialect) => writeParameters(writer, value, dialect),
};

/** To the end of the message. */
const properties: Field<readonly KeyValue[] | undefined> = {
  read: (reader, dialect, where) => readKeyValues(reader, dialect, where),
  write: (writer, value, dialect) => writeKeyValues(writer, value ?? [], dialect),
};

/** 0 if it is not known. */
const optionalNumber: Field<number | undefined> = {
  read: (reader, dialect) => dialect.number(reader),
  write: (writer, value) => writer.integer(value ?? 0),
};

/** The rest of the message, if there is any. */
const trailingNumber: Field<number | undefined> = {
  read: (reader, dialect) => (reader.isAtEnd ? undefined : dialect.number(reader)),
  write(writer, value) {
    if (value !== undefined) writer.integer(value);
  },
};

const versions: Field<readonly number[] | undefined> = {
  read: (reader, dialect) => Array.from({ length: Math.min(dialect.number(reader), 64) }, () => dialect.number(reader)),
  write(writer, value = []) {
    writer.integer(value.length);
    for (const version of value) writer.integer(version);
  },
};

const version: Field<readonly number[] | undefined> = {
  read: (reader, dialect) => [dialect.number(reader)],
  write: (writer, value = []) => writer.integer(value[0] ?? 0),
};

/** The largest number that a draft says it with stands for an unknown count: 2^62-1, and 2^64-1 since draft 20. */
const streamCount: Field<number | undefined> = {
  read(reader, dialect) {
    const count = code.read(reader, dialect, "");
    return count === Number.MAX_SAFE_INTEGER ? undefined : count;
  },
  write(writer, value, dialect) {
    const unknown = wideInt(dialect.has("hasFetchTypes") ? 0x3fff_ffff : 0xffff_ffff, 0xffff_ffff);
    writer.integer(value ?? unknown);
  },
};

type Failure = Pick<RequestErrorMessage, "code" | "retryAfter" | "reason" | "redirect">;

/** A code that has another number in some drafts. */
const codeIn = (space: CodeSpace): Field<number> => ({
  read: (reader, dialect, where) => space.fromWire(code.read(reader, dialect, where)),
  write: (writer, value, dialect) => code.write(writer, space.toWire(value), dialect),
});

const failureIn = (space: CodeSpace): Field<Failure> => ({
  read(reader, dialect, where) {
    const value = codeIn(space).read(reader, dialect, where);
    const retry = dialect.has("hasNoRetry") ? 0 : dialect.number(reader);
    const common = {
      code: value,
      ...(retry === 0 ? {} : { retryAfter: retry - 1 }),
      reason: reason.read(reader, dialect, where),
    };
    if (dialect.has("hasNoRedirect") || value !== REQUEST_ERRORS.REDIRECT.code) return common;
    return {
      ...common,
      redirect: { uri: uri.read(reader, dialect, where), track: trackName.read(reader, dialect, where) },
    };
  },
  write(writer, value, dialect) {
    codeIn(space).write(writer, value.code, dialect);
    if (!dialect.has("hasNoRetry")) writer.integer(value.retryAfter === undefined ? 0 : value.retryAfter + 1);
    reason.write(writer, value.reason, dialect);
    if (dialect.has("hasNoRedirect") || value.code !== REQUEST_ERRORS.REDIRECT.code) return;
    const { redirect = { uri: "", track: { namespace: [], name: new Uint8Array(0) } } } = value;
    uri.write(writer, redirect.uri, dialect);
    trackName.write(writer, redirect.track, dialect);
  },
});

const REQUEST_ID = part("requestId", number);
const TRACK = part("track", trackName);
const ALIAS = part("alias", integer);
const PARAMETERS = part("parameters", parameters);

/** All messages of a draft. */
export function formsOf(dialect: Dialect): readonly Form[] {
  const isShared = dialect.has("hasSharedControlStream");
  const isInline = dialect.has("hasInlineParameters");
  const isSeparate = dialect.has("hasSeparateAnswers");
  const forms: Form[] = [];
  const add = (type: MessageType, id: number, parts: readonly Part[], of?: RequestKind): void => {
    forms.push({ type, id, parts, ...(of === undefined ? {} : { of }) });
  };
  const answered = isShared ? [REQUEST_ID] : [];
  const inline = (field: Field<Parameters>): Part => (isInline ? part("parameters", field) : PARAMETERS);
  const trackProperties = dialect.has("hasNoTrackProperties") ? [] : [part("properties", properties)];
  const options = part("options", setupOptions);
  const failure = (kind?: RequestKind): Part => part(undefined, failureIn(requestCodes(dialect, kind)));
  const done = part("status", codeIn(doneCodes(dialect)));

  if (isShared) {
    add("client-setup", 0x20, dialect.has("hasVersionsInSetup") ? [part("versions", versions), options] : [options]);
    add("server-setup", 0x21, dialect.has("hasVersionsInSetup") ? [part("versions", version), options] : [options]);
  } else {
    add("setup", 0x2f00, [options]);
  }
  const timeout = dialect.has("hasBareGoaway") ? [] : [part("timeout", optionalNumber)];
  const lastRequest = dialect.has("hasRequestInGoaway") ? [part("requestId", trailingNumber)] : [];
  add("goaway", 0x10, [part("uri", uri), ...timeout, ...lastRequest]);

  add("subscribe", 0x03, [REQUEST_ID, TRACK, inline(INLINE.subscribe)]);
  add("subscribe-ok", 0x04, [...answered, ALIAS, inline(INLINE.subscribeOk), ...trackProperties]);
  add("request-update", 0x02, [
    REQUEST_ID,
    ...(isShared ? [part("existingRequestId", number)] : []),
    inline(INLINE.update),
  ]);
  add("track-status", 0x0d, [REQUEST_ID, TRACK, inline(INLINE.subscribe)]);
  add("publish", 0x1d, [REQUEST_ID, TRACK, ALIAS, inline(INLINE.publish), ...trackProperties]);
  add("publish-done", 0x0b, [...answered, done, part("streamCount", streamCount), part("reason", reason)]);
  const fetch = dialect.has("hasFetchTypes") ? [part(undefined, typedFetch)] : [TRACK, PARAMETERS];
  add("fetch", 0x16, [REQUEST_ID, ...fetch]);
  add("fetch-ok", 0x18, [...answered, part(undefined, fetchOk), ...trackProperties]);
  add("publish-namespace", 0x06, [REQUEST_ID, part("namespace", namespace), PARAMETERS]);

  if (isSeparate) {
    add("request-ok", 0x07, [REQUEST_ID, NO_PARAMETERS], "publish-namespace");
    add("request-ok", 0x12, [REQUEST_ID, NO_PARAMETERS], "subscribe-namespace");
    // TRACK_STATUS_OK is a SUBSCRIBE_OK, with an alias that means nothing.
    add("request-ok", 0x0e, [REQUEST_ID, UNUSED_ALIAS, inline(INLINE.subscribeOk)], "track-status");
    add("request-error", 0x05, [REQUEST_ID, failure("subscribe")], "subscribe");
    add("request-error", 0x08, [REQUEST_ID, failure("publish-namespace")], "publish-namespace");
    add("request-error", 0x0f, [REQUEST_ID, failure("track-status")], "track-status");
    add("request-error", 0x13, [REQUEST_ID, failure("subscribe-namespace")], "subscribe-namespace");
    add("request-error", 0x19, [REQUEST_ID, failure("fetch")], "fetch");
    add("request-error", 0x1f, [REQUEST_ID, failure("publish")], "publish");
  } else {
    const statusProperties = isShared ? [] : trackProperties;
    add("request-ok", 0x07, [...answered, PARAMETERS, ...statusProperties]);
    add("request-error", 0x05, [...answered, failure()]);
    add("namespace", 0x08, [part("suffix", namespace)]);
    add("namespace-done", 0x0e, [part("suffix", namespace)]);
  }
  if (dialect.has("hasPublishOk")) add("publish-ok", 0x1e, [REQUEST_ID, inline(INLINE.publishOk)]);
  if (isShared) addShared(add, dialect);
  else addStreamed(add, dialect);
  return forms;
}

type Add = (type: MessageType, id: number, parts: readonly Part[]) => void;

/** What went away with the shared control stream. */
function addShared(add: Add, dialect: Dialect): void {
  const isSeparate = dialect.has("hasSeparateAnswers");
  const cancelCode = part("code", codeIn(requestCodes(dialect, "publish-namespace")));
  for (const [type, id] of [
    ["unsubscribe", 0x0a],
    ["fetch-cancel", 0x17],
    ["max-request-id", 0x15],
    ["requests-blocked", 0x1a],
  ] as const) {
    add(type, id, [REQUEST_ID]);
  }
  const subject = isSeparate ? part("namespace", namespace) : REQUEST_ID;
  const prefix = part("prefix", namespace);
  add("publish-namespace-done", 0x09, [subject]);
  add("publish-namespace-cancel", 0x0c, [subject, cancelCode, part("reason", reason)]);
  add("subscribe-namespace", 0x11, [
    REQUEST_ID,
    prefix,
    ...(isSeparate ? [] : [part("interest", optionalNumber)]),
    PARAMETERS,
  ]);
  if (isSeparate) add("unsubscribe-namespace", 0x14, [part("namespace", namespace)]);
}

/** What came with a stream for each request. */
function addStreamed(add: Add, dialect: Dialect): void {
  const prefix = part("prefix", namespace);
  add("subscribe-namespace", 0x50, [REQUEST_ID, prefix, PARAMETERS]);
  add("subscribe-tracks", 0x51, [REQUEST_ID, prefix, PARAMETERS]);
  add("publish-skipped", 0x0f, [part("suffix", namespace), part("name", bytes)]);
  if (!dialect.has("hasFetchTypes")) add("publish-state-notify", 0x22, [PARAMETERS]);
}

/** So that all answers have parameters. */
const NO_PARAMETERS = part("parameters", { read: (): Parameters => ({}), write: () => {} });

const UNUSED_ALIAS = part(undefined, {
  read(reader, dialect): object {
    dialect.integer(reader);
    return {};
  },
  write: (writer) => writer.integer(0),
});
