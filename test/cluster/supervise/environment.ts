const passedOn = [
  'HOME',
  'LANG',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];

/** Where parts' programs are looked for: Debian's directories and Docker's, nobody's home. */
export const systemPath = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'];

/** A part's environment: what proxies and certificates need, a system PATH, and its own variables; never a caller's secrets. */
export function partEnvironment(own: Readonly<Record<string, string>> = {}): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of passedOn) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  env['PATH'] = systemPath.join(':');
  return { ...env, ...own };
}
