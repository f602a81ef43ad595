/** Acknowledging what is received (RFC 9000 §13.2). */

/** What one packet number space has received, and when to say so. */
export { AckTracker, type AckTrackerOptions, MAX_ACK_RANGES } from "./ack-tracker.ts";
