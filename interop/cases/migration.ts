import { downloadCase } from "./download.ts";

export const migration = downloadCase({
  name: "migration",
  shows: "the client changes its address during the download, with path validation (RFC 9000 §9)",
  protocol: "h3",
  needs: "migration",
  moves: "on purpose",
  paths: (site) => [site.medium],
});

export const rebinding = downloadCase({
  name: "rebinding",
  shows: "the client's address changes before its request, as behind a NAT",
  protocol: "h3",
  needs: "rebinding",
  roles: ["server"],
  moves: "behind a NAT",
  paths: (site) => [site.medium],
});
