/** Limits of the protocol, as memcached 1.6.38's proxy sets them. */

export const MAX_KEY = 250;
/** A request line of at least this many bytes is refused, unless it is a multiget. */
export const MAX_LINE = 2 * MAX_KEY;
/** A line that has not ended after this many bytes must be a multiget. */
export const MAX_UNFINISHED_LINE = 1024;
/** memcached reads multigets of any length; ours end here. */
export const MAX_MULTIGET_LINE = 16 * 1024 * 1024;
/** Bytes before the first key of a multiget. */
export const MAX_MULTIGET_PREFIX = 20;
/** Tokens of a line that can be addressed. */
export const MAX_TOKENS = 24;
/** The longest first line of a response. */
export const MAX_RESPONSE_LINE = 8192;
export const DEFAULT_MAX_VALUE = 64 * 1024 * 1024;
