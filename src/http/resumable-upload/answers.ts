/** Responses in the words of each profile: the fields of every response, and the interim ones. */

import { utf8 } from "../../wire/text.ts";
import type { FieldLine } from "../field-section.ts";
import { emitUploadLimit, type UploadLimits } from "./limits.ts";
import type { Profile } from "./profiles.ts";
import type { UploadRefusal } from "./refusal.ts";
import { decodeBase64 } from "./structured.ts";
import type { Upload } from "./upload.ts";

/** An upload as responses describe it. */
export interface UploadView extends Upload {
  /** Its URL; undefined if a token names it. */
  readonly location: string | undefined;
  readonly limits: UploadLimits;
  /** The time at which the upload ends, as a date of RFC 9110 §5.6.7. */
  readonly expires: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly fields: readonly FieldLine[];
  readonly content?: Uint8Array | undefined;
}

/** 104 (Upload Resumption Supported): the first one, as soon as the upload exists. */
export const supportedInterim = (profile: Profile, view: UploadView): Answer => ({
  status: 104,
  fields: [
    ...versionFields(profile),
    // Before version 3, the token names the upload.
    ...(profile.naming === "location" && view.location !== undefined ? [["location", view.location] as const] : []),
    ...limitFields(profile, view.limits),
  ],
});

/** A later 104, which tells what is stored. It has no Location. */
export const progressInterim = (profile: Profile, offset: number): Answer => ({
  status: 104,
  fields: [...versionFields(profile), ["upload-offset", String(offset)]],
});

/** The upload exists, and its creation's content is stored; more follows. */
export function createdAnswer(profile: Profile, view: UploadView, hadContent: boolean): Answer {
  if (profile.name !== "tus")
    return { status: 201, fields: [...locationFields(profile, view), ...stateFields(profile, view)] };
  return {
    status: 201,
    fields: [
      ...versionFields(profile),
      ...locationFields(profile, view),
      ...(hadContent ? [["upload-offset", String(view.offset)] as const] : []),
      ...expiryFields(view),
    ],
  };
}

/** The content of an append is stored; more follows. */
export const appendedAnswer = (profile: Profile, view: UploadView): Answer => ({
  status: profile.partialStatus,
  fields: [...stateFields(profile, view), ...(profile.name === "tus" ? expiryFields(view) : [])],
});

/** HEAD: what is stored. */
export function retrievedAnswer(profile: Profile, view: UploadView): Answer {
  const fields: FieldLine[] = [["cache-control", "no-store"], ...stateFields(profile, view)];
  const { record } = view;
  if (record.length !== undefined) fields.push(["upload-length", String(record.length)]);
  if (profile.name !== "tus") {
    // A complete upload still has an age.
    const limits = record.state === "complete" ? limitFields(profile, view.limits) : [];
    return { status: 204, fields: [...fields, ...limits] };
  }
  if (record.length === undefined) fields.push(["upload-defer-length", "1"]);
  if (record.metadata.raw !== undefined && record.metadata.raw !== "")
    fields.push(["upload-metadata", record.metadata.raw]);
  if (record.concatenation === "partial") fields.push(["upload-concat", "partial"]);
  else if (record.concatenation !== undefined) {
    fields.push(["upload-concat", `final;${record.concatenation.parts.map((part) => `./${part}`).join(" ")}`]);
  }
  return { status: 200, fields: [...fields, ...expiryFields(view)] };
}

export const cancelledAnswer = (profile: Profile): Answer => ({ status: 204, fields: versionFields(profile) });

/** What a storage can do beyond storing. */
export interface UploadAbilities {
  /** The algorithms of Upload-Checksum. */
  readonly algorithms: readonly string[];
  readonly concatenates: boolean;
}

/** OPTIONS: what this server supports. */
export function optionsAnswer(limits: UploadLimits, { algorithms, concatenates }: UploadAbilities): Answer {
  const extensions = ["creation", "creation-with-upload", "creation-defer-length", "termination", "expiration"];
  if (algorithms.length > 0) extensions.push("checksum");
  if (concatenates) extensions.push("concatenation");
  return {
    status: 204,
    fields: [
      ["allow", "OPTIONS, POST, PUT, HEAD, GET, PATCH, DELETE"],
      // The draft, §4.1.4: a client learns the limits, and that there is support.
      ["upload-limit", emitUploadLimit(limits, "max-age")],
      ["tus-resumable", "1.0.0"],
      ["tus-version", "1.0.0"],
      ["tus-extension", extensions.join(",")],
      ...(algorithms.length === 0 ? [] : [["tus-checksum-algorithm", algorithms.join(",")] as const]),
      ...(limits.maxSize === undefined ? [] : [["tus-max-size", String(limits.maxSize)] as const]),
    ],
  };
}

/**
 * The fields that every response about an upload has, in addition to those of the application. `Upload-Offset` is always
 * there: early versions require it, and tus-js-client does in all of them.
 */
export function stateFields(profile: Profile, { record, offset, limits }: UploadView): FieldLine[] {
  const fields: FieldLine[] = [...versionFields(profile), ["upload-offset", String(offset)]];
  const { flag } = profile;
  const isComplete = record.state === "complete";
  if (flag === "upload-complete") fields.push([flag, isComplete ? "?1" : "?0"]);
  else if (flag !== undefined && (!isComplete || profile.naming === "location"))
    fields.push([flag, isComplete ? "?0" : "?1"]);
  if (!isComplete) fields.push(...limitFields(profile, limits));
  return fields;
}

/** HEAD in versions 1 and 2 has the flag in both cases. */
export function withEarlyFlag(profile: Profile, answer: Answer, isComplete: boolean): Answer {
  if (profile.naming !== "token" || !isComplete) return answer;
  return { ...answer, fields: [...answer.fields, ["upload-incomplete", "?0"]] };
}

export function locationFields(profile: Profile, { location }: UploadView): readonly FieldLine[] {
  return profile.naming === "location" && location !== undefined ? [["location", location]] : [];
}

const limitFields = ({ ageKey }: Profile, limits: UploadLimits): readonly FieldLine[] =>
  ageKey === undefined ? [] : [["upload-limit", emitUploadLimit(limits, ageKey)]];

export const versionFields = ({ name }: Profile): readonly FieldLine[] =>
  name === "tus" ? [["tus-resumable", "1.0.0"]] : [["upload-draft-interop-version", String(name)]];

const expiryFields = ({ expires, record }: UploadView): readonly FieldLine[] =>
  expires === undefined || record.state === "complete" ? [] : [["upload-expires", expires]];

/** The upload is complete: the application's response, or ours without one. */
export function completedAnswer(profile: Profile, view: UploadView, isCreation: boolean): Answer {
  const { response } = view.record;
  const own: readonly FieldLine[] = [
    ...(isCreation || profile.name !== "tus" ? locationFields(profile, view) : []),
    ...stateFields(profile, view),
  ];
  if (response === undefined) return { status: isCreation || profile.name !== "tus" ? 201 : 204, fields: own };
  const names = new Set(own.map(([name]) => name));
  return {
    // Clients of tus 1.0 expect these statuses exactly.
    status: profile.name !== "tus" ? response.status : isCreation ? 201 : 204,
    fields: [...own, ...response.fields.filter(([name]) => !names.has(name))],
    content: profile.name !== "tus" && response.content !== undefined ? decodeBase64(response.content) : undefined,
  };
}

/** A refused request. `view` is that of the upload if it exists: early versions require its offset in every response. */
export function refusedAnswer(profile: Profile, refusal: UploadRefusal, view: UploadView | undefined): Answer {
  const { status, code, message, problem } = refusal;
  const fields: FieldLine[] = [...versionFields(profile), ...refusal.fields];
  if (view !== undefined && code !== "UPLOAD_UNKNOWN" && code !== "FORBIDDEN") {
    const state = stateFields(profile, view).filter(([name]) => !fields.some(([known]) => known === name));
    // The refused request did not complete anything, so no response to it says so.
    fields.push(...state.map((line): FieldLine => (line[0] === "upload-complete" ? [line[0], "?0"] : line)));
  }
  if (profile.hasProblems && problem !== undefined) {
    const body = { type: `${PROBLEM_BASE}${problem.type}`, title: message, status, ...problem.members };
    return {
      status,
      fields: [...fields, ["content-type", "application/problem+json"]],
      content: utf8(JSON.stringify(body)),
    };
  }
  return { status, fields: [...fields, ["content-type", "text/plain; charset=utf-8"]], content: utf8(`${message}\n`) };
}

const PROBLEM_BASE = "https://iana.org/assignments/http-problem-types#";
