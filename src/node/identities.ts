/** A server's certificates, in the forms that https.createServer and `serve` accept. */
import { type Identity, type IdentitySource, loadIdentity } from "../host/certificates/identity.ts";
import { identityOfPfx } from "../host/certificates/pkcs12.ts";
import { ServeError } from "../host/listen/errors.ts";

/** PEM as text or bytes. */
export type Pem = string | Uint8Array;

/** Certificates and keys, in the shapes of `https.createServer`. */
export interface CertificateOptions {
  /** PEM: the server's certificate, then its chain. An array pairs with an array of keys. */
  readonly cert?: Pem | readonly Pem[];
  /** PEM, optionally encrypted with `passphrase`. */
  readonly key?: Pem | readonly (Pem | { readonly pem: Pem; readonly passphrase?: string })[];
  /** PKCS #12: certificate, chain and key, encrypted with `passphrase` or their own. */
  readonly pfx?: Pem | readonly (Pem | { readonly buf: Pem; readonly passphrase?: string })[];
  readonly passphrase?: string;
  /** One certificate with its key, or one for each name. Clients that send no known name get the first. */
  readonly tls?: IdentitySource | readonly IdentitySource[];
}

/** Returns an empty list without a certificate. Throws an `IdentityError`, or a `ServeError` if options conflict. */
export function identitiesOf(options: CertificateOptions): readonly Identity[] {
  const { cert, key, pfx, passphrase, tls } = options;
  if ((cert === undefined) !== (key === undefined)) {
    throw new ServeError(
      "OPTION_INVALID",
      `${cert === undefined ? "key without cert" : "cert without key"}: give both`,
    );
  }
  const certs = listOf(cert);
  const keys = listOf(key as Pem | readonly Pem[] | undefined);
  if (certs.length !== keys.length) {
    throw new ServeError("OPTION_INVALID", `${certs.length} certificates and ${keys.length} keys: give one for each`);
  }
  const pairs = certs.map((each, index): IdentitySource => {
    const given = keys[index] as Pem | { readonly pem: Pem; readonly passphrase?: string };
    const { pem, passphrase: own } = isPem(given) ? { pem: given, passphrase: undefined } : given;
    const secret = own ?? passphrase;
    return { cert: each, key: pem, ...(secret === undefined ? {} : { passphrase: secret }) };
  });
  const files = (pfx === undefined ? [] : isPem(pfx) ? [pfx] : pfx).map((given): IdentitySource => {
    const { buf, passphrase: own = passphrase } = isPem(given) ? { buf: given } : given;
    return identityOfPfx(typeof buf === "string" ? Buffer.from(buf, "latin1") : buf, own);
  });
  return [...pairs, ...files, ...(tls === undefined ? [] : [tls].flat())].map((source) =>
    loadIdentity(source as IdentitySource),
  );
}

/** Adds identities for a name. The first identity stays the default. */
export function withName(
  identities: readonly Identity[],
  hostname: string,
  added: readonly Identity[],
): readonly Identity[] {
  const name = hostname.toLowerCase();
  const others = identities.flatMap((identity, i) => {
    if (!identity.names.includes(name)) return [identity];
    const names = identity.names.filter((each) => each !== name);
    return names.length === 0 && i > 0 ? [] : [{ ...identity, names }];
  });
  return [...others, ...added.map((identity) => ({ ...identity, names: [name] }))];
}

const listOf = (value: Pem | readonly Pem[] | undefined): readonly Pem[] => {
  if (value === undefined) return [];
  return isPem(value) ? [value] : value;
};

const isPem = (value: unknown): value is Pem => typeof value === "string" || value instanceof Uint8Array;
