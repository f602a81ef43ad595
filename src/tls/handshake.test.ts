/** Our client against our server: what they agree on, and the order of their events. */

import { constants, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { GroupName, SignatureSchemeName } from "../crypto/engine.ts";
import { portableEngine } from "../crypto/portable/index.ts";
import { pureEngine } from "../crypto/pure/index.ts";
import { fromUtf8 } from "../wire/text.ts";
import type { CipherSuiteName } from "./cipher-suite.ts";
import { ALL_SIGNATURE_SCHEMES, CIPHER_SUITES, GROUPS } from "./code-points.ts";
import { EncryptionLevel, type TlsIdentity } from "./handshake.ts";
import { ed25519Identity, makeCertificate } from "./testing/identity.ts";
import { eventOf, Pair, secretsOf } from "./testing/pair.ts";

const HASHES: Record<SignatureSchemeName, string | null> = {
  ecdsa_secp256r1_sha256: "sha256",
  ecdsa_secp384r1_sha384: "sha384",
  ed25519: null,
  rsa_pss_rsae_sha256: "sha256",
  rsa_pss_rsae_sha384: "sha384",
  rsa_pss_rsae_sha512: "sha512",
};

const ecP256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ecP384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const ed25519 = generateKeyPairSync("ed25519");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });

const KEYS: Record<SignatureSchemeName, { publicKey: KeyObject; privateKey: KeyObject }> = {
  ecdsa_secp256r1_sha256: ecP256,
  ecdsa_secp384r1_sha384: ecP384,
  ed25519,
  rsa_pss_rsae_sha256: rsa,
  rsa_pss_rsae_sha384: rsa,
  rsa_pss_rsae_sha512: rsa,
};

function nodeIdentity(scheme: SignatureSchemeName): TlsIdentity {
  const { publicKey, privateKey } = KEYS[scheme];
  const padding = scheme.startsWith("rsa")
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {};
  return {
    chain: [makeCertificate(new Uint8Array(publicKey.export({ type: "spki", format: "der" })))],
    signer: {
      schemes: [scheme],
      sign: (requested, message) => {
        expect(requested).toBe(scheme);
        return new Uint8Array(sign(HASHES[scheme], message, { key: privateKey, ...padding }));
      },
    },
  };
}

/** Both sides complete, agree on everything, and hold matching secrets. */
function expectAgreement(pair: Pair) {
  expect(pair.isComplete).toBe(true);
  const clientResult = eventOf(pair.clientEvents, "complete")!;
  const serverResult = eventOf(pair.serverEvents, "complete")!;
  expect(serverResult).toEqual(clientResult);
  const mirrored = secretsOf(pair.clientEvents).map((secret) => ({
    ...secret,
    direction: secret.direction === "read" ? "write" : "read",
  }));
  const byPlace = (a: { level: number; direction: string }, b: { level: number; direction: string }) =>
    a.level - b.level || a.direction.localeCompare(b.direction);
  expect(mirrored).toHaveLength(4);
  expect(secretsOf(pair.serverEvents).sort(byPlace)).toEqual(mirrored.sort(byPlace));
  return clientResult;
}

describe("a handshake", () => {
  it("gives both sides the peer's transport parameters, then completes", () => {
    const pair = new Pair().run();
    const complete = expectAgreement(pair);
    expect(complete).toMatchObject({
      alpn: "h3",
      group: "x25519",
      serverName: "example.com",
      signatureScheme: "ed25519",
    });
    expect(fromUtf8(eventOf(pair.clientEvents, "peer-parameters")!.bytes)).toBe("from server");
    expect(fromUtf8(eventOf(pair.serverEvents, "peer-parameters")!.bytes)).toBe("from client");
  });

  it("releases secrets in the order in which QUIC may use them (RFC 9001 §5.7)", () => {
    const pair = new Pair().run();
    const eventOrder = (events: typeof pair.clientEvents) =>
      events.map((event) => (event.type === "secret" ? `${event.direction} ${event.level}` : event.type));
    expect(eventOrder(pair.clientEvents)).toEqual([
      `read ${EncryptionLevel.handshake}`,
      `write ${EncryptionLevel.handshake}`,
      "peer-parameters",
      "verify-certificate",
      `write ${EncryptionLevel.oneRtt}`,
      `read ${EncryptionLevel.oneRtt}`,
      "complete",
    ]);
    expect(eventOrder(pair.serverEvents)).toEqual([
      "peer-parameters",
      `write ${EncryptionLevel.handshake}`,
      `read ${EncryptionLevel.handshake}`,
      `write ${EncryptionLevel.oneRtt}`,
      `read ${EncryptionLevel.oneRtt}`,
      "complete",
    ]);
  });

  const suites = Object.keys(CIPHER_SUITES) as CipherSuiteName[];
  const groups = Object.keys(GROUPS) as GroupName[];
  for (const engine of [portableEngine, pureEngine]) {
    describe(`on the ${engine.name} engine`, () => {
      for (const suite of suites) {
        for (const group of groups) {
          it(`completes with ${suite} and ${group}, and every signature scheme`, () => {
            for (const scheme of ALL_SIGNATURE_SCHEMES) {
              const pair = new Pair({
                client: { engine, cipherSuites: [suite], groups: [group] },
                server: { engine: portableEngine, selectIdentity: () => nodeIdentity(scheme) },
              }).run();
              const complete = expectAgreement(pair);
              expect(complete).toMatchObject({ suite: { name: suite }, group, signatureScheme: scheme });
            }
          });
        }
      }
    });
  }

  it("gives the same bytes for the same seeds", () => {
    const first = new Pair().run();
    const second = new Pair().run();
    expect(first.toClient).toEqual(second.toClient);
    expect(first.toServer).toEqual(second.toServer);
    expect(secretsOf(first.clientEvents)).toEqual(secretsOf(second.clientEvents));
  });

  it("works wherever messages are split", () => {
    const whole = new Pair().run();
    for (const chunk of [1, 2, 3, 5, 7, 64, 1000]) {
      const pair = new Pair({ chunk }).run();
      expectAgreement(pair);
      expect(pair.clientEvents).toEqual(whole.clientEvents);
    }
  });
});

describe("the choice of identity", () => {
  it("depends on the requested name and on what the client can verify", () => {
    const requested: unknown[] = [];
    const pair = new Pair({
      client: { serverName: "two.example" },
      server: {
        selectIdentity: (name, schemes) => {
          requested.push(name, schemes);
          return ed25519Identity(name === "two.example" ? 2 : 1);
        },
      },
    }).run();
    expect(requested).toEqual(["two.example", ALL_SIGNATURE_SCHEMES]);
    expect(eventOf(pair.clientEvents, "verify-certificate")).toMatchObject({
      serverName: "two.example",
      chain: ed25519Identity(2).chain,
    });
  });

  it("omits the trailing dot of a name (RFC 6066 §3)", () => {
    const pair = new Pair({ client: { serverName: "example.com." } }).run();
    expect(eventOf(pair.serverEvents, "complete")!.serverName).toBe("example.com");
  });

  for (const literal of ["127.0.0.1", "::1", "2001:db8::7"]) {
    it(`does not send the literal address ${literal} (RFC 6066 §3)`, () => {
      const pair = new Pair({ client: { serverName: literal } }).run();
      expect(eventOf(pair.serverEvents, "complete")!.serverName).toBeUndefined();
      expect(eventOf(pair.clientEvents, "verify-certificate")!.serverName).toBe(literal);
    });
  }
});
