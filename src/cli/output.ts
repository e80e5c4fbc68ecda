// Output — where a command's words go: what was asked for to stdout, news about it to stderr; as text or as JSON lines.
//
// Owns:      the choice between text and JSON, quiet and verbose, colour or not.
// Does not:  draw the live table (live-table.ts), or touch what the job itself prints.
import { type ErrorReport, errorObject, formatError } from "./error-report.ts";

export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;

  constructor(
    options: OutputOptions = {},
    streams: { readonly stdout: NodeJS.WriteStream; readonly stderr: NodeJS.WriteStream } = process,
    env: Environment = process.env,
  ) {
    this.json = options.json === true;
    this.quiet = options.quiet === true;
    this.verbose = options.verbose === true || isSet(env["WEIR_DEBUG"]);
    this.stdout = streams.stdout;
    this.stderr = streams.stderr;
  }

  /** The answer of the command. `text` ends without a line break. */
  result(text: string, object: object): void {
    this.stdout.write(`${this.json ? JSON.stringify(object) : text}\n`);
  }

  /** News for whoever watches; nothing when quiet. */
  note(text: string, object: object): void {
    if (this.quiet) return;
    this.stderr.write(`${this.json ? JSON.stringify(object) : `weir: ${text}`}\n`);
  }

  /** News that only `--verbose` shows; programs get them always. */
  detail(text: string, object: object): void {
    if (this.json || this.verbose) this.note(text, object);
  }

  /** Shown even when quiet. */
  error(report: ErrorReport): void {
    const text = this.json ? JSON.stringify(errorObject(report)) : formatError(report, this);
    this.stderr.write(`${text}\n`);
  }
}

/** https://no-color.org: any value but an empty one switches colour off. */
export function usesColor(stream: { readonly isTTY?: boolean }, env: Environment = process.env): boolean {
  return stream.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0";
}
