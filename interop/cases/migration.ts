import { downloadCase } from "./download.ts";

/** The client changes its address during the download, with path validation (RFC 9000 §9). */
export const migration = downloadCase({
  name: "migration",
  protocol: "h3",
  needs: "migration",
  moves: "on purpose",
  paths: (site) => [site.medium],
});

/** The client's address changes before its request, as behind a NAT. */
export const rebinding = downloadCase({
  name: "rebinding",
  protocol: "h3",
  needs: "rebinding",
  roles: ["server"],
  moves: "behind a NAT",
  paths: (site) => [site.medium],
});
