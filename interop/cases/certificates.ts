/** Certificates that must be refused, each with a message that says which fault it was. */

import { CLIENT_ERRORS, ClientError, type ClientErrorCode } from "../../src/client/index.ts";
import type { Case } from "../case.ts";
import type { CertificateFiles, TestIdentity } from "../certificates.ts";
import { ownDownload } from "../own-client.ts";

interface Fault {
  readonly name: string;
  files(identity: TestIdentity): CertificateFiles;
  readonly code: ClientErrorCode;
  /** What the message has to say. */
  readonly says: RegExp;
}

const FAULTS: readonly Fault[] = [
  {
    name: "unknown-authority",
    files: (identity) => identity.unknownAuthority,
    code: "CERTIFICATE_UNKNOWN_AUTHORITY",
    says: /authority.*not trust/,
  },
  {
    name: "wrong-name",
    files: (identity) => identity.wrongName,
    code: "CERTIFICATE_WRONG_NAME",
    says: /other\.test.*not peer\.test/,
  },
  { name: "expired", files: (identity) => identity.expired, code: "CERTIFICATE_EXPIRED", says: /expired/ },
];

const refusal = (fault: Fault): Case => ({
  name: fault.name,
  roles: ["client"],
  unsupported: (peer) => (peer.server?.features.has("certificates") === true ? undefined : "the peer is no server"),
  async run(peer, _role, cell) {
    await using server = await peer.server!.start(fault.files(cell.identity), cell);
    try {
      await ownDownload({ port: server.port, paths: [cell.site.small], protocol: "h3" }, cell);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      if (error.code !== fault.code) throw new Error(`${error.code} (${CLIENT_ERRORS[error.code]}): ${error.message}`);
      if (!fault.says.test(error.message)) throw new Error(`the message does not say it: ${error.message}`);
      return `refused: ${error.message}`;
    }
    throw new Error("accepted");
  },
});

export const CERTIFICATE_CASES: readonly Case[] = FAULTS.map(refusal);
