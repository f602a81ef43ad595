/** Answers that look like those of a cache that holds nothing and keeps nothing. */

import type { Instant } from "../../base/time.ts";
import { COMMANDS } from "../protocol/command.ts";
import { latin1, type Request } from "../protocol/request.ts";
import { CODES, ownResponse, type Response } from "../protocol/response.ts";
import type { ResponseSink, Route } from "./route.ts";

const END = ownResponse("end", CODES.end, latin1("END\r\n"));
const NOT_STORED = ownResponse("generic", CODES.notStored, latin1("NOT_STORED\r\n"));
const NOT_FOUND = ownResponse("generic", CODES.notFound, latin1("NOT_FOUND\r\n"));
const EN = ownResponse("meta", CODES.end, latin1("EN\r\n"));
const NS = ownResponse("meta", CODES.notStored, latin1("NS\r\n"));
const NF = ownResponse("meta", CODES.notFound, latin1("NF\r\n"));
const PART_MISS = ownResponse("end", CODES.end, new Uint8Array(0));

export function nullResponse(request: Request): Response {
  switch (request.command) {
    case COMMANDS.mg:
    case COMMANDS.me:
      return EN;
    case COMMANDS.ms:
      return NS;
    case COMMANDS.md:
    case COMMANDS.ma:
      return NF;
    case COMMANDS.incr:
    case COMMANDS.decr:
    case COMMANDS.touch:
    case COMMANDS.delete:
      return NOT_FOUND;
    default:
      if (request.kind === "get") return request.isPart ? PART_MISS : END;
      return NOT_STORED;
  }
}

export class NullRoute implements Route {
  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    sink.handleResponse(nullResponse(request), tag, now);
  }
}
