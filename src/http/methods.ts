/** The methods that a server takes (RFC 9110 §9.1, RFC 4918, and others of IANA's registry): those that HTTP/1.1 can bring. */

/** Node's parser of HTTP/1.1 knows no others, and a method must not depend on the version that carries it. */
export const METHODS: ReadonlySet<string> = new Set(
  ["ACL", "BIND", "CHECKOUT", "CONNECT", "COPY", "DELETE", "GET", "HEAD", "LINK", "LOCK", "M-SEARCH", "MERGE"].concat(
    ["MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "OPTIONS", "PATCH", "POST", "PROPFIND", "PROPPATCH"],
    ["PURGE", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "TRACE", "UNBIND", "UNLINK"],
    ["UNLOCK", "UNSUBSCRIBE"],
  ),
);
