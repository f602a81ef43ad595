/** Default trust: Node's roots, NODE_EXTRA_CA_CERTS, the system's list. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseX509 } from "./certificate.ts";
import { makeCertificate } from "./testing/make-certificate.ts";

const root = makeCertificate({ subject: "Extra Root", ca: true });
const leaf = makeCertificate({ names: ["a.test"], issuer: root });

describe("the default authorities", () => {
  let directory: string;
  let file: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "nagare-test-"));
    file = join(directory, "ca.pem");
    await writeFile(file, `# a comment\n${root.cert}`);
    // The lists are cached for the life of the process; reset them for each test.
    vi.resetModules();
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  });

  it("are Node's own, and those of NODE_EXTRA_CA_CERTS", async () => {
    vi.stubEnv("NODE_EXTRA_CA_CERTS", file);
    const { createCertificateVerifier } = await import("./verify.ts");
    const { bundledTrust } = await import("./trust.ts");
    expect(await createCertificateVerifier().verify(leaf.chain, "a.test", new Date())).toEqual({ ok: true });
    const trust = await bundledTrust();
    const { certificatesOfPem } = await import("./pem.ts");
    for (const pem of tls.rootCertificates) {
      const certificate = parseX509(certificatesOfPem(pem)[0]!);
      expect(trust.has(certificate)).toBe(true);
      expect(trust.withSubject(certificate.subject).length).toBeGreaterThan(0);
    }
  });

  it("omit an unreadable NODE_EXTRA_CA_CERTS, with a warning", async () => {
    vi.stubEnv("NODE_EXTRA_CA_CERTS", join(directory, "missing.pem"));
    const warning = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const { createCertificateVerifier } = await import("./verify.ts");
    const verdict = await createCertificateVerifier().verify(leaf.chain, "a.test", new Date());
    expect(verdict).toMatchObject({ ok: false, code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    expect(warning).toHaveBeenCalledWith(expect.stringContaining("missing.pem"));
    warning.mockRestore();
  });

  it('are the system\'s with ca: "system"', async () => {
    vi.stubEnv("SSL_CERT_FILE", file);
    const { createCertificateVerifier } = await import("./verify.ts");
    const verdict = await createCertificateVerifier({ ca: "system" }).verify(leaf.chain, "a.test", new Date());
    expect(verdict).toEqual({ ok: true });
  });
});
