import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { releaseNotes } from '../../../scripts/release/release-notes.ts';

const changelog = `# Changelog

Its form.

## [Unreleased]

## [0.2.0] - 2027-01-02

### Changed

- Two things, one of them [linked](docs/install.md).

## [0.1.0] - 2026-12-01

- The first.

[0.2.0]: https://example.org/0.2.0
[0.1.0]: https://example.org/0.1.0
`;

test('the notes of a version are its section, with headings of their own', () => {
  assert.is(
    releaseNotes(changelog, '0.2.0'),
    '# DockerRun 0.2.0\n\n## Changed\n\n- Two things, one of them [linked](docs/install.md).\n',
  );
});

test('the last section ends before the addresses of the versions', () => {
  assert.is(releaseNotes(changelog, '0.1.0'), '# DockerRun 0.1.0\n\n- The first.\n');
});

test('a version without a section is refused, with the sections that are there', () => {
  assert.throws(
    () => releaseNotes(changelog, '0.3.0'),
    /no section for 0\.3\.0 \(it has: Unreleased, 0\.2\.0, 0\.1\.0\).*VERSION=Unreleased/,
  );
  // A version is no pattern.
  assert.throws(() => releaseNotes(changelog, '0.1.'), /no section/);
});

test('an empty section is refused', () => {
  assert.throws(() => releaseNotes(changelog, 'Unreleased'), /Unreleased in CHANGELOG\.md is empty/);
});

test('the changelog of the project has notes for what is not released', () => {
  const notes = releaseNotes(readFileSync('CHANGELOG.md', 'utf8'), 'Unreleased');
  assert.match(notes, /^# DockerRun Unreleased\n\n## /);
});

test.run();
