/** What an origin of the rolling restart does: it counts and digests what is uploaded. */

import { createHash } from "node:crypto";

export async function digestOf(request: Request): Promise<Response> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    hash.update(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).byteLength;
  }
  return new Response(`${bytes} ${hash.digest("hex")}`);
}
