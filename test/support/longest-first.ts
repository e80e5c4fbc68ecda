import type { TestSpecification } from "vitest/node";
import { BaseSequencer } from "vitest/node";

/** Folders whose tests start processes and servers, and wait for them: the longest first. */
const LONG = [
  "test/nexmark/",
  "test/cli/",
  "test/engine/",
  "test/chaos/",
  "test/redis/",
  "test/state/",
  "test/runtime/",
];

/**
 * Begins with the files that take long, so that none of them is left over at the end when nothing else runs beside it.
 * Vitest knows how long files took in earlier runs; this is for the first one.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const byDuration = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = LONG.findIndex((folder) => moduleId.includes(`/${folder}`));
      return index < 0 ? LONG.length : index;
    };
    return byDuration.sort((a, b) => rank(a) - rank(b));
  }
}
