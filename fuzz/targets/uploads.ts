/**
 * Resumable uploads: requests in all profiles, mostly right, some with wrong, broken or missing fields, to a few uploads whose content
 * arrives in pieces and may be cut off. The victim is the protocol's core with a storage that only counts.
 */

import {
  type Answer,
  appendedAnswer,
  cancelledAnswer,
  completedAnswer,
  createdAnswer,
  interpretUploadRequest,
  invalidates,
  OFFSET_OCTET_STREAM,
  optionsAnswer,
  PARTIAL_UPLOAD,
  PROFILE_NAMES,
  type Profile,
  planAppend,
  planCreation,
  profileOf,
  profileOfRequest,
  Reception,
  type ReceptionPlan,
  refusedAnswer,
  retrievedAnswer,
  type Upload,
  type UploadIntent,
  UploadRefusal,
  type UploadRequestHead,
  type UploadView,
  unknownUpload,
  withEarlyFlag,
} from "../../src/http/resumable-upload/index.ts";
import { fromLatin1, latin1 } from "../../src/wire/text.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import { type Session, type Target, VictimFault } from "../session.ts";

const LIMITS = { maxSize: 5_000, maxAppendSize: 3_000, minAppendSize: 10, minSize: 5, maxAge: 60 };
const METHODS = ["POST", "PUT", "PATCH", "HEAD", "DELETE", "GET", "OPTIONS"] as const;
const RUBBISH = [
  "",
  "-1",
  "1.5",
  "?2",
  "?1;a",
  "1, 2",
  "9007199254740993",
  '"1"',
  ":AA==:",
  "sha-256=:AAAA:",
  "\u00fc",
];
const NAMES = [
  "upload-offset",
  "upload-length",
  "upload-complete",
  "upload-incomplete",
  "upload-token",
  "upload-concat",
  "upload-metadata",
  "upload-checksum",
  "upload-defer-length",
  "upload-draft-interop-version",
  "tus-resumable",
  "content-length",
  "content-type",
  "content-disposition",
  "content-digest",
  "repr-digest",
  "x-http-method-override",
];
/** Each session has so many uploads at a time. */
const MAX_UPLOADS = 6;
const MAX_REQUESTS = 2_000;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

class UploadSession implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  readonly #uploads: Upload[] = [];
  #requests = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
  }

  step(): void {
    this.#requests += 1;
    const target = this.#chance.oneIn(3) ? undefined : this.#chance.pick([undefined, ...this.#uploads]);
    const head = this.#head(target);
    let profile = profileOf(9);
    let answer: Answer;
    try {
      profile = profileOfRequest(head);
      answer = this.#answer(interpretUploadRequest(head), target);
    } catch (error) {
      if (!(error instanceof UploadRefusal)) throw error;
      const current = target === undefined ? undefined : this.#current(target);
      answer = refusedAnswer(profile, error, current === undefined ? undefined : viewOf(current));
      if (answer.status < 400) throw new VictimFault(`${error.code} is answered ${answer.status}`);
    }
    this.#check(answer);
    if (this.#requests === MAX_REQUESTS) this.outcome = "asked enough";
  }

  end(): void {
    for (const { record, offset } of this.#uploads) {
      if (offset < 0 || (record.length !== undefined && offset > record.length && record.state !== "invalid"))
        throw new VictimFault(`an upload of ${record.length} bytes has ${offset}`);
      if (record.state === "complete" && record.length !== offset)
        throw new VictimFault(`a complete upload has ${offset} of ${record.length} bytes`);
    }
  }

  #answer(intent: UploadIntent, target: Upload | undefined): Answer {
    if (intent.kind === "options") return optionsAnswer(LIMITS, { algorithms: ["sha1"], concatenates: true });
    const { profile } = intent;
    if (intent.kind === "create") {
      const plan = planCreation(intent, LIMITS);
      if (this.#uploads.length >= MAX_UPLOADS) this.#uploads.shift();
      const record = {
        id: `${this.#requests}`,
        profile: profile.name,
        method: intent.method,
        state: "open",
        length: plan.length,
        metadata: intent.metadata,
        createdAt: 0,
      } as const;
      const upload: Upload = { record, offset: 0 };
      this.#uploads.push(upload);
      return this.#receive(profile, plan, upload, true);
    }
    if (target === undefined) throw unknownUpload();
    if (intent.kind === "cancel") {
      this.#uploads.splice(this.#uploads.indexOf(target), 1);
      return cancelledAnswer(profile);
    }
    if (intent.kind === "retrieve") {
      return withEarlyFlag(profile, retrievedAnswer(profile, viewOf(target)), target.record.state === "complete");
    }
    const plan = planAppend(intent, target, LIMITS);
    const known = { ...target, record: { ...target.record, length: plan.length } };
    this.#replace(target, known);
    return this.#receive(profile, plan, known, false);
  }

  /** The content arrives in pieces of any size, whatever was announced. */
  #receive(profile: Profile, plan: ReceptionPlan, upload: Upload, isCreation: boolean): Answer {
    const chance = this.#chance;
    const reception = new Reception(plan);
    const announced = plan.length === undefined ? chance.below(2_000) : plan.length - plan.from;
    let left = chance.oneIn(8) ? chance.below(6_000) : Math.min(announced, chance.oneIn(2) ? announced : 1_000);
    try {
      while (left > 0) {
        const piece = Math.min(left, 1 + chance.below(900));
        reception.take(piece);
        left -= piece;
      }
      const end = chance.oneIn(6) ? reception.cut() : reception.end();
      const { offset } = reception;
      if (end.kind === "complete") {
        const complete: Upload = { record: { ...upload.record, state: "complete", length: end.length }, offset };
        this.#replace(upload, complete);
        return completedAnswer(profile, viewOf(complete), isCreation);
      }
      const moved = { ...upload, offset };
      this.#replace(upload, moved);
      return isCreation
        ? createdAnswer(profile, viewOf(moved), reception.received > 0)
        : appendedAnswer(profile, viewOf(moved));
    } catch (error) {
      if (!(error instanceof UploadRefusal)) throw error;
      const isOver = invalidates(error);
      const offset = isOver ? 0 : reception.offset;
      this.#replace(upload, { record: isOver ? { ...upload.record, state: "invalid" } : upload.record, offset });
      throw error;
    }
  }

  #current(target: Upload): Upload | undefined {
    return this.#uploads.find(({ record }) => record.id === target.record.id);
  }

  #replace(before: Upload, after: Upload): void {
    if (after.offset < before.offset && after.record.state !== "invalid")
      throw new VictimFault(`the offset went back from ${before.offset} to ${after.offset}`);
    if (before.record.state !== "open" && after.record.state === "open")
      throw new VictimFault(`an upload that was ${before.record.state} is open`);
    this.#uploads[this.#uploads.indexOf(before)] = after;
  }

  #check({ status, fields, content }: Answer): void {
    if (!Number.isInteger(status) || status < 200 || status > 599)
      throw new VictimFault(`a response has status ${status}`);
    for (const [name, value] of fields) {
      if (!FIELD_VALUE.test(value)) throw new VictimFault(`the field ${name} is ${JSON.stringify(value)}`);
    }
    if (content !== undefined && content.byteLength > 4_096) throw new VictimFault("a response is longer than 4 kB");
  }

  #head(target: Upload | undefined): UploadRequestHead {
    const chance = this.#chance;
    const profile = profileOf(
      target !== undefined && !chance.oneIn(10) ? target.record.profile : chance.pick(PROFILE_NAMES),
    );
    const isAppend = target !== undefined && !chance.oneIn(4);
    const fields = new Map<string, string>(this.#right(profile, target, isAppend));
    for (let faults = chance.oneIn(2) ? 0 : chance.below(3); faults > 0; faults -= 1) {
      const name = chance.pick(NAMES);
      const value = fields.get(name);
      if (chance.oneIn(3)) fields.delete(name);
      else if (value !== undefined && chance.oneIn(2)) fields.set(name, fromLatin1(mutate(latin1(value), chance)));
      else fields.set(name, chance.oneIn(2) ? chance.pick(RUBBISH) : `${chance.below(6_000)}`);
    }
    const method = chance.oneIn(4) ? chance.pick(METHODS) : isAppend ? "PATCH" : "POST";
    return {
      method,
      fields: [...fields],
      hasContent: !chance.oneIn(5),
      isUpload: target !== undefined && profile.naming === "location",
      createdBy: target?.record.profile,
    };
  }

  /** The fields of a request that is right. */
  *#right(profile: Profile, target: Upload | undefined, isAppend: boolean): Generator<[string, string]> {
    const chance = this.#chance;
    if (profile.name === "tus") yield ["tus-resumable", "1.0.0"];
    else yield ["upload-draft-interop-version", `${profile.name}`];
    if (profile.naming === "token") yield ["upload-token", ":AAECAw==:"];
    const completes = chance.oneIn(2);
    const { flag } = profile;
    if (flag !== undefined) yield [flag, completes === (flag === "upload-complete") ? "?1" : "?0"];
    if (isAppend && target !== undefined) {
      yield ["upload-offset", `${target.offset}`];
      const type = profile.name === "tus" ? OFFSET_OCTET_STREAM : PARTIAL_UPLOAD;
      if (profile.appendType !== undefined) yield ["content-type", type];
    } else if (!chance.oneIn(3)) yield ["upload-length", `${chance.below(4_500)}`];
  }
}

const viewOf = (upload: Upload): UploadView => ({
  ...upload,
  location: `/uploads/${upload.record.id}`,
  limits: LIMITS,
  expires: undefined,
});

export const uploads: Target = {
  name: "uploads",
  start: (seed) => new UploadSession(seed),
};
