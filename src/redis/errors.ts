// Errors of the link to Redis: each names the server, the value that is wrong, and the remedy. Passwords never show.
import { EngineError } from "../core/errors.ts";

/** The URL without its password. Works on text that is no URL too. */
export function redactUrl(url: string): string {
  const at = url.lastIndexOf("@");
  if (at < 0) return url;
  const scheme = /^[a-z]+:\/\//i.exec(url)?.[0] ?? "";
  const user = /^([^:@/]*)/.exec(url.slice(scheme.length))?.[1] ?? "";
  const hasPassword = url.slice(scheme.length, at).includes(":") || scheme === "";
  return `${scheme}${hasPassword ? `${scheme === "" ? "" : user}:***` : user}@${url.slice(at + 1)}`;
}

/** The text is not the URL of a Redis. */
export class RedisUrlError extends EngineError<"REDIS_URL"> {
  constructor(url: string, problem: string) {
    super(
      "REDIS_URL",
      `"${redactUrl(url)}" is not the URL of a Redis: ${problem}; write redis://[user:password@]host[:port][/db], ` +
        "rediss:// for TLS, or unix:///path/to/socket",
      { details: { url: redactUrl(url), problem } },
    );
  }
}

/** Nobody answers there, or nobody who speaks the protocol of Redis. */
export class RedisUnreachableError extends EngineError<"REDIS_UNREACHABLE"> {
  constructor(url: string, cause: Error) {
    super(
      "REDIS_UNREACHABLE",
      `no Redis answers at ${redactUrl(url)} (${cause.message}); start it, or check host, port and firewall`,
      { retry: "operation", details: { url: redactUrl(url) }, cause },
    );
  }
}

/** The server wants other credentials. */
export class RedisAuthError extends EngineError<"REDIS_AUTH"> {
  constructor(url: string, answer: string) {
    super(
      "REDIS_AUTH",
      `Redis at ${redactUrl(url)} refused the credentials (${answer}); put the right user and password into the URL`,
      { details: { url: redactUrl(url), answer } },
    );
  }
}

/** The ACL user may not do something that Weir cannot do without. */
export class RedisPermissionError extends EngineError<"REDIS_PERMISSION"> {
  constructor(url: string, answer: string) {
    super(
      "REDIS_PERMISSION",
      `Redis at ${redactUrl(url)} does not allow this user what Weir needs (${answer}); ` +
        "grant it +@all -@admin -@dangerous +info +client|unblock on its keys, or use another user",
      { details: { url: redactUrl(url), answer } },
    );
  }
}

/** The server is older than the oldest that has everything that is used. */
export class RedisTooOldError extends EngineError<"REDIS_TOO_OLD"> {
  constructor(url: string, product: string, found: string, needed: string) {
    super(
      "REDIS_TOO_OLD",
      `${product} at ${redactUrl(url)} is version ${found}; Weir needs ${product} ${needed} or newer: upgrade the server`,
      { details: { url: redactUrl(url), product, found, needed } },
    );
  }
}

/** The server may delete keys by itself: state would be lost silently. */
export class RedisEvictionPolicyError extends EngineError<"REDIS_EVICTION_POLICY"> {
  constructor(url: string, found: string) {
    super(
      "REDIS_EVICTION_POLICY",
      `Redis at ${redactUrl(url)} has maxmemory-policy ${found}, which deletes state when memory is short; ` +
        "set maxmemory-policy noeviction",
      { details: { url: redactUrl(url), found } },
    );
  }
}

/** The server is a replica, at least for now. */
export class RedisNotPrimaryError extends EngineError<"REDIS_NOT_PRIMARY"> {
  constructor(url: string, role: string) {
    super(
      "REDIS_NOT_PRIMARY",
      `Redis at ${redactUrl(url)} has the role ${role}; connect to the primary (role master)`,
      { retry: "operation", details: { url: redactUrl(url), role } },
    );
  }
}

/** The server is a node of a cluster. */
export class RedisClusterError extends EngineError<"REDIS_CLUSTER"> {
  constructor(url: string) {
    super(
      "REDIS_CLUSTER",
      `Redis at ${redactUrl(url)} runs in cluster mode, which Weir does not support; use a server with cluster-enabled no`,
      { details: { url: redactUrl(url) } },
    );
  }
}

/** The server still reads its files; it answers soon. */
export class RedisLoadingError extends EngineError<"REDIS_LOADING"> {
  constructor(url: string) {
    super(
      "REDIS_LOADING",
      `Redis at ${redactUrl(url)} is still loading its data; it will answer when it has`,
      {
        retry: "operation",
        details: { url: redactUrl(url) },
      },
    );
  }
}

/** Requests are out and nothing came back for too long. */
export class RedisTimeoutError extends EngineError<"REDIS_TIMEOUT"> {
  constructor(url: string, timeoutMs: number, pending: number) {
    super(
      "REDIS_TIMEOUT",
      `Redis at ${redactUrl(url)} left ${pending} commands unanswered for ${timeoutMs} ms; is it blocked or the link dead?`,
      { retry: "operation", details: { url: redactUrl(url), timeoutMs, pending } },
    );
  }
}

/** The server's history is another one than the session was bound to: restart, failover or replica promotion. */
export class HistoryChangedError extends EngineError<"HISTORY_CHANGED"> {
  constructor(url: string, bound: string, found: string) {
    super(
      "HISTORY_CHANGED",
      `Redis at ${redactUrl(url)} has history ${found || "unknown"}, the session is bound to ${bound}; partitions attach again`,
      { retry: "job", details: { url: redactUrl(url), bound, found } },
    );
  }
}

/** What an error reply of the server means for a link that sent a command. */
export type ReplyFailure =
  /** Refused before anything was written; the same command may be sent later. */
  | "refused"
  /** This server, as it is now, cannot serve us: end the session. */
  | "session"
  /** The script cache was emptied. */
  | "noscript"
  | "permission"
  | "other";

/** Classifies an error reply by its first word. Never throws. */
export function classifyReply(message: string): ReplyFailure {
  switch (/^[A-Z]+/.exec(message)?.[0]) {
    case "OOM":
    case "MISCONF":
    case "NOREPLICAS":
    case "BUSY":
      return "refused";
    case "READONLY":
    case "LOADING":
    case "MASTERDOWN":
    case "MOVED":
    case "ASK":
    case "TRYAGAIN":
    case "CLUSTERDOWN":
      return "session";
    case "NOSCRIPT":
      return "noscript";
    case "NOPERM":
    case "NOAUTH":
    case "WRONGPASS":
      return "permission";
    default:
      return "other";
  }
}
