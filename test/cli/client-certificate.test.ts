/** `nagare get --cert`: a client certificate from files, as with curl. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Purpose } from "../../src/host/certificates/builder.ts";
import { makeCertificate } from "../../src/host/certificates/testing/make-certificate.ts";
import { makeAuthority } from "../../src/host/client/testing/certificates.ts";
import { createServer, type Server } from "../../src/node/server.ts";
import { run } from "./run.ts";

const servers = makeAuthority();
const clients = makeCertificate({ ca: true, subject: "Clients" });
const purposes = [Purpose.clientAuth];
const ada = makeCertificate({ subject: "ada", issuer: clients, purposes });
const eve = makeCertificate({ subject: "eve", issuer: clients, purposes });
let directory: string;
let server: Server;
let url: string;
const file = (name: string): string => join(directory, name);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "nagare-get-certificate-"));
  server = createServer(
    { ...servers.issue(), requestCert: true, ca: clients.cert, log: () => {} },
    ({ socket }, response) => {
      response.end((socket as TLSSocket).getPeerCertificate().subject.CN);
    },
  );
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `https://127.0.0.1:${(server.address() as { port: number }).port}/`;
  await writeFile(file("ca.pem"), servers.ca);
  await writeFile(file("ada.pem"), ada.cert);
  await writeFile(file("ada.key"), ada.key);
  await writeFile(file("both.pem"), `${ada.cert}\n${ada.key}`);
  await writeFile(file("eve.key"), eve.key);
});
afterAll(async () => {
  await new Promise((done) => server.close(done));
  await rm(directory, { recursive: true });
});

const get = (...args: string[]) => run(["get", "-k", ...args, url]);

test.each(["--http1.1", "--http2", "--http3-only"])("%s sends the certificate", async (version) => {
  const expected = { exitCode: 0, stdout: "ada", stderr: "" };
  expect(await get(version, "-E", file("ada.pem"), "--key", file("ada.key"))).toMatchObject(expected);
  expect(await get(version, "--cert", file("both.pem"))).toMatchObject(expected);
});

test("58 if the certificate or the key cannot be used, 2 if a key has no certificate", async () => {
  expect(await get("--cert", file("none.pem"))).toMatchObject({
    exitCode: 58,
    stderr: expect.stringContaining(`cannot read the certificate ${file("none.pem")}: there is no such file`),
  });
  expect(await get("--cert", file("ada.pem"), "--key", file("eve.key"))).toMatchObject({
    exitCode: 58,
    stderr: expect.stringContaining("does not belong to the certificate"),
  });
  expect(await get("--key", file("ada.key"))).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--cert") });
});
