/** The sections of a changelog in the form of Keep a Changelog: `## [0.1.0] - 2026-12-01`, or `## [Unreleased]`. */
const headline = /^## \[([^\]]+)\].*$/gm;

/**
 * The section of one version, without its headline. Headings in it become those of a page of its own, and links to
 * files of the project keep their paths.
 */
export function releaseNotes(changelog: string, version: string): string {
  const sections = [...changelog.matchAll(headline)];
  const at = sections.findIndex(([, name]) => name === version);
  const section = sections[at];
  if (section === undefined) {
    const names = sections.map(([, name]) => name).join(', ') || 'none';
    throw new Error(
      `CHANGELOG.md has no section for ${version} (it has: ${names}): rename Unreleased to ` +
        `"[${version}] - date" and commit that, or run make release VERSION=Unreleased for a trial`,
    );
  }
  const end = sections[at + 1]?.index ?? changelog.length;
  const body = changelog
    .slice(section.index + section[0].length, end)
    // The addresses of versions, at the end of the page.
    .replaceAll(/^\[[^\]]+\]: \S+$/gm, '')
    .trim();
  if (body === '') throw new Error(`the section for ${version} in CHANGELOG.md is empty: say what changed`);
  return `# DockerRun ${version}\n\n${body.replaceAll(/^##(#+ )/gm, '#$1')}\n`;
}
