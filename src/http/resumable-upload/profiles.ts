/**
 * What differs between the versions of the protocol: one profile for each interop version of
 * draft-ietf-httpbis-resumable-upload and of the drafts before it, and one for tus 1.0. Everything else is shared.
 */

import type { AgeKey } from "./limits.ts";

/** The interop versions of the drafts. 1 and 2 are those of draft-tus-httpbis-resumable-uploads-protocol. */
export type InteropVersion = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** The name of a profile: an interop version, or "tus" for tus 1.0. */
export type ProfileName = InteropVersion | "tus";

export interface Profile {
  readonly name: ProfileName;
  /** How requests name an upload: by a token that the client chose, or by the URL that the server gave. */
  readonly naming: "token" | "location";
  /** The flag that says whether more follows. `Upload-Incomplete` has the opposite sense of `Upload-Complete`. */
  readonly flag: "upload-incomplete" | "upload-complete" | undefined;
  /** The media type that an append must have. */
  readonly appendType: string | undefined;
  /** True if an append must say whether the upload is then complete. */
  readonly appendNeedsFlag: boolean;
  /** True if HEAD and DELETE with an offset or a flag are errors. */
  readonly refusesStateFields: boolean;
  /** Undefined before Upload-Limit existed. */
  readonly ageKey: AgeKey | undefined;
  /** True if an upload is complete when its offset equals its length, even if no request said so. */
  readonly completesAtLength: boolean;
  /** True if 104 responses after the first may tell the offset. */
  readonly tellsProgress: boolean;
  /** The status of a request that has stored its content and leaves the upload incomplete. */
  readonly partialStatus: 201 | 204;
  /** True if errors are application/problem+json. */
  readonly hasProblems: boolean;
  /** True if an append to a complete upload is an error; otherwise its response is repeated. */
  readonly refusesAppendToComplete: boolean;
}

/** The newest interop version, which is used for requests that name none. */
export const NEWEST_VERSION = 9;

export const PARTIAL_UPLOAD = "application/partial-upload";
export const OFFSET_OCTET_STREAM = "application/offset+octet-stream";

const EARLY: Profile = {
  name: 2,
  naming: "token",
  flag: "upload-incomplete",
  appendType: undefined,
  appendNeedsFlag: false,
  refusesStateFields: true,
  ageKey: undefined,
  completesAtLength: false,
  tellsProgress: false,
  partialStatus: 201,
  hasProblems: false,
  refusesAppendToComplete: false,
};

const MIDDLE: Profile = { ...EARLY, name: 3, naming: "location", flag: "upload-incomplete" };

const NEW: Profile = {
  name: 9,
  naming: "location",
  flag: "upload-complete",
  appendType: PARTIAL_UPLOAD,
  appendNeedsFlag: true,
  refusesStateFields: false,
  ageKey: "max-age",
  completesAtLength: false,
  tellsProgress: true,
  partialStatus: 204,
  hasProblems: true,
  refusesAppendToComplete: false,
};

const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  1: { ...EARLY, name: 1 },
  2: EARLY,
  3: MIDDLE,
  4: { ...MIDDLE, name: 4, flag: "upload-complete" },
  // tus-js-client takes an upload for finished once the offset is the length, without asking for completion.
  5: { ...MIDDLE, name: 5, flag: "upload-complete", tellsProgress: true, completesAtLength: true },
  6: {
    ...NEW,
    name: 6,
    appendNeedsFlag: false,
    refusesStateFields: true,
    ageKey: "expires",
    completesAtLength: true,
    partialStatus: 201,
    refusesAppendToComplete: true,
  },
  7: { ...NEW, name: 7, refusesAppendToComplete: true },
  8: { ...NEW, name: 8 },
  9: NEW,
  tus: {
    name: "tus",
    naming: "location",
    flag: undefined,
    appendType: OFFSET_OCTET_STREAM,
    appendNeedsFlag: false,
    refusesStateFields: false,
    ageKey: undefined,
    completesAtLength: true,
    tellsProgress: false,
    partialStatus: 204,
    hasProblems: false,
    refusesAppendToComplete: false,
  },
};

export const profileOf = (name: ProfileName): Profile => PROFILES[name];

export const INTEROP_VERSIONS: readonly InteropVersion[] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/** All profiles, in the order of their age. */
export const PROFILE_NAMES: readonly ProfileName[] = [...INTEROP_VERSIONS, "tus"];

export const isInteropVersion = (value: number | undefined): value is InteropVersion =>
  value !== undefined && INTEROP_VERSIONS.includes(value as InteropVersion);
