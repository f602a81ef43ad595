// A load generator over HTTP/3, HTTP/2 and HTTP/1.1.

export { LoadGenerator, type LoadOptions } from "./generator.ts"; // runs a plan
export { type LoadError, type LoadProgress, type LoadReport, perSecond } from "./tally.ts"; // what it counted
