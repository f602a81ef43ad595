/** The certificates of the sites in a configuration. */

import type { CertificateSource } from "../../host/certificates/certificates.ts";
import type { ValidConfig } from "../config/schema.ts";

/** Without sites that name a certificate, one for development. The first source is the default one. */
export async function certificateSources({
  sites,
}: ValidConfig): Promise<readonly [CertificateSource, ...CertificateSource[]]> {
  const files = new Map<string, CertificateSource>();
  const names: string[] = [];
  for (const [name, { tls }] of Object.entries(sites)) {
    if (tls === "development") names.push(...(name === "*" || name === "localhost" ? [] : [name]));
    else if (tls !== undefined) files.set(JSON.stringify(tls), withoutUndefined(tls));
  }
  const given = [...files.values()];
  const needsDevelopment = given.length === 0 || Object.values(sites).some(({ tls }) => tls === "development");
  const [first, ...others] = [...given, ...(needsDevelopment ? [await developmentSource(names)] : [])];
  return [first!, ...others];
}

/** True if no site has a certificate that others than this machine's user would accept. */
export const isDevelopment = ({ sites }: ValidConfig): boolean =>
  Object.values(sites).every(({ tls }) => tls === undefined || tls === "development");

async function developmentSource(names: readonly string[]): Promise<CertificateSource> {
  const { developmentIdentity } = await import("../../host/certificates/development.ts");
  const { cert, key } = await developmentIdentity({ names });
  return { cert, key };
}

const withoutUndefined = ({
  passphrase,
  ...files
}: {
  certFile: string;
  keyFile: string;
  passphrase?: string | undefined;
}) => (passphrase === undefined ? files : { ...files, passphrase });
