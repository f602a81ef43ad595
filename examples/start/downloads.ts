// The downloads of the race: incompressible bytes, generated once and kept in memory, so that no disk is involved.
import { randomBytes } from "node:crypto";

const LARGE = 16 << 20;
const SMALL = 20_000;

const bytes = randomBytes(LARGE);

/** Serves /download/large, and /download/small/N with N from 0. */
export function download(pathname: string): Response {
  const small = /^\/download\/small\/(\d{1,2})$/.exec(pathname);
  const body =
    pathname === "/download/large"
      ? bytes
      : small === null
        ? undefined
        : bytes.subarray(Number(small[1]) * SMALL, (Number(small[1]) + 1) * SMALL);
  if (body === undefined) return new Response("Not Found\n", { status: 404 });
  return new Response(body, {
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(body.byteLength),
      "cache-control": "no-store",
    },
  });
}
