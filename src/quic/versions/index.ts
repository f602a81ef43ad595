/** Versions of QUIC, their differences, and the choice between them. */

/** Chooses a version. */
export { chooseCompatible, firstCommon, isCompatible, withReserved } from "./negotiation.ts";
/** The constants of each version. */
export { type QuicVersion, VERSION_1, VERSION_2, VERSIONS } from "./table.ts";
/** Looks up versions; reserved versions. */
export {
  findVersion,
  isReservedVersion,
  preferredVersion,
  reservedVersion,
  supportedVersions,
  versionRow,
} from "./versions.ts";
