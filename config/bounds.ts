/** Bounds that the schema and the command line share. */

/** LUN numbers that both addressing methods of SAM-5 can say in two bytes. */
export const LUN_MAX = 16_383;
export const CHAP_ALGORITHMS = ['sha3-256', 'sha256', 'sha1', 'md5'] as const;
