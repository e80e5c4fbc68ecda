import type { Reporter, TestModule, Vitest } from "vitest/node";

/**
 * Makes the last line of a run a plain `N passed, N failed` (`, N skipped` when there are any), for scripts that add
 * up several runs. A file that could not be loaded and an error outside any test count as one failure each. What
 * failed is listed by name first, one line each, before anybody tells it at length; and so is what passed only at its
 * second try, after a deadline that it had missed.
 *
 * The default export is what vitest loads a reporter by.
 */
export default class TotalsReporter implements Reporter {
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  onInit(_vitest: Vitest): void {
    // At exit: vitest may still warn about a teardown after the last reporter has spoken.
    process.once("exit", (code) => {
      // A failed global set-up, or no test at all: vitest has said what, and nothing else counted it.
      if (code !== 0 && this.#failed === 0) this.#failed = 1;
      process.stdout.write(`${this.#line()}\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    this.#passed = 0;
    this.#failed = unhandledErrors.length;
    this.#skipped = 0;
    for (const module of modules) this.#count(module);
    if (unhandledErrors.length > 0)
      process.stdout.write(`FAILED: ${unhandledErrors.length} errors outside any test\n`);
  }

  #count(module: TestModule): void {
    let failedInside = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") {
        this.#passed++;
        if ((test.diagnostic()?.retryCount ?? 0) > 0)
          process.stdout.write(`AT THE SECOND TRY: ${module.relativeModuleId} > ${test.fullName}\n`);
      } else if (state === "skipped") this.#skipped++;
      else {
        failedInside++;
        process.stdout.write(`FAILED: ${module.relativeModuleId} > ${test.fullName}\n`);
      }
    }
    const failedOutside = failedInside === 0 && module.state() === "failed" ? 1 : 0;
    if (failedOutside > 0) process.stdout.write(`FAILED: ${module.relativeModuleId}\n`);
    this.#failed += failedInside + failedOutside;
  }

  #line(): string {
    const skipped = this.#skipped === 0 ? "" : `, ${this.#skipped} skipped`;
    return `${this.#passed} passed, ${this.#failed} failed${skipped}`;
  }
}
