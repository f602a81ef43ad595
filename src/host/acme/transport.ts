/** One HTTPS request to an authority: bounded in time and size, never redirected. */

import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { rootCertificates } from "node:tls";
import { ignore } from "../guard.ts";
import { AcmeError } from "./errors.ts";

const TIMEOUT = 30_000;
const MAX_BODY = 1 << 20;

export interface AcmeResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface AcmeRequest {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: string;
  readonly accept?: string | undefined;
  /** A JWS. */
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class AcmeTransport {
  readonly #agent: Agent;

  /** `ca` is trusted in addition to Node's roots: PEM. */
  constructor(ca?: string) {
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 4,
      ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
    });
  }

  /** Rejects with an `AcmeError` if there is no response. */
  async send(request: AcmeRequest): Promise<AcmeResponse> {
    const url = URL.canParse(request.url) ? new URL(request.url) : undefined;
    // RFC 8555 §6.1: HTTPS only. The address comes from the authority, so it could be anything.
    if (url?.protocol !== "https:") {
      throw new AcmeError("ACME_AUTHORITY_FAILED", `${request.url.slice(0, 200)} is not an https URL`);
    }
    const limit = AbortSignal.timeout(TIMEOUT);
    const signal = request.signal === undefined ? limit : AbortSignal.any([request.signal, limit]);
    try {
      return await this.#exchange(url, request, signal);
    } catch (cause) {
      if (request.signal?.aborted === true) throw request.signal.reason;
      if (cause instanceof AcmeError) throw cause;
      const why = limit.aborted ? `no answer within ${TIMEOUT / 1_000} s` : reasonOf(cause as NodeJS.ErrnoException);
      throw new AcmeError("ACME_AUTHORITY_UNREACHABLE", `${url.host} cannot be reached: ${why}`, { cause });
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #exchange(url: URL, { method, accept, body }: AcmeRequest, signal: AbortSignal): Promise<AcmeResponse> {
    const request = httpsRequest(url, {
      method,
      agent: this.#agent,
      signal,
      headers: {
        // RFC 8555 §6.1
        "user-agent": "nagare",
        "accept-language": "en",
        accept: accept ?? "application/json, application/problem+json",
        ...(body === undefined
          ? {}
          : { "content-type": "application/jose+json", "content-length": Buffer.byteLength(body) }),
      },
    });
    request.on("error", ignore); // awaited below; later ones end the body
    request.end(body);
    const [response] = (await once(request, "response", { signal })) as [import("node:http").IncomingMessage];
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BODY) {
        request.destroy();
        throw new AcmeError("ACME_AUTHORITY_FAILED", `${url.host} sends more than ${MAX_BODY} bytes`);
      }
      chunks.push(chunk);
    }
    return { status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString("utf8") };
  }
}

/** The code, and the words for the common ones. */
function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ECONNREFUSED") return "the connection is refused";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "its name cannot be resolved";
  if (code === "ECONNRESET") return "the connection was reset";
  if (code === undefined) return message;
  const isTrust = /CERT|SELF_SIGNED|UNABLE_TO/.test(code);
  return isTrust ? `its certificate is not trusted (${code}); set ca to its authority` : `${message || code}`;
}

/** The time that Retry-After names (RFC 9110 §10.2.3), at most a year ahead. */
export function retryAfter({ headers }: Pick<AcmeResponse, "headers">, now: number): Date | undefined {
  const value = headers["retry-after"];
  if (value === undefined) return undefined;
  const time = /^\d{1,9}$/.test(value) ? now + Number(value) * 1_000 : Date.parse(value);
  const YEAR = 366 * 86_400_000;
  return Number.isNaN(time) ? undefined : new Date(Math.min(time, now + YEAR));
}

/** The targets of Link fields with a relation (RFC 8288). */
export function linksOf({ headers }: Pick<AcmeResponse, "headers">, relation: string): string[] {
  const fields = headers.link === undefined ? [] : [headers.link].flat();
  return fields
    .flatMap((field) => [...field.matchAll(/<([^>]*)>([^<]*)/g)])
    .filter(([, , parameters]) => new RegExp(`;\\s*rel="?${relation}"?`, "i").test(parameters!))
    .map(([, target]) => target!);
}
