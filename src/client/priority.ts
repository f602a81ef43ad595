// The priority of a request (RFC 9218), in the words of the Fetch standard or as members.
import { asClientError } from "../host/client/errors.ts";
import { emitPriority, type PartialPriority } from "../http/priority/index.ts";

/**
 * A priority: "high" is urgency 1, "low" is urgency 5, and "auto" is the default. As members: `urgency` from 0, the most urgent,
 * to 7, and `incremental`, true if the response is useful piece by piece.
 */
export type RequestPriority = "high" | "low" | "auto" | PartialPriority;

const WORDS: Readonly<Record<string, PartialPriority>> = { high: { urgency: 1 }, low: { urgency: 5 }, auto: {} };

/** The members of a priority. Throws a ClientError if there is no such priority. */
export function priorityMembers(given: RequestPriority): PartialPriority {
  const members = typeof given === "string" ? WORDS[given] : given;
  try {
    if (members === undefined) throw new RangeError(`unknown priority "${given}"`);
    emitPriority(members);
  } catch (error) {
    throw asClientError(error, "REQUEST_INVALID", "the priority cannot be sent");
  }
  return members;
}

/** Sets the field of a request, or removes it if nothing is set. */
export function setPriority(headers: Headers, given: RequestPriority): void {
  const value = emitPriority(priorityMembers(given));
  if (value === "") headers.delete("priority");
  else headers.set("priority", value);
}
