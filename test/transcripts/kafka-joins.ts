// The join script of Kafka Streams as facts: what goes in, and what its joins are expected to give after each record.
//
// Source: apache/kafka at 1eb7644349cb07139d6a3c1ad1986979647cac99, streams/src/test/java/org/apache/kafka/streams/integration:
// AbstractJoinIntegrationTest, StreamStreamJoinIntegrationTest, StreamTableJoinIntegrationTest and
// TableTableJoinIntegrationTest, all without a record cache. Every record has the same key unless it says otherwise.

/** One record: its stream, its value (null is a tombstone), its event time in ms. */
export interface Step {
  readonly side: "left" | "right";
  readonly value: string | null;
  readonly at: number;
  /** The record has no key. */
  readonly keyless?: true;
}

/** `left A 3`, or `right - 2` for a tombstone. */
function steps(text: string): readonly Step[] {
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [side, value, at, keyless] = line.trim().split(" ");
      return {
        side: side as Step["side"],
        value: value === "-" ? null : (value ?? null),
        at: Number(at),
        ...(keyless === "keyless" && { keyless: true }),
      };
    });
}

/** What each record of a script gives. */
type Results = readonly (readonly string[])[];

/** A line per record: `A-a@4 B-a@4`, `-` for nothing, `gone@7` for a tombstone. */
function results(text: string): Results {
  return text
    .trim()
    .split("\n")
    .map((line) => (line.trim() === "-" ? [] : line.trim().split(" ")));
}

/** 23 records, from the 14th on out of order. */
export const script: readonly Step[] = steps(`
  left - 1
  right - 2
  left A 3
  right a 4
  left B 5
  right b 6
  left - 7
  right - 8
  left C 9
  right c 10
  right - 11
  left - 12
  right - 13
  right d 7
  left D 6
  left - 2
  right - 3
  right e 14
  left E 15
  left - 10
  right - 9
  left F 4
  right f 3
`);

/** The script that stream-stream joins are run with: in order, and at its end two records without a key. */
export const orderedScript: readonly Step[] = steps(`
  left - 1
  right - 2
  left A 3
  right a 4
  left B 5
  right b 6
  left - 7
  right - 8
  left C 9
  right c 10
  right - 11
  left - 12
  right - 13
  right d 14
  left D 15
  left E 16 keyless
  right e 17 keyless
`);

/** One stream, joined with itself. */
export const selfScript: readonly Step[] = steps(`
  left - 1
  left A 2
  left B 3
  left - 4
  left C 5
  left - 6
  left D 7
`);

/** Stream-stream joins within 10 s and a grace period of a day, of {@link orderedScript}. */
export const streamStream: Readonly<Record<"inner" | "self", Results>> & {
  readonly leftOnly: readonly string[];
  readonly outerOnly: readonly string[];
} = {
  inner: results(`
    -
    -
    -
    A-a@4
    B-a@5
    A-b@6 B-b@6
    -
    -
    C-a@9 C-b@9
    A-c@10 B-c@10 C-c@10
    -
    -
    -
    A-d@14 B-d@14 C-d@14
    D-a@15 D-b@15 D-c@15 D-d@15
    -
    -
  `),
  /** What the left join gives beside the inner join's results. */
  leftOnly: ["E-null@16"],
  /** What the outer join gives beside the inner join's results. */
  outerOnly: ["E-null@16", "null-e@17"],
  self: results(`
    -
    A-A@2
    B-A@3 A-B@3 B-B@3
    -
    C-A@5 C-B@5 A-C@5 B-C@5 C-C@5
    -
    D-A@7 D-B@7 D-C@7 A-D@7 B-D@7 C-D@7 D-D@7
  `),
};

/** Stream-table joins of {@link script}. */
export const streamTable: Readonly<Record<"inner" | "left" | "versionedLeft", Results>> = {
  inner: results(`
    -
    -
    -
    -
    B-a@5
    -
    -
    -
    -
    -
    -
    -
    -
    -
    D-d@6
    -
    -
    -
    E-e@15
    -
    -
    -
    -
  `),
  left: results(`
    -
    -
    A-null@3
    -
    B-a@5
    -
    -
    -
    C-null@9
    -
    -
    -
    -
    -
    D-d@6
    -
    -
    -
    E-e@15
    -
    -
    F-null@4
    -
  `),
  /** With a versioned table: by event time, but at the moment when the record comes. */
  versionedLeft: results(`
    -
    -
    A-null@3
    -
    B-a@5
    -
    -
    -
    C-null@9
    -
    -
    -
    -
    -
    D-b@6
    -
    -
    -
    E-e@15
    -
    -
    F-a@4
    -
  `),
};

/** Table-table joins of {@link script}. */
export const tableTable: Readonly<Record<"inner" | "left" | "outer", Results>> = {
  inner: results(`
    -
    -
    -
    A-a@4
    B-a@5
    B-b@6
    gone@7
    -
    -
    C-c@10
    gone@11
    -
    -
    -
    D-d@7
    gone@7
    -
    -
    E-e@15
    gone@14
    -
    -
    F-f@4
  `),
  left: results(`
    -
    -
    A-null@3
    A-a@4
    B-a@5
    B-b@6
    gone@7
    -
    C-null@9
    C-c@10
    C-null@11
    gone@12
    -
    -
    D-d@7
    gone@7
    -
    -
    E-e@15
    gone@14
    -
    F-null@4
    F-f@4
  `),
  outer: results(`
    -
    -
    A-null@3
    A-a@4
    B-a@5
    B-b@6
    null-b@7
    gone@8
    C-null@9
    C-c@10
    C-null@11
    gone@12
    -
    null-d@7
    D-d@7
    null-d@7
    gone@3
    null-e@14
    E-e@15
    null-e@14
    gone@9
    F-null@4
    F-f@4
  `),
};
