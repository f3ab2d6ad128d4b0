/** Every bound of usage reading, for one exchange. What is larger is not lost to the client, only to the reading. */
export const usageBounds = {
  /** An event or body up to this size is held and parsed at once; a larger one is reduced while it passes. */
  heldBytes: 64 * 1024,
  /** What may be kept of a larger one: its members that tell usage, ids, reasons and errors. */
  skeletonBytes: 16 * 1024,
  /** A longer string among those members is kept as an empty one. */
  skeletonString: 512,
  /** Deeper objects and arrays among those members end the reading of that event. */
  skeletonDepth: 32,
  /** Encoded bytes that wait for the decoder; a stream that comes faster is not read on. */
  waitingBytes: 1024 * 1024,
  /** Decoded bytes in all: a decompression bomb ends the reading here. */
  decodedBytes: 64 * 1024 * 1024,
  /** A window larger than this (8 MiB, RFC 9659 §3) is not decoded. */
  zstdWindowLog: 23,
  /** Ids, names of models, and reasons, codes and types are cut to these lengths. */
  nameLength: 256,
  wordLength: 64,
  /** Finish reasons, one a choice. */
  choices: 16,
  /** Events of a stream in which its id and model are looked for (Azure leaves them empty in the first). */
  headEvents: 8,
} as const;
