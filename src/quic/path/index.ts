/** A path: a path id, and what belongs to the packets numbered under it. */

/** The ids that we gave to the peer. */
export { type ConnectionIdRegistry, type IssuedConnectionId, LocalIds } from "./local-ids.ts";
/** The owner. */
export { PathSpace, type PathSpaceParts } from "./path-space.ts";
/** All paths of a connection. */
export { type PathChooser, Paths } from "./paths.ts";
/** The ids that the peer gave to us. */
export { RemoteIds } from "./remote-ids.ts";
