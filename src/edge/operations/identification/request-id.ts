/** The id of a request: the one that a trusted client sent, or a new one. */

import { randomUUID } from "node:crypto";
import { ServeError } from "../../../host/listen/errors.ts";
import { type FieldSection, fieldValue, isFieldName } from "../../../http/index.ts";

/** Where request ids come from, and who receives them. */
export interface RequestIdOptions {
  /** The field that carries the id, in requests, in responses and to origins. `x-request-id` by default. */
  readonly header?: string | undefined;
  /** Whose ids are accepted: those of `trustedProxies` (the default), of everyone, or nobody's. */
  readonly accept?: "trusted" | "all" | "none" | undefined;
  /** False to not send the id in responses. */
  readonly respond?: boolean | undefined;
}

/** An id, and how it travels. */
export interface RequestId {
  readonly id: string;
  /** The field, in lower case. */
  readonly header: string;
  /** True to send it in the response too. */
  readonly responds: boolean;
}

/** Ids are copied into logs and other systems, so only harmless characters are accepted. */
const ACCEPTABLE = /^[\w.:/+=@-]{1,128}$/;

export class RequestIds {
  readonly #header: string;
  readonly #responds: boolean;
  readonly #accept: "trusted" | "all" | "none";

  constructor({ header = "x-request-id", accept = "trusted", respond = true }: RequestIdOptions = {}) {
    if (!isFieldName(header.toLowerCase())) {
      throw new ServeError("OPTION_INVALID", `requestId.header ${JSON.stringify(header)} is not a field name`);
    }
    if (!["trusted", "all", "none"].includes(accept)) {
      throw new ServeError("OPTION_INVALID", `requestId.accept is "trusted", "all" or "none", not ${String(accept)}`);
    }
    this.#header = header.toLowerCase();
    this.#responds = respond;
    this.#accept = accept;
  }

  /** `isTrusted` tells whether the request came from a trusted proxy. */
  of(fields: FieldSection, isTrusted: boolean): RequestId {
    const accepts = this.#accept === "all" || (this.#accept === "trusted" && isTrusted);
    const given = accepts ? fieldValue(fields, this.#header) : undefined;
    const id = given !== undefined && ACCEPTABLE.test(given) ? given : randomUUID();
    return { id, header: this.#header, responds: this.#responds };
  }
}
