// The options that name a client certificate: --cert, --key and --pass, as in curl.
import type { ClientOptions } from "../../client/index.ts";
import { loadIdentityFiles } from "../../host/certificates/identity.ts";
import { CliError, describe, usageError } from "../fail.ts";
import { CURL } from "./exit-codes.ts";

export interface CertificateFlags {
  readonly cert?: string;
  readonly key?: string;
  readonly pass?: string;
}

/** The key may be in the certificate's file. Rejects if the two cannot be used. */
export async function clientCertificate({ cert, key, pass }: CertificateFlags): Promise<Partial<ClientOptions>> {
  if (cert === undefined) {
    const option = key !== undefined ? "--key" : pass !== undefined ? "--pass" : undefined;
    if (option !== undefined) throw usageError(`${option} needs --cert`, "name the certificate's file with --cert");
    return {};
  }
  const files = { certFile: cert, keyFile: key ?? cert, ...(pass === undefined ? {} : { passphrase: pass }) };
  try {
    const identity = await loadIdentityFiles(files);
    return { cert: identity.cert, key: identity.key };
  } catch (error) {
    const { code, message, hint } = describe(error);
    throw new CliError(code, message, { exitCode: CURL.ownCertificate, hint, cause: error });
  }
}
