/** The methods that a server accepts (RFC 9110 §9.1, RFC 4918, and others from IANA's registry). */

/** The methods that Node's HTTP/1.1 parser knows. The other versions accept the same ones. */
export const METHODS: ReadonlySet<string> = new Set(
  ["ACL", "BIND", "CHECKOUT", "CONNECT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK", "M-SEARCH", "MERGE"].concat(
    ["MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "OPTIONS", "PATCH", "POST", "PROPFIND", "PROPPATCH"],
    ["PURGE", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "TRACE", "UNBIND", "UNLINK"],
    ["UNLOCK", "UNSUBSCRIBE"],
  ),
);
