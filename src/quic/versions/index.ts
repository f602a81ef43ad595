/** Versions of QUIC: what differs between them. */

/** The constants of each version, and the number of version 1. */
export { QUIC_V1, type QuicVersion, VERSIONS } from "./table.ts";
/** Looking one up; reserved versions. */
export {
  findVersion,
  isReservedVersion,
  reservedVersion,
  supportedVersions,
  versionRow,
} from "./versions.ts";
