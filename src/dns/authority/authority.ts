/** An authoritative server without I/O: takes a query as bytes, and returns the response as bytes. */

import { ProtocolError } from "../../base/errors.ts";
import { emitMessage, HEADER, type Message, PLAIN_UDP_SIZE, parseMessage, RCODES } from "../message.ts";
import { QUERY_TYPES, RECORD_CLASSES } from "../record-types.ts";
import { type LookupResult, lookup } from "./lookup.ts";
import type { Zone } from "./zone.ts";

/** A datagram of ours is never fragmented (RFC 9715 §3.1; DNS Flag Day 2020). */
export const MAX_UDP_RESPONSE = 1_232;
const QUERY = 0;
const QR = 0x80;
const OPCODE = 0x78;
const RD = 0x01;

export interface Response {
  readonly bytes: Uint8Array;
  /** Undefined if the question could not be read. */
  readonly query: Message | undefined;
  readonly rcode: number;
  /**
   * Seconds that the response may be cached: the least time to live of its answers, or of the statement that there are
   * none (RFC 8484 §5.1).
   */
  readonly ttl: number;
}

export class Authority {
  #zones: readonly Zone[];

  constructor(zones: readonly Zone[]) {
    this.#zones = zones;
  }

  get zones(): readonly Zone[] {
    return this.#zones;
  }

  /** Answers from these zones from now on. */
  replace(zones: readonly Zone[]): void {
    this.#zones = zones;
  }

  /**
   * `over` a datagram, a response has at most the size that the client can receive, and is marked as truncated if more is
   * to be said. Undefined for what deserves no response: a response, or less than a header.
   */
  respond(bytes: Uint8Array, over: "datagram" | "stream"): Response | undefined {
    // RFC 1035 §7.3: a response to a response could go on forever between two servers.
    if (bytes.length < HEADER || (bytes[2]! & QR) !== 0) return undefined;
    let query: Message;
    try {
      query = parseMessage(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { bytes: headerAlone(bytes, RCODES.FORMERR), query: undefined, rcode: RCODES.FORMERR, ttl: 0 };
    }
    const { rcode, isAuthoritative, answers, authorities, additionals } = this.#answer(query);
    const { edns } = query;
    const response: Message = {
      ...query,
      isResponse: true,
      isAuthoritative,
      isTruncated: false,
      recursionAvailable: false,
      authenticData: false,
      rcode,
      answers,
      authorities,
      additionals,
      // RFC 6891 §6.1.1: only for those who sent it, and always for them.
      edns: edns && { udpSize: MAX_UDP_RESPONSE, version: 0, dnssecOk: edns.dnssecOk, options: [] },
    };
    const limit = over === "stream" ? undefined : Math.min(edns?.udpSize ?? PLAIN_UDP_SIZE, MAX_UDP_RESPONSE);
    const ttls = (answers.length > 0 ? answers : authorities).map(({ ttl }) => ttl);
    return { bytes: emitMessage(response, limit), query, rcode, ttl: ttls.length === 0 ? 0 : Math.min(...ttls) };
  }

  #answer({ opcode, questions, edns }: Message): LookupResult {
    if (opcode !== QUERY) return failure(RCODES.NOTIMP);
    // RFC 6891 §6.1.3.
    if (edns !== undefined && edns.version !== 0) return failure(RCODES.BADVERS);
    const [question] = questions;
    // RFC 9619 §4: exactly one question.
    if (question === undefined || questions.length > 1) return failure(RCODES.FORMERR);
    const { name, type } = question;
    if (question.class !== RECORD_CLASSES.IN && question.class !== RECORD_CLASSES.ANY) return failure(RCODES.REFUSED);
    if (type === QUERY_TYPES.OPT) return failure(RCODES.FORMERR);
    // Zone transfers are not offered.
    if (type === QUERY_TYPES.AXFR || type === QUERY_TYPES.IXFR) return failure(RCODES.REFUSED);
    return lookup(this.#zones, name, type);
  }
}

const failure = (rcode: number): LookupResult => ({
  rcode,
  isAuthoritative: false,
  answers: [],
  authorities: [],
  additionals: [],
});

/** The query's header as a response's, without its sections, which could not be read. */
function headerAlone(query: Uint8Array, rcode: number): Uint8Array {
  const bytes = new Uint8Array(HEADER);
  bytes.set(query.subarray(0, 2));
  bytes[2] = QR | (query[2]! & (OPCODE | RD));
  bytes[3] = rcode;
  return bytes;
}
