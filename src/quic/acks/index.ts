/** Acknowledges received packets (RFC 9000 §13.2). */

export { AckRequests } from "./ack-requests.ts";
export { AckTracker, type AckTrackerOptions, MAX_ACK_RANGES } from "./ack-tracker.ts";
