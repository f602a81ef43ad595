import { downloadCase } from "./download.ts";

/** The peer sends a share of X25519MLKEM768 by default, in a ClientHello of two datagrams, and our server prefers it. */
export const hybrid = downloadCase({
  name: "hybrid",
  protocol: "h3",
  needs: "hybrid",
  roles: ["server"],
  group: "x25519mlkem768",
  paths: (site) => [site.small],
});
