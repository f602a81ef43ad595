/** Versions of QUIC: what differs between them. */

/** The constants of each version. */
export { type QuicVersion, VERSIONS } from "./table.ts";
/** Looking one up; reserved versions. */
export {
  findVersion,
  isReservedVersion,
  preferredVersion,
  reservedVersion,
  supportedVersions,
  versionRow,
} from "./versions.ts";
