import { downloadCase } from "./download.ts";

export const hybrid = downloadCase({
  name: "hybrid",
  shows: "the peer sends a share of X25519MLKEM768 by default, in two datagrams, and our server uses it",
  protocol: "h3",
  needs: "hybrid",
  roles: ["server"],
  group: "x25519mlkem768",
  paths: (site) => [site.small],
});
