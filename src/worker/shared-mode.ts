/** Any user of a target can write, and what it makes keeps the group, as with the original's temporary volumes. */
export const sharedMode = 0o2777;
