import { downloadCase } from "./download.ts";

/** The client starts with QUIC version 2 (RFC 9369). */
export const version2 = downloadCase({
  name: "v2",
  protocol: "h3",
  needs: "version-2",
  version2: "from the start",
  paths: (site) => [site.medium],
});

/** The client starts with version 1, and the server converts its first flight to version 2 (RFC 9368). */
export const upgrade = downloadCase({
  name: "v2-upgrade",
  protocol: "h3",
  needs: "upgrade",
  version2: "by upgrade",
  paths: (site) => [site.medium],
});
