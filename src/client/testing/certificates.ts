// Certificates for tests: an authority, and whatever it should or should not have issued.
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";

export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** PEM. */
  readonly ca: string;
  issue(options?: { names?: readonly string[]; notBefore?: Date; notAfter?: Date }): Promise<Issued>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const DAY = 86_400_000;

export async function makeAuthority(commonName = "Test Authority"): Promise<Authority> {
  pkijs.setEngine("node", new pkijs.CryptoEngine({ name: "node", crypto: webcrypto as never }));
  const keys = await generateKeys();
  const own = await certificate(commonName, keys.publicKey, commonName, keys.privateKey, [], validity(), true);
  return {
    ca: pem("CERTIFICATE", own),
    async issue({ names = ["localhost", "127.0.0.1", "::1"], ...dates } = {}) {
      const leaf = await generateKeys();
      const der = await certificate(
        names[0]!,
        leaf.publicKey,
        commonName,
        keys.privateKey,
        names,
        validity(dates),
        false,
      );
      const pkcs8 = new Uint8Array(await webcrypto.subtle.exportKey("pkcs8", leaf.privateKey));
      return { cert: pem("CERTIFICATE", der), key: pem("PRIVATE KEY", pkcs8) };
    },
  };
}

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

function validity(dates: Partial<Validity> = {}): Validity {
  return { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + DAY), ...dates };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;
}

async function certificate(
  subject: string,
  publicKey: webcrypto.CryptoKey,
  issuer: string,
  issuerKey: webcrypto.CryptoKey,
  names: readonly string[],
  { notBefore, notAfter }: Validity,
  isAuthority: boolean,
): Promise<Uint8Array> {
  const made = new pkijs.Certificate();
  made.version = 2;
  made.serialNumber = new asn1js.Integer({ valueHex: webcrypto.getRandomValues(new Uint8Array(8)).buffer });
  made.subject.typesAndValues.push(named(subject));
  made.issuer.typesAndValues.push(named(issuer));
  made.notBefore.value = notBefore;
  made.notAfter.value = notAfter;
  const constraints = new pkijs.BasicConstraints({ cA: isAuthority });
  made.extensions = [extension("2.5.29.19", constraints.toSchema().toBER(), true, constraints)];
  if (names.length > 0) {
    const altNames = new pkijs.GeneralNames({ names: names.map(generalName) });
    made.extensions.push(extension("2.5.29.17", altNames.toSchema().toBER(), false, altNames));
  }
  await made.subjectPublicKeyInfo.importKey(publicKey as never);
  await made.sign(issuerKey as never, "SHA-256");
  return new Uint8Array(made.toSchema(true).toBER());
}

function named(commonName: string): pkijs.AttributeTypeAndValue {
  return new pkijs.AttributeTypeAndValue({ type: "2.5.4.3", value: new asn1js.Utf8String({ value: commonName }) });
}

function extension(extnID: string, extnValue: ArrayBuffer, critical: boolean, parsedValue: unknown): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical, extnValue, parsedValue: parsedValue as never });
}

function generalName(name: string): pkijs.GeneralName {
  const family = isIP(name);
  if (family === 0) return new pkijs.GeneralName({ type: 2, value: name });
  return new pkijs.GeneralName({ type: 7, value: new asn1js.OctetString({ valueHex: addressBytes(name, family) }) });
}

function addressBytes(address: string, family: number): ArrayBuffer {
  if (family === 4) return new Uint8Array(address.split(".").map(Number)).buffer;
  if (address !== "::1") throw new Error("of IPv6 addresses, only ::1 is ever needed here");
  return new Uint8Array([...new Array(15).fill(0), 1]).buffer;
}

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
