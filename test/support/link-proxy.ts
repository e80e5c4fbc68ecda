// LinkProxy — a TCP link to Redis that can be made as bad as a real one.
//
// Owns:      pairs of sockets (client, server) and what crosses between them, in order.
// Does not:  understand Redis' protocol, beyond finding a client's name for selections.
//
// A fault never makes a link do what TCP cannot: bytes are never lost in the middle of a link that lives on. So links
// whose replies were dropped are destroyed by `heal`; a black hole *holds* what it swallows and delivers it when it is
// healed (the straggler of hole H4, and the half-open link of H26).

import { createConnection, createServer, type Server, type Socket } from "node:net";
import { LinkDirection } from "./link-direction.ts";

/**
 * - `dropReplies`: requests reach Redis, nothing comes back.
 * - `blackHole`: the link stays open and nothing crosses, either way, not even its end; new links are accepted.
 * - `delay`: everything arrives `delayMs` later, both ways.
 * - `cutInRequest`: of what the client sends from now on, exactly `afterBytes` reach Redis, then the link breaks.
 *   Breaks `times` links (default 1: the victim's next link works).
 */
export type LinkFault =
  | { readonly kind: "dropReplies" }
  | { readonly kind: "blackHole" }
  | { readonly kind: "delay"; readonly delayMs: number }
  | { readonly kind: "cutInRequest"; readonly afterBytes: number; readonly times?: number };

/** What a selection can look at. It is asked again at every chunk, so a link may come into its scope by its name. */
export interface LinkView {
  /** 0 for the first link through this proxy, then 1, and so on. */
  readonly index: number;
  /** The first bytes the client sent (at most 4,096), as latin1. */
  readonly requestHead: string;
  /** The name the client gave itself by CLIENT SETNAME or HELLO, once it has crossed the proxy. */
  readonly clientName: string | undefined;
}

export type LinkSelection = (link: LinkView) => boolean;

export interface LinkCounters {
  /** Links accepted since the start. */
  accepted: number;
  /** Links open now. */
  open: number;
  /** Links broken by a fault, by `cut` or by `heal`. */
  cut: number;
  requestBytes: number;
  replyBytes: number;
  droppedReplyBytes: number;
}

export interface LinkProxyOptions {
  readonly targetPort: number;
  /** Default 127.0.0.1. */
  readonly targetHost?: string;
}

const headBytes = 4_096;

export class LinkProxy {
  readonly port: number;
  /** `redis://127.0.0.1:<port>` of the proxy: give this to the client. */
  readonly url: string;
  readonly counters: LinkCounters = {
    accepted: 0,
    open: 0,
    cut: 0,
    requestBytes: 0,
    replyBytes: 0,
    droppedReplyBytes: 0,
  };
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #rule: FaultRule | undefined;

  private constructor(server: Server, port: number, target: Required<LinkProxyOptions>) {
    this.#server = server;
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    server.on("connection", (client) => this.#accept(client, target));
  }

  static async start(options: LinkProxyOptions): Promise<LinkProxy> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    const { port } = server.address() as { port: number };
    return new LinkProxy(server, port, { targetHost: "127.0.0.1", ...options });
  }

  /** The open links, oldest first. */
  get links(): readonly LinkView[] {
    return [...this.#links];
  }

  /**
   * Puts a fault on the selected links, those of now and those to come, in place of the fault before it.
   * Takes effect on the bytes that arrive from now on.
   */
  inject(fault: LinkFault, select: LinkSelection = () => true): void {
    this.#rule = { fault, select, cutsLeft: fault.kind === "cutInRequest" ? (fault.times ?? 1) : 0 };
    for (const link of this.#links) link.onRuleChanged();
  }

  /** Ends the fault. Links that lost replies are destroyed, held bytes are delivered, the others just go on. */
  heal(): void {
    this.#rule = undefined;
    for (const link of this.#links) link.onRuleChanged();
  }

  /**
   * Breaks the selected open links at once, on both sides.
   *
   * @returns how many were broken
   */
  cut(select: LinkSelection = () => true): number {
    const doomed = [...this.#links].filter(select);
    for (const link of doomed) link.break();
    return doomed.length;
  }

  /** Breaks every link and stops listening. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const link of this.#links) link.break();
    await closed;
  }

  #accept(client: Socket, target: Required<LinkProxyOptions>): void {
    const server = createConnection({
      host: target.targetHost,
      port: target.targetPort,
      allowHalfOpen: true,
    });
    const link = new Link(this.counters.accepted, client, server, this.counters, () => this.#rule);
    this.counters.accepted++;
    this.counters.open++;
    this.#links.add(link);
    link.onGone(() => {
      this.counters.open--;
      this.#links.delete(link);
    });
    link.onRuleChanged();
  }
}

interface FaultRule {
  readonly fault: LinkFault;
  readonly select: LinkSelection;
  cutsLeft: number;
}

/** One client's connection and the one to Redis that was opened for it. */
class Link implements LinkView {
  readonly index: number;
  requestHead = "";
  readonly #counters: LinkCounters;
  readonly #currentRule: () => FaultRule | undefined;
  readonly #requests: LinkDirection;
  readonly #replies: LinkDirection;
  readonly #goneListeners: (() => void)[] = [];
  /** The rule that `#bytesUnderRule` was counted for: every injection counts from zero. */
  #countedRule: FaultRule | undefined;
  #bytesUnderRule = 0;
  #lostReplies = false;
  #isBroken = false;

  constructor(
    index: number,
    client: Socket,
    server: Socket,
    counters: LinkCounters,
    currentRule: () => FaultRule | undefined,
  ) {
    this.index = index;
    this.#counters = counters;
    this.#currentRule = currentRule;
    this.#requests = new LinkDirection(client, server, (chunk) => this.#onRequest(chunk));
    this.#replies = new LinkDirection(server, client, (chunk) => this.#onReply(chunk));
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined); // "close" follows
      socket.on("close", () => this.#onClosed());
    }
  }

  get clientName(): string | undefined {
    return /\r\n(?:setname)\r\n\$\d+\r\n([^\r]*)\r\n/i.exec(this.requestHead)?.[1];
  }

  onGone(listener: () => void): void {
    this.#goneListeners.push(listener);
  }

  onRuleChanged(): void {
    const fault = this.#fault();
    if (this.#lostReplies && fault?.kind !== "dropReplies") {
      this.break();
      return;
    }
    const held = fault?.kind === "blackHole";
    this.#requests.hold(held);
    this.#replies.hold(held);
    const delayMs = fault?.kind === "delay" ? fault.delayMs : 0;
    this.#requests.delayMs = delayMs;
    this.#replies.delayMs = delayMs;
  }

  break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#counters.cut++;
    this.#requests.destroy();
    this.#replies.destroy();
  }

  #fault(): LinkFault | undefined {
    const rule = this.#currentRule();
    return rule?.select(this) === true ? rule.fault : undefined;
  }

  #onRequest(chunk: Buffer): void {
    if (this.requestHead.length < headBytes) {
      this.requestHead += chunk.toString("latin1", 0, headBytes - this.requestHead.length);
      this.onRuleChanged(); // the name may have brought the link into the selection
    }
    const fault = this.#fault();
    if (fault?.kind === "cutInRequest") {
      const rule = this.#currentRule() as FaultRule;
      if (this.#countedRule !== rule) {
        this.#countedRule = rule;
        this.#bytesUnderRule = 0;
      }
      const allowed = fault.afterBytes - this.#bytesUnderRule;
      this.#bytesUnderRule += chunk.length;
      if (rule.cutsLeft > 0 && chunk.length > allowed) {
        rule.cutsLeft--;
        this.#counters.requestBytes += allowed;
        // Redis must have received these bytes before the link breaks, or the cut would be an ordinary one.
        this.#requests.forwardLast(chunk.subarray(0, allowed), () => this.break());
        return;
      }
    }
    this.#counters.requestBytes += chunk.length;
    this.#requests.forward(chunk);
  }

  #onReply(chunk: Buffer): void {
    if (this.#fault()?.kind === "dropReplies") {
      this.#lostReplies = true;
      this.#counters.droppedReplyBytes += chunk.length;
      return;
    }
    if (this.#lostReplies) {
      this.break();
      return;
    }
    this.#counters.replyBytes += chunk.length;
    this.#replies.forward(chunk);
  }

  /** One side died: so does the other, once what was still under way has arrived. */
  #onClosed(): void {
    this.#requests.endWhenEmpty();
    this.#replies.endWhenEmpty();
    if (!this.#requests.isClosed || !this.#replies.isClosed) return;
    for (const listener of this.#goneListeners.splice(0)) listener();
  }
}
