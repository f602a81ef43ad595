/** Files with private keys are never served, and look like missing files. */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { type Server, startServer } from "../server.ts";
import { VERSIONS } from "../testing/client.ts";
import type { TestClient } from "../testing/test-client.ts";
import { holdsPrivateKey } from "./private-key.ts";
import { FileService } from "./service.ts";

const { cert, key } = localhostIdentity;

let folder: string;
const place = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-keys-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a private key", () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  test.each([
    ["PKCS #8", "pem", privateKey.export({ type: "pkcs8", format: "pem" })],
    ["PKCS #1", "key", privateKey.export({ type: "pkcs1", format: "pem" })],
    [
      "encrypted PKCS #8",
      "PEM",
      privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "a" }),
    ],
    ["SEC 1", "p8", "-----BEGIN EC PRIVATE KEY-----\n"],
    ["after a chain of certificates", "crt", `${cert}${cert}${cert}${key}`],
    ["PKCS #12", "p12", "\x30\x82"],
  ])("is recognized: %s", (_name, extension, content) => {
    expect(holdsPrivateKey(place(`a.${extension}`, content))).toBe(true);
  });

  test("of OpenSSH, in a file without an extension, is recognized", () => {
    expect(holdsPrivateKey(place("id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n"))).toBe(true);
  });

  test("is not in certificates, public keys, presentations, and pages about keys", () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    expect(holdsPrivateKey(place("ca.pem", cert))).toBe(false);
    expect(holdsPrivateKey(place("public.pem", publicKey.export({ type: "spki", format: "pem" })))).toBe(false);
    expect(holdsPrivateKey(place("talk.key", "PK\x03\x04"))).toBe(false);
    expect(holdsPrivateKey(place("empty.pem", ""))).toBe(false);
    expect(holdsPrivateKey(place("page.html", `<pre>${key}</pre>`))).toBe(false);
  });
});

describe.each(VERSIONS)("over %s", (_version, open) => {
  let server: Server;
  let client: TestClient;
  const logged: string[] = [];

  beforeAll(async () => {
    place("key.pem", key);
    place("cert.pem", cert);
    symlinkSync(join(folder, "key.pem"), join(folder, "notes.txt"));
    const identities = [loadIdentity(localhostIdentity)] as const;
    const service = new FileService(folder, { listing: true, log: (line) => logged.push(line) });
    server = await startServer({ port: 0, host: "127.0.0.1", identities }, service);
    client = await open(server.url);
  });
  afterAll(async () => {
    client.close();
    await server.close({ timeout: 0 });
    rmSync(join(folder, "notes.txt"));
  });

  const ask = async (path: string, method: string, headers: Record<string, string> = {}) => {
    const response = await client.request({ path, method, headers }).response;
    const { date: _, "alt-svc": __, ...fields } = response.headers;
    return { status: response.status, fields, body: await response.text() };
  };

  test("a key is answered like a missing file, whatever the request and however it is named", async () => {
    for (const method of ["GET", "HEAD"]) {
      for (const headers of [{}, { range: "bytes=0-9" }, { "if-none-match": "*" }] as Record<string, string>[]) {
        const missing = await ask("/missing.pem", method, headers);
        expect(missing.status).toBe(404);
        for (const path of ["/key.pem", "/%6bey.pem", "/notes.txt"]) {
          expect(await ask(path, method, headers)).toEqual(missing);
        }
      }
    }
    expect((await ask("/cert.pem", "GET")).body).toBe(cert);
    expect(logged).toEqual(
      ["key.pem", "notes.txt"].map((name) => `nagare: ${join(folder, name)} is not served: it holds a private key`),
    );
  });

  test("a key is not listed", async () => {
    const { body } = await ask("/", "GET");
    expect(body).toContain("cert.pem");
    expect(body).not.toMatch(/key\.pem|notes\.txt/);
  });
});
