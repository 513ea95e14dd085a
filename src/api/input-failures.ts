/** The part of the table of reasons that only a DockerRunSet and its runs can have. */
export const setFailureReasons = {
  ResultNotOurs: {
    category: 'spec',
    meaning:
      'The place of a result in Girder holds the result of another DockerRunSet, or files without a receipt of the set.',
    remedy:
      'Use another folder for the results, or delete the item, or the metadata of the folder, that the message names.',
  },
  InputsGone: {
    category: 'spec',
    meaning:
      'More than 5 % of the inputs that have a result no longer exist in Girder, so that a mistake is likely.',
    remedy:
      'Restore inputs deleted by mistake; or set results.whenInputIsGone to Keep, or delete their results. Then set suspend to true and back.',
  },
} as const;
