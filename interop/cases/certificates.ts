/** Certificates that must be rejected, each with a message that names the fault. */

import { CLIENT_ERRORS, ClientError, type ClientErrorCode } from "../../src/client/index.ts";
import type { Case } from "../case.ts";
import type { CertificateFiles, TestIdentity } from "../certificates.ts";
import { ownDownload } from "../own-client.ts";

interface Fault {
  readonly name: string;
  readonly shows: string;
  files(identity: TestIdentity): CertificateFiles;
  readonly code: ClientErrorCode;
  /** The required content of the message. */
  readonly expected: RegExp;
}

const FAULTS: readonly Fault[] = [
  {
    name: "unknown-authority",
    shows: "a certificate of an authority that is not trusted is refused, and the message says so",
    files: (identity) => identity.unknownAuthority,
    code: "CERTIFICATE_UNKNOWN_AUTHORITY",
    expected: /authority.*not trust/,
  },
  {
    name: "wrong-name",
    shows: "a certificate for another name is refused, and the message names both",
    files: (identity) => identity.wrongName,
    code: "CERTIFICATE_WRONG_NAME",
    expected: /other\.test.*not peer\.test/,
  },
  {
    name: "expired",
    shows: "an expired certificate is refused, and the message names the date",
    files: (identity) => identity.expired,
    code: "CERTIFICATE_EXPIRED",
    expected: /expired/,
  },
];

const refusal = (fault: Fault): Case => ({
  name: fault.name,
  shows: fault.shows,
  roles: ["client"],
  isOursOnly: true,
  unsupported: ({ peer }) =>
    peer.server?.features.has("certificates") === true ? undefined : "the peer is not a server",
  async run({ peer }, cell) {
    await using server = await peer.server!.start(fault.files(cell.identity), cell);
    try {
      await ownDownload({ port: server.port, paths: [cell.site.small], protocol: "h3" }, cell);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      if (error.code !== fault.code) throw new Error(`${error.code} (${CLIENT_ERRORS[error.code]}): ${error.message}`);
      if (!fault.expected.test(error.message)) throw new Error(`the message does not name the fault: ${error.message}`);
      return `refused: ${error.message}`;
    }
    throw new Error("accepted");
  },
});

export const CERTIFICATE_CASES: readonly Case[] = FAULTS.map(refusal);
