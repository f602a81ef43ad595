/** Versions of QUIC and their differences. */

/** The constants of each version. */
export { type QuicVersion, VERSIONS } from "./table.ts";
/** Looks up versions; reserved versions. */
export {
  findVersion,
  isReservedVersion,
  preferredVersion,
  reservedVersion,
  supportedVersions,
  versionRow,
} from "./versions.ts";
