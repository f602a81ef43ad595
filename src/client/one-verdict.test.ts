/** Certificates are verified the same way over TCP and QUIC: by host/certificates, not by Node. */
import { createServer } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { KeyUsage } from "../host/certificates/builder.ts";
import { createCertificateVerifier } from "../host/certificates/index.ts";
import { makeCertificate, type TestCertificate } from "../host/certificates/testing/make-certificate.ts";
import { createClient } from "./index.ts";

const root = makeCertificate({ subject: "Test Root", ca: true });
const names = ["localhost"];

function chainOf(length: number): TestCertificate {
  let issuer = root;
  for (let i = 0; i < length; i++) issuer = makeCertificate({ subject: `Authority ${i}`, ca: true, issuer });
  return makeCertificate({ names, issuer });
}

const CASES: Readonly<Record<string, TestCertificate>> = {
  "only a common name": makeCertificate({ subject: "localhost", issuer: root }),
  "an RSA key of 1024 bits": makeCertificate({ names, issuer: root, key: "rsa1024" }),
  "a key that is not for signing": makeCertificate({ names, issuer: root, usage: [KeyUsage.keyEncipherment] }),
  "a chain of a hundred certificates": chainOf(100),
  "another name": makeCertificate({ names: ["other.test"], issuer: root }),
  "two intermediates": chainOf(2),
};

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function overTcp(certificate: TestCertificate): Promise<unknown> {
  const server = createServer({ cert: certificate.certChain, key: certificate.key, ciphers: "DEFAULT@SECLEVEL=0" });
  server.on("secureConnection", (socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end("HTTP/1.1 204 No Content\r\n\r\n"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => server.close());
  const { port } = server.address() as { port: number };
  const client = createClient({ protocols: ["http/1.1"], ca: root.cert });
  closers.push(() => client.destroy());
  return client.fetch(`https://localhost:${port}/`).then(
    ({ status }) => status,
    (error: { cause?: { code?: string } }) => error.cause?.code,
  );
}

describe("the verdict over TCP is the same as over HTTP/3", () => {
  test.each(Object.entries(CASES))("on %s", async (name, certificate) => {
    const verifier = createCertificateVerifier({ ca: [root.cert] });
    const verdict = await verifier.verify(certificate.chain, "localhost", new Date());
    expect(await overTcp(certificate)).toBe(verdict.ok ? 204 : verdict.code);
    expect(verdict.ok).toBe(name === "two intermediates");
  });
});
