/** Tokens that `jose` signs, by each kind of key file. */

import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LiveAnswer } from "./options.ts";
import { liveTokens } from "./tokens.ts";

const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" });
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
const secret = new Uint8Array(32).fill(7);
const jwk = { ...elliptic.publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256" };
const pem = elliptic.publicKey.export({ format: "pem", type: "spki" }).toString();

const FILES = {
  "a JWK": JSON.stringify(jwk),
  "a JWK set": JSON.stringify({ keys: [jwk] }),
  "a PEM key": pem,
  "a shared secret": JSON.stringify({ kty: "oct", k: Buffer.from(secret).toString("base64url") }),
};
type FileName = keyof typeof FILES;
const names = Object.keys(FILES) as FileName[];

let directory: string;
const path = (name: string): string => join(directory, name.replaceAll(" ", "-"));

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nagare-tokens-"));
  for (const name of names) await writeFile(path(name), FILES[name]);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const CLAIMS = { root: "live", put: ["room"], get: ["room", "hall"] };

function sign(key: KeyObject | Uint8Array, alg: string, expires: number | string = "1h"): Promise<string> {
  return new SignJWT(CLAIMS)
    .setProtectedHeader({ alg, kid: "one" })
    .setAudience("us")
    .setExpirationTime(expires)
    .sign(key);
}

async function ask(name: FileName, token: string | undefined, audience?: string): Promise<LiveAnswer> {
  const authorize = await liveTokens({ keyFile: path(name), audience });
  return authorize({ url: "/", headers: new Headers(), remoteAddress: "127.0.0.1", token });
}

describe.each(names)("%s", (name) => {
  const isShared = name === "a shared secret";
  const good = (expires?: number): Promise<string> =>
    isShared ? sign(secret, "HS256", expires) : sign(elliptic.privateKey, "ES256", expires);

  test("grants what its tokens say", async () => {
    expect(await ask(name, await good())).toEqual({
      publish: ["live/room"],
      subscribe: ["live/room", "live/hall"],
      expires: expect.any(Number),
    });
    expect(await ask(name, await good(), "us")).toMatchObject({ publish: ["live/room"] });
  });

  test("refuses no token, an expired or foreign one, another audience, and garbage", async () => {
    const foreign = isShared
      ? sign(
          secret.map(() => 8),
          "HS256",
        )
      : sign(other.privateKey, "ES256");
    expect(await ask(name, undefined)).toBe(false);
    expect(await ask(name, await good(1_000))).toBe(false);
    expect(await ask(name, await foreign)).toBe(false);
    expect(await ask(name, await good(), "them")).toBe(false);
    expect(await ask(name, "not.a.token")).toBe(false);
  });
});

test("a public key is not taken for a shared secret", async () => {
  for (const name of ["a JWK", "a JWK set", "a PEM key"] as const) {
    expect(await ask(name, await sign(new TextEncoder().encode(pem), "HS256"))).toBe(false);
  }
});

test.each([
  ["a file that is not there", undefined, "cannot read"],
  ["a file that is no key", "nothing", "is no JWK, JWK set or PEM key"],
  ["an object that is no key", "{}", "is no JWK, JWK set or PEM key"],
])("%s is an error that names it", async (name, content, message) => {
  if (content !== undefined) await writeFile(path(name), content);
  await expect(liveTokens({ keyFile: path(name) })).rejects.toThrow(message);
});
