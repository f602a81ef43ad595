/** The place of one request among a client's responses, which leave in the order of the requests. */

import type { Instant } from "../../base/time.ts";
import { COMMANDS } from "../protocol/command.ts";
import { ERRORS } from "../protocol/errors.ts";
import type { Request } from "../protocol/request.ts";
import { CODES, type Response } from "../protocol/response.ts";
import type { ResponseSink } from "../route/route.ts";

const NOTHING = new Uint8Array(0);

export interface SlotOwner {
  slotDone(slot: Slot, now: Instant): void;
  /** What the client sees of an error of one key of a multiget. */
  partError(part: Request, error: Uint8Array): Uint8Array;
}

export class Slot implements ResponseSink {
  readonly #owner: SlotOwner;
  /** The request that a backend answers; undefined if the proxy has answered it. */
  readonly request: Request | undefined;
  isDone = false;
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;

  constructor(owner: SlotOwner, request: Request | undefined) {
    this.#owner = owner;
    this.request = request;
  }

  handleResponse(response: Response | undefined, _tag: number, now: Instant): void {
    if (this.isDone) return;
    if (response === undefined) this.#fail(ERRORS.badResponse);
    else if (response.type === "failure") this.#fail(ERRORS.backendFailure);
    else if (!response.ok && this.request!.isPart) this.#fail(response.bytes.subarray(response.start, response.end));
    else if (!isHidden(response, this.request!)) {
      this.bytes = response.bytes;
      this.start = response.start;
      this.end = response.end;
    }
    this.isDone = true;
    this.#owner.slotDone(this, now);
  }

  /** Answers with these bytes. */
  answer(bytes: Uint8Array): this {
    this.#fill(bytes);
    this.isDone = true;
    return this;
  }

  #fail(error: Uint8Array): void {
    const { request } = this;
    this.#fill(request?.isPart === true ? this.#owner.partError(request, error) : error);
  }

  #fill(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.start = 0;
    this.end = bytes.length;
  }
}

/** True if the client asked not to see this response. Errors are always shown. */
function isHidden(response: Response, request: Request): boolean {
  if (request.quiet === "no" || !response.ok) return false;
  if (request.quiet === "noreply") return true;
  // The flag q hides the misses of mg, and the successes of everything else.
  return response.code === CODES.end || (request.command !== COMMANDS.mg && response.code === CODES.ok);
}
