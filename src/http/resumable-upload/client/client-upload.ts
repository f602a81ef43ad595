/**
 * A client's upload as a state machine: which request comes next, and what its outcome means. It knows no connections, files
 * and clocks.
 *
 * Calling order: `next`, any number of `handleInterim`, then `handleResponse` or `handleLost`; what these return says whether
 * to wait and call `next` again.
 */

import { type FieldLine, type FieldSection, fieldValue } from "../../field-section.ts";
import { parseUploadLimit, type UploadLimits } from "../limits.ts";
import { type InteropVersion, NEWEST_VERSION, type Profile, type ProfileName, profileOf } from "../profiles.ts";
import { byteCountField, flagField } from "../structured.ts";
import { type ClientUploadError, type UploadFailure, uploadFailure } from "./failure.ts";

export interface ClientUploadOptions {
  /** Where uploads are created. */
  readonly endpoint: string;
  /** Bytes. */
  readonly length: number;
  /** "auto" asks the server; "plain" sends one ordinary request. */
  readonly protocol: "auto" | "plain" | ProfileName;
  /** Fields that describe the file, for the creation: Content-Type, Content-Disposition, Repr-Digest … */
  readonly description: readonly FieldLine[];
  /** Upload-Metadata, for tus 1.0. */
  readonly metadata: string;
  /** Bytes of one request, at most. The server's limit may be lower. */
  readonly chunkSize?: number | undefined;
  /** True for a part of another upload (tus 1.0). */
  readonly isPartial?: boolean | undefined;
  /** An upload that was begun before. */
  readonly saved?: SavedUpload | undefined;
  /** Outcomes without progress, in a row, before it gives up. */
  readonly maxTries: number;
  /** Milliseconds of the first pause between tries, which doubles up to 30 s. */
  readonly firstPause: number;
}

/** What is needed to go on with an upload in another process. */
export interface SavedUpload {
  readonly url: string;
  readonly protocol: ProfileName;
}

/** A request to send. */
export interface UploadRequest {
  readonly method: "OPTIONS" | "POST" | "HEAD" | "PATCH" | "DELETE";
  readonly url: string;
  readonly fields: readonly FieldLine[];
  /** The content's place in the file. */
  readonly start: number;
  readonly end: number;
}

export type UploadVerdict =
  | { readonly kind: "continue" /** Milliseconds to wait before. */; readonly wait: number }
  /** The server has everything. The response is that of the application. */
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly failure: UploadFailure };

type Phase = "discover" | "create" | "retrieve" | "append" | "done";

/** Bytes of the smallest request that is tried when a server refuses larger ones. */
const SMALLEST_CHUNK = 64 * 1024;
/** Milliseconds. */
const LONGEST_PAUSE = 30_000;

export class ClientUpload {
  readonly #options: ClientUploadOptions;
  #phase: Phase;
  #profile: Profile;
  #isPlain: boolean;
  #url: string | undefined;
  #offset = 0;
  #limits: UploadLimits = {};
  #request: UploadRequest | undefined;
  /** True once the server is known to speak the protocol. */
  #isSupported: boolean;
  /** Bytes of one request, once the server has refused more. */
  #accepted = Number.POSITIVE_INFINITY;
  #tries = 0;
  #restarts = 0;

  constructor(options: ClientUploadOptions) {
    this.#options = options;
    const { protocol, saved } = options;
    this.#isPlain = protocol === "plain";
    this.#isSupported = typeof protocol === "number";
    this.#profile = profileOf(
      saved?.protocol ?? (typeof protocol === "number" || protocol === "tus" ? protocol : NEWEST_VERSION),
    );
    this.#url = saved?.url;
    this.#phase = saved !== undefined ? "retrieve" : protocol === "auto" ? "discover" : "create";
  }

  /** Set once the upload has a URL, so that it can be continued. */
  get saved(): SavedUpload | undefined {
    return this.#url === undefined ? undefined : { url: this.#url, protocol: this.#profile.name };
  }

  get url(): string | undefined {
    return this.#url;
  }

  /** Bytes that the server is known to have. */
  get offset(): number {
    return this.#offset;
  }

  get profile(): Profile {
    return this.#profile;
  }

  get isPlain(): boolean {
    return this.#isPlain;
  }

  next(): UploadRequest {
    this.#request = this.#create();
    return this.#request;
  }

  #create(): UploadRequest {
    const { endpoint, length } = this.#options;
    const none = { start: 0, end: 0 };
    switch (this.#phase) {
      case "discover":
        return { method: "OPTIONS", url: endpoint, fields: [], ...none };
      case "create":
        return this.#creation();
      case "retrieve":
        return { method: "HEAD", url: this.#url!, fields: this.#versionFields(), ...none };
      case "append": {
        const end = this.#endFrom(this.#offset);
        const type = this.#profile.appendType;
        const fields: FieldLine[] = [...this.#versionFields(), ["upload-offset", String(this.#offset)]];
        if (type !== undefined) fields.push(["content-type", type]);
        return {
          method: "PATCH",
          url: this.#url!,
          fields: [...fields, ...this.#flag(end === length)],
          start: this.#offset,
          end,
        };
      }
      case "done":
        throw new Error("the upload is done");
    }
  }

  #creation(): UploadRequest {
    const { endpoint, length, description, metadata, isPartial } = this.#options;
    if (this.#isPlain) return { method: "POST", url: endpoint, fields: description, start: 0, end: length };
    if (this.#profile.name === "tus") {
      const fields: FieldLine[] = [...this.#versionFields(), ["upload-length", String(length)]];
      if (metadata !== "") fields.push(["upload-metadata", metadata]);
      if (isPartial === true) fields.push(["upload-concat", "partial"]);
      return { method: "POST", url: endpoint, fields, start: 0, end: 0 };
    }
    // Without content, a lost response costs nothing. A server that may not know the protocol gets everything at once.
    const end = this.#isSupported ? 0 : this.#endFrom(0);
    const fields: FieldLine[] = [
      ...this.#versionFields(),
      ...this.#flag(end === length),
      ["upload-length", String(length)],
    ];
    return { method: "POST", url: endpoint, fields: [...fields, ...description], start: 0, end };
  }

  #endFrom(start: number): number {
    const { length, chunkSize = Number.POSITIVE_INFINITY } = this.#options;
    return Math.min(
      length,
      start + Math.min(chunkSize, this.#accepted, this.#limits.maxAppendSize ?? Number.POSITIVE_INFINITY),
    );
  }

  #versionFields(): FieldLine[] {
    const { name } = this.#profile;
    return name === "tus" ? [["tus-resumable", "1.0.0"]] : [["upload-draft-interop-version", String(name)]];
  }

  #flag(completes: boolean): FieldLine[] {
    const { flag } = this.#profile;
    if (flag === undefined) return [];
    return [[flag, completes === (flag === "upload-complete") ? "?1" : "?0"]];
  }

  /** 104 (Upload Resumption Supported). Others are ignored, and may come unasked. */
  handleInterim(status: number, fields: FieldSection): void {
    if (status !== 104 || this.#isPlain || this.#profile.name === "tus") return;
    if (byteCountField(fields, "upload-draft-interop-version") !== this.#profile.name) return;
    const location = fieldValue(fields, "location");
    if (this.#phase === "create" && location !== undefined) this.#url ??= resolved(location, this.#options.endpoint);
    this.#limits = parseUploadLimit(fields) ?? this.#limits;
    const offset = byteCountField(fields, "upload-offset");
    // What the server has told may be used, as it never goes back.
    if (offset !== undefined && offset > this.#offset && offset <= this.#options.length) this.#progress(offset);
  }

  handleResponse(status: number, fields: FieldSection, text: string): UploadVerdict {
    if (this.#phase === "discover") return this.#discovered(status, fields);
    this.#limits = parseUploadLimit(fields) ?? this.#limits;
    const isSuccess = status >= 200 && status < 300;
    if (this.#isPlain) {
      if (isSuccess) return this.#done();
      return status >= 500 ? this.#again("create") : this.#refused(status, text);
    }
    // The application's answer, whatever its status: the upload is over.
    if (flagField(fields, "upload-complete") === true && this.#phase !== "retrieve" && this.#hasAll()) {
      return isSuccess ? this.#done() : this.#refused(status, text);
    }
    if (isSuccess) return this.#succeeded(status, fields, text);
    return this.#failed(status, fields, text);
  }

  /** No response, or an incomplete one. `sentAll` says whether all content was sent. */
  handleLost(sentAll: boolean, error: Error): UploadVerdict {
    if (this.#url !== undefined) return this.#again("retrieve");
    // Nothing says whether a request without a name was carried out; sent in part, it was not.
    const isCreationOnly = this.#phase !== "create" || this.#request?.end === 0;
    if (sentAll && !isCreationOnly && this.#options.length > 0) {
      return failure("OUTCOME_UNKNOWN", `the connection was lost after the whole file was sent: ${error.message}`);
    }
    return this.#again(this.#phase);
  }

  #discovered(status: number, fields: FieldSection): UploadVerdict {
    const extensions = fieldValue(fields, "tus-version")
      ?.split(",")
      .map((each) => each.trim());
    if (fieldValue(fields, "upload-limit") !== undefined && this.#options.isPartial !== true) {
      this.#limits = parseUploadLimit(fields) ?? {};
      this.#isSupported = true;
    } else if (extensions?.includes("1.0.0") === true) this.#profile = profileOf("tus");
    // Another server may still answer the creation with 104; or it takes it as an ordinary request.
    if (status >= 500) return this.#again("discover");
    return this.#go("create");
  }

  /** True if the last request had the rest of the file. */
  #hasAll(): boolean {
    return this.#request?.end === this.#options.length && this.#request.method !== "HEAD";
  }

  #succeeded(status: number, fields: FieldSection, text: string): UploadVerdict {
    const { length } = this.#options;
    const offset = byteCountField(fields, "upload-offset");
    if (this.#phase === "retrieve") {
      if (offset === undefined) return failure("RESPONSE_INVALID", `HEAD was answered ${status} without Upload-Offset`);
      if (offset > length) {
        return failure("OFFSET_BEYOND", `the server has ${offset} bytes of a file of ${length}: the file has changed`);
      }
      const isComplete =
        flagField(fields, "upload-complete") ?? !(flagField(fields, "upload-incomplete") ?? offset < length);
      const isWhole = offset === length && (isComplete || this.#profile.completesAtLength);
      this.#progress(offset, true);
      return isWhole ? this.#done() : this.#go("append");
    }
    if (this.#phase === "create") {
      const location = fieldValue(fields, "location");
      if (location !== undefined) this.#url ??= resolved(location, this.#options.endpoint);
      if (this.#url === undefined) {
        // The server took it as an ordinary request.
        if (this.#hasAll() && this.#profile.name !== "tus") return this.#done();
        return failure("RESPONSE_INVALID", `the creation was answered ${status} without Location`);
      }
    }
    this.#tries = 0;
    const reached = offset ?? this.#request!.end;
    if (reached > length) return failure("OFFSET_BEYOND", `the server says that it has ${reached} bytes of ${length}`);
    this.#progress(reached);
    // tusd's last response has no Upload-Complete.
    if (reached === length && (this.#profile.name === "tus" ? true : this.#hasAll())) return this.#done();
    if (reached < this.#request!.end) return this.#again("retrieve", text);
    return this.#go("append");
  }

  #failed(status: number, fields: FieldSection, text: string): UploadVerdict {
    const offset = byteCountField(fields, "upload-offset");
    if (status === 409 && offset !== undefined && offset <= this.#options.length && this.#url !== undefined) {
      this.#progress(offset, true);
      return this.#again("append");
    }
    const size = this.#request!.end - this.#request!.start;
    if (status === 413 && this.#url !== undefined && size > SMALLEST_CHUNK) {
      this.#accepted = Math.max(SMALLEST_CHUNK, Math.floor(size / 2));
      // Not a failure: the next request is smaller.
      return this.#go("retrieve");
    }
    if (status === 404 || status === 410) {
      // It has expired: from the beginning, once.
      if (this.#url === undefined || this.#restarts > 0) return this.#refused(status, text);
      this.#restarts += 1;
      this.#url = undefined;
      this.#offset = 0;
      return this.#again("create");
    }
    const mayPass =
      status >= 500 || status === 408 || status === 423 || status === 429 || status === 409 || status === 460;
    if (!mayPass) return this.#refused(status, text);
    const pause = Number(fieldValue(fields, "retry-after") ?? Number.NaN) * 1_000;
    const phase = this.#url === undefined ? this.#phase : "retrieve";
    return this.#again(phase, text, Number.isFinite(pause) && pause >= 0 ? Math.min(pause, 600_000) : undefined);
  }

  /** `isExact` if the server may be behind what it told before. */
  #progress(offset: number, isExact = false): void {
    if (offset > this.#offset) this.#tries = 0;
    if (isExact || offset > this.#offset) this.#offset = offset;
  }

  #go(phase: Phase): UploadVerdict {
    this.#phase = phase;
    return { kind: "continue", wait: 0 };
  }

  #again(phase: Phase, text = "", pause?: number): UploadVerdict {
    this.#phase = phase;
    this.#tries += 1;
    if (this.#tries > this.#options.maxTries) {
      const reason = text === "" ? "" : `: ${text.slice(0, 200)}`;
      return failure("NO_PROGRESS", `no progress after ${this.#options.maxTries} tries${reason}`);
    }
    return {
      kind: "continue",
      wait:
        pause ?? (this.#tries === 1 ? 0 : Math.min(this.#options.firstPause * 2 ** (this.#tries - 2), LONGEST_PAUSE)),
    };
  }

  #done(): UploadVerdict {
    this.#phase = "done";
    this.#offset = this.#options.length;
    return { kind: "done" };
  }

  #refused(status: number, text: string): UploadVerdict {
    const reason = text.trim() === "" ? "" : `: ${text.trim().slice(0, 500)}`;
    return {
      kind: "failed",
      failure: uploadFailure("REFUSED", `the server refused the upload with ${status}${reason}`, status),
    };
  }
}

const failure = (code: ClientUploadError, message: string): UploadVerdict => ({
  kind: "failed",
  failure: uploadFailure(code, message),
});

declare class URL {
  constructor(url: string, base?: string);
  readonly href: string;
}

/** A Location may be relative to the request's URL. An invalid one is as good as none. */
function resolved(location: string, base: string): string | undefined {
  try {
    return new URL(location, base).href;
  } catch {
    return undefined;
  }
}

/** The request that joins parts (tus 1.0). */
export const finalRequest = (endpoint: string, parts: readonly string[], metadata: string): UploadRequest => ({
  method: "POST",
  url: endpoint,
  fields: [
    ["tus-resumable", "1.0.0"],
    ["upload-concat", `final;${parts.join(" ")}`],
    ...(metadata === "" ? [] : [["upload-metadata", metadata] as const]),
  ],
  start: 0,
  end: 0,
});

/** The protocols that a person may ask for. */
export function parseUploadProtocol(text: string): ClientUploadOptions["protocol"] | undefined {
  if (text === "auto" || text === "plain" || text === "tus") return text;
  if (text === "draft") return NEWEST_VERSION;
  const version = /^draft-([3-9])$/.exec(text)?.[1];
  return version === undefined ? undefined : (Number(version) as InteropVersion);
}
