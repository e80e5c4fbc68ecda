// weir/connectors/files — JSON, NDJSON and CSV files as sources, NDJSON files as an exactly-once sink.
export { type CsvFileOptions, csvFile } from "./csv-file.ts";
export {
  FileFormatError,
  FileSinkError,
  FileSinkTornError,
  FileSourceError,
} from "./errors.ts";
export type { FilePaths } from "./file-source.ts";
export { type JsonFileOptions, jsonFile } from "./json-file.ts";
export { type NdjsonFileOptions, ndjsonFile } from "./ndjson-file.ts";
export { type NdjsonSinkOptions, ndjsonSink } from "./ndjson-sink.ts";
