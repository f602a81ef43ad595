// DNS over HTTPS (RFC 8484): one message per POST, by any fetch.
import { DohError } from "./errors.ts";
import type { Carry } from "./exchange.ts";

export interface DohInit {
  readonly method: "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly signal: AbortSignal;
}

/** A message has at most 64 KiB. */
const MAX_MESSAGE = 65_535;
const MEDIA_TYPE = "application/dns-message";

/** Carries messages by a fetch. The promises reject with a `DohError` if the response holds no message. */
export function httpsCarrier(fetch: (url: string, init: DohInit) => Promise<Response>): Carry {
  return async ({ address, port, name, path = "/dns-query" }, message, signal) => {
    const host = name ?? (address.includes(":") ? `[${address}]` : address);
    const response = await fetch(`https://${host}:${port}${path}`, {
      method: "POST",
      headers: { accept: MEDIA_TYPE, "content-type": MEDIA_TYPE },
      body: Uint8Array.from(message),
      signal,
    });
    const type = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
    const problem = problemOf(response, type);
    if (problem === undefined) return readBody(response);
    await response.body?.cancel();
    throw problem;
  };
}

function problemOf({ ok, status }: Response, type: string | undefined): DohError | undefined {
  // RFC 8484 §4.2.1: the status says nothing about the records.
  if (!ok) return new DohError("DOH_STATUS", `the server responded ${status}`);
  if (type === MEDIA_TYPE) return undefined;
  // RFC 8484 §4.2: a client must understand the content before it uses it.
  return new DohError("DOH_MEDIA_TYPE", `the server sent ${type ?? "content without a type"}, not ${MEDIA_TYPE}`);
}

async function readBody(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MAX_MESSAGE) throw new DohError("DOH_TOO_LONG", "the response is longer than a message may be");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
