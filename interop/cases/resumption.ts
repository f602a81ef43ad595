import { millis } from "../../src/base/time.ts";
import { downloadCase, type Link } from "./download.ts";

/** As in the public runner. Without a delay, a server can finish the handshake before a client writes its request. */
const DELAYED: Link = { up: { delay: millis(15) }, down: { delay: millis(15) } };

export const resumption = downloadCase({
  name: "resumption",
  shows: "the second of two connections resumes the session of the first, without a certificate (RFC 8446 §2.2)",
  protocol: "h3",
  needs: "resumption",
  resume: "session",
  paths: (site) => [site.medium],
});

export const zeroRtt = downloadCase({
  name: "zerortt",
  shows: "it also sends its request in 0-RTT data, which the server accepts (RFC 9001 §4.6)",
  protocol: "h3",
  needs: "early-data",
  resume: "early",
  link: DELAYED,
  paths: (site) => [site.medium],
});
