/** The options of an upload service: plain data, in milliseconds and bytes, and hooks. */

import { type HostClock, systemClock } from "../../host/clock.ts";
import { ServeError } from "../../host/listen/errors.ts";
import { duration } from "../../host/timer.ts";
import { DiskUploadStorage } from "../../host/uploads/disk-storage.ts";
import type { UploadStorage } from "../../host/uploads/storage.ts";
import type { UploadLimits, UploadMetadata } from "../../http/resumable-upload/index.ts";
import { TrustedProxies } from "../trusted-proxies.ts";
import { type DataStoreLike, dataStoreStorage } from "./data-store.ts";

/** What a request does to an upload. */
export type UploadActionName = "create" | "append" | "retrieve" | "cancel" | "complete";

/** What `authorize` judges. */
export interface UploadAccess {
  readonly action: UploadActionName;
  /** The upload's id; undefined for a new one. */
  readonly id: string | undefined;
  /** The request's fields, such as `authorization` or `cookie`. */
  readonly headers: Headers;
  readonly remoteAddress: string;
  readonly metadata: UploadMetadata | undefined;
}

/** An upload as hooks see it. */
export interface UploadInfo {
  /** Names the upload in its URL. */
  readonly id: string;
  /** What the client says about its file. */
  readonly metadata: UploadMetadata;
  /** Bytes stored. */
  readonly offset: number;
  /** Bytes in total; undefined as long as the client has not said it. */
  readonly length: number | undefined;
  /** Of a complete upload on disk: the path of its file. */
  readonly path: string | undefined;
  /** The request's fields. */
  readonly headers: Headers;
  readonly remoteAddress: string;
  /** Reads what is stored. */
  content(): AsyncIterable<Uint8Array>;
}

/** What `onComplete` may return: the response, or nothing for 201. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook without a return statement returns nothing.
export type UploadResult = Response | undefined | void;

/** Where uploads go, what is accepted, and what happens with them. */
export interface UploadOptions {
  /** The folder for finished files; incomplete uploads are in `.uploads/` below it. Either this or `storage` is needed. */
  readonly directory?: string | undefined;
  /** Another storage, or a DataStore of tus-node-server such as `@tus/s3-store`. */
  readonly storage?: UploadStorage | DataStoreLike | undefined;
  /** Names finished files as the client says, made safe and unique. False names them by the upload's id. Default: true. */
  readonly keepNames?: boolean | undefined;
  /** Bytes of one upload. No limit by default. */
  readonly maxSize?: number | undefined;
  /** Bytes of the content of one request. No limit by default. */
  readonly maxAppendSize?: number | undefined;
  /** Bytes of the content of a request that does not complete the upload. No limit by default. */
  readonly minAppendSize?: number | undefined;
  /** Milliseconds without a change after which an upload is forgotten; 24 h by default. Finished files stay. */
  readonly maxAge?: number | undefined;
  /** Incomplete uploads at a time; 10,000 by default. */
  readonly maxUploads?: number | undefined;
  /** Milliseconds without content after which a request is ended, and what came is kept; 60 s by default. */
  readonly stallTimeout?: number | undefined;
  /** Lets pages of other origins upload: true for all, or a list such as ["https://app.example"]. Default: none. */
  readonly cors?: boolean | readonly string[] | undefined;
  /** Addresses and prefixes of proxies in front, whose X-Forwarded-For or Forwarded is trusted. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Decides who may do what. Called for each request, and again before an upload completes. Everyone may by default. */
  readonly authorize?: ((access: UploadAccess) => boolean | Promise<boolean>) | undefined;
  /** Called before an upload exists. Throw an `UploadRefusal` to refuse it. */
  readonly onCreate?: ((upload: UploadInfo) => void | Promise<void>) | undefined;
  /** Called as content becomes durable, at most once a second or so, and after each request. */
  readonly onProgress?: ((upload: UploadInfo) => void) | undefined;
  /**
   * Called once all content is stored; after a crash it may be called again for the same upload. The response that it returns
   * goes to the client, and again to one that lost it. Throw an `UploadRefusal` to end the upload with an error.
   */
  readonly onComplete?: ((upload: UploadInfo) => UploadResult | Promise<UploadResult>) | undefined;
  /** Called with a line for each internal fault. Default: writes it to standard error. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface UploadSettings {
  readonly storage: UploadStorage;
  readonly limits: UploadLimits;
  readonly maxAge: number;
  readonly maxUploads: number;
  readonly stallTimeout: number;
  readonly cors: boolean | ReadonlySet<string>;
  readonly trustedProxies: TrustedProxies;
  readonly authorize: UploadOptions["authorize"];
  readonly onCreate: UploadOptions["onCreate"];
  readonly onProgress: UploadOptions["onProgress"];
  readonly onComplete: UploadOptions["onComplete"];
  readonly log: (line: string) => void;
  readonly clock: HostClock;
}

/** Throws a `ServeError` or a `DurationError`. */
export function uploadSettings(options: UploadOptions, clock: HostClock = systemClock): UploadSettings {
  const { directory, storage, keepNames, cors = false } = options;
  if ((directory === undefined) === (storage === undefined)) {
    throw invalid(directory === undefined ? "give directory or storage" : "give directory or storage, not both");
  }
  const limits: UploadLimits = {
    maxSize: size("maxSize", options.maxSize),
    maxAppendSize: size("maxAppendSize", options.maxAppendSize),
    minAppendSize: size("minAppendSize", options.minAppendSize),
  };
  if ((limits.minAppendSize ?? 0) > (limits.maxAppendSize ?? Number.POSITIVE_INFINITY)) {
    throw invalid("minAppendSize is greater than maxAppendSize");
  }
  const maxUploads = options.maxUploads ?? 10_000;
  if (!Number.isInteger(maxUploads) || maxUploads < 1) {
    throw invalid(`maxUploads is ${maxUploads}: give a whole number of at least 1`);
  }
  return {
    storage:
      directory === undefined ? storageOf(storage!) : new DiskUploadStorage({ directory, keepNames, log: options.log }),
    limits,
    maxAge: duration("maxAge", options.maxAge ?? 86_400_000),
    maxUploads,
    stallTimeout: duration("stallTimeout", options.stallTimeout ?? 60_000),
    cors: typeof cors === "boolean" ? cors : new Set(cors),
    trustedProxies: new TrustedProxies(options.trustedProxies ?? []),
    authorize: options.authorize,
    onCreate: options.onCreate,
    onProgress: options.onProgress,
    onComplete: options.onComplete,
    log: options.log ?? ((line) => process.stderr.write(`${line}\n`)),
    clock,
  };
}

const storageOf = (given: UploadStorage | DataStoreLike): UploadStorage =>
  "getUpload" in given ? dataStoreStorage(given) : given;

function size(option: string, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return value;
  throw invalid(`${option} is ${value}: give a whole number of bytes of at least 1`);
}

const invalid = (message: string): ServeError => new ServeError("OPTION_INVALID", message);
