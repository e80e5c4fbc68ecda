// Column kinds — the body of a frame: values side by side with their kind, not one after the other.
//
//   column  := kind:u8 body                                the number of rows is known from outside
//     0 msgpack     values msgpackr keeps exactly          plain-values.ts
//     1 structured  any other plain values                 plain-values.ts
//     2 null        no bytes: every row is null
//     3 undefined   no bytes: every row is undefined
//     4 booleans    bit{rows}, lowest bit first
//     5 numbers     number-column.ts
//     6 texts       text-column.ts
//     7 dictionary  distinct:varint texts{distinct} numbers{rows}        positions in the texts
//     8 objects     shape:varint utf8{shape} column{names of the shape}  shape = JSON array of names
//     9 tuples      size:u8 column{size}                   arrays of one small length
//    10 lists       numbers{rows} total:varint column      lengths, then all elements as one column of `total` rows
//    11 union       classes:u8 tags column{classes}        tags: bit{rows} for two classes, else u8{rows}
//    12 dates       numbers{rows}                          epoch ms; NaN is an invalid date
//
// Columns nest: an object in an object is a column of objects in a column of objects. A union takes apart what is
// mixed (nullable columns, optional properties, tagged unions); its column `c` holds the rows with tag `c`.
//
// Lossless: -0, NaN, undefined against missing, order of properties, lone surrogates. Holes of arrays arrive as
// undefined, objects without prototype as plain objects.
//
// Hot: on bids 1.7 to 2 times the rate of msgpackr's records both ways and a quarter smaller; on records of numbers
// 2.6 times and less than half the size (bench/codec.ts).
//
// Written by column-encoder.ts, read by column-decoder.ts.

export const MSGPACK = 0;
export const STRUCTURED = 1;
export const NULL = 2;
export const UNDEFINED = 3;
export const BOOLEANS = 4;
export const NUMBERS = 5;
export const TEXTS = 6;
export const DICTIONARY = 7;
export const OBJECTS = 8;
export const TUPLES = 9;
export const LISTS = 10;
export const UNION = 11;
export const DATES = 12;

/** Longer arrays are lists, whose elements share one column. */
export const MAX_TUPLE = 8;

/**
 * Longer columns are plain values. Constant columns take no bytes per row, so the size of a frame does not bound what
 * its decoder would have to allocate; this does.
 */
export const MAX_ROWS: number = 1 << 24;
