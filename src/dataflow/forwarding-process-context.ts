// ForwardingProcessContext — a process context that passes everything on; adapters override the one thing they change.
import type { ProcessContext } from "../operators/keyed-process.ts";
import type { SideTag } from "../operators/side-tag.ts";

// biome-ignore lint/suspicious/noExplicitAny: the types of key, output and state met where the user called
export type AnyProcessContext = ProcessContext<any, any, any>;

export class ForwardingProcessContext implements AnyProcessContext {
  protected readonly inner: AnyProcessContext;

  constructor(inner: AnyProcessContext) {
    this.inner = inner;
  }

  get key(): unknown {
    return this.inner.key;
  }

  get timestamp(): number | undefined {
    return this.inner.timestamp;
  }

  get watermark(): number {
    return this.inner.watermark;
  }

  get nowMs(): number {
    return this.inner.nowMs;
  }

  get state(): AnyProcessContext["state"] {
    return this.inner.state;
  }

  get timers(): AnyProcessContext["timers"] {
    return this.inner.timers;
  }

  emit(value: unknown, timestamp?: number): void {
    this.inner.emit(value, timestamp);
  }

  side<T>(tag: SideTag<T>, value: T): void {
    this.inner.side(tag, value);
  }
}
