/** A path id and everything that belongs to the packets numbered under it. */

/** The connection ids that we issued. */
export { type ConnectionIdRegistry, type IssuedConnectionId, LocalIds } from "./local-ids.ts";
/** The path itself. */
export { PathSpace, type PathSpaceParts } from "./path-space.ts";
/** All paths of a connection. */
export { type PathChooser, Paths } from "./paths.ts";
/** The connection ids that the peer issued. */
export { RemoteIds } from "./remote-ids.ts";
