/** Who somebody is to a registry: a password (or access token in its place), or a token of an OAuth login. */
export type Login =
  | { readonly username: string; readonly password: string }
  | { readonly username?: string | undefined; readonly identitytoken: string };

/** Credentials for one registry, as the engine takes them; `serveraddress` must name the image's own registry. */
export type RegistryAuth = Login & { readonly serveraddress: string };

/** One entry of a docker configuration. */
export type RegistryEntry = {
  /** Host, port and path whose images it is for; the host may hold wildcards. */
  readonly pattern: string;
  /** Where it was found, in words that follow `the credentials of`. */
  readonly source: string;
  readonly login: Login;
};

/** All credentials that a run may use, and how a user gives it others. */
export type RegistryAuths = {
  readonly entries: readonly RegistryEntry[];
  /** What to do for the registry of this host when no entry is for it; follows a colon or stands in brackets. */
  readonly advice: (host: string) => string;
};
