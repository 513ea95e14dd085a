import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { maxKept } from '../../../src/api/docker-run.ts';
import { maxMetadataKeys } from '../../../src/api/fields.ts';
import { cachedSpecBounds, type JsonBounds, specBounds, statusBounds } from '../../../src/api/json-values.ts';
import { maxReportBytes, maxReportDepth } from '../../../src/api/report.ts';
import { maxWindowBytes, maxWindowDepth } from '../../../src/api/set/window.ts';
import { maxTerms } from '../../../src/api/scheduling.ts';
import { receiptBounds } from '../../../src/api/set/receipt.ts';
import { maxControlBytes, maxListed, maxRevoked } from '../../../src/bridge/broker/control-answers.ts';
import { longestLine as longestJobLine } from '../../../src/bridge/job/bridge-job.ts';
import { longestEntry, mostEntryBytes } from '../../../src/bridge/runs/open-jobs.ts';
import { longestNotes } from '../../../src/bridge/runs/run-writer.ts';
import { messageBounds } from '../../../src/bridge/pickle/json-nodes.ts';
import { longestPythonText } from '../../../src/calls/python-text.ts';
import { mostValues } from '../../../src/calls/plain-data.ts';
import { mostCalls } from '../../../src/convert/conversion.ts';
import { programBounds } from '../../../src/convert/python/python-tokens.ts';
import { longestRow, mostReportBytes } from '../../../src/cli/cluster/report-search.ts';
import { maxVariableBytes } from '../../../src/controller/job/worker-container.ts';
import { longestText } from '../../../src/controller/observe/parse.ts';
import { longestLine as dockerLine } from '../../../src/docker/engine-call.ts';
import { longestEngineMessage } from '../../../src/docker/engine-error.ts';
import { maxDocumentBytes } from '../../../src/girder/client.ts';
import { metadataBounds } from '../../../src/girder/documents.ts';
import { maxHeadBytes } from '../../../src/girder/http/http1.ts';
import { maxBodiesBytes, maxReviewBytes } from '../../../src/controller/admission/admission-server.ts';
import { maxDepth, maxValues } from '../../../src/controller/admission/review.ts';
import { maxPageBytes } from '../../../src/kube/list-pages.ts';
import { maxAnswerBytes } from '../../../src/kube/request.ts';
import { longestLine as watchLine } from '../../../src/kube/watch.ts';
import { metadataBounds as setMetadata } from '../../../src/planner/item-values.ts';
import { maxBody } from '../../../src/ui/server/routes.ts';
import { longestSummaryText } from '../../../src/ui/server/summaries.ts';
import { longestWhereMs } from '../../../src/planner/where-expression.ts';
import { longestJournal, longestPath } from '../../../src/worker/stage/journal.ts';
import { longestElement } from '../../../src/worker/streams/slicer-tags.ts';
import { longestOfAll, longestValue } from '../../../src/worker/secret-texts.ts';
import { longestLine as progressLine } from '../../../src/worker/streams/progress-lines.ts';

const page = readFileSync('docs/threat-model.md', 'utf8');

const kib = (bytes: number) => `${bytes / 1024} KiB`;
const mib = (bytes: number) => `${bytes / 1024 / 1024} MiB`;
const ofJson = ({ bytes, depth }: JsonBounds) => [kib(bytes), `${depth} levels`];

/** The words that the row of each input must have. */
const bounds: Readonly<Record<string, readonly string[]>> = {
  // test/unit/api/crd-bounds.test.ts
  'every field of all resources': [`${maxMetadataKeys} keys`],
  '`affinity`': [`${maxTerms} entries`],
  '`spec`': ofJson(specBounds),
  '`spec` in memory': [kib(cachedSpecBounds.bytes)],
  "`spec` with the policy's defaults": [kib(maxVariableBytes)],
  '`status`': ofJson(statusBounds),
  'labels and finalizers of a run': [`${maxKept} each`],
  // test/unit/controller/observed.test.ts
  'annotations, managed fields': ['not kept'],
  'texts of pods and Jobs': [`${longestText} characters`],
  'a report of a worker': [kib(maxReportBytes), `${maxReportDepth} levels`],
  // test/unit/controller/planner-poller.test.ts
  'the window of a planner': [kib(maxWindowBytes), `${maxWindowDepth} levels`],
  'a review for the webhook': [
    mib(maxReviewBytes),
    `${maxDepth} levels`,
    `${maxValues} values`,
    `all bodies together ${mib(maxBodiesBytes)}`,
  ],
  'one answer of the API server': [mib(maxAnswerBytes), `a page of a list ${mib(maxPageBytes)}`],
  'a line of a watch': [mib(watchLine)],
  'a line of Docker': [mib(dockerLine)],
  'an error message of Docker': [`${longestEngineMessage / 1024} Ki characters`],
  'a receipt in Girder': ofJson(receiptBounds),
  'a document of Girder': [mib(maxDocumentBytes)],
  'metadata of an input': [mib(metadataBounds.bytes), `${metadataBounds.depth} levels`],
  'metadata of an input of a set': ofJson(setMetadata),
  'a receipt of a set': ofJson(receiptBounds),
  // test/unit/cli/set-inquiries.test.ts
  'a report that a person searches': [mib(mostReportBytes), `${longestRow / 1024} Ki characters`],
  // test/unit/planner/where-expression.test.ts
  '`where` of a set': [`${longestWhereMs} ms`],
  "a head of Girder's answer": [kib(maxHeadBytes)],
  "a line of the target's progress": [kib(progressLine)],
  // test/unit/worker/secret-texts.test.ts
  'values of Secrets in arguments': [kib(longestValue + 1), mib(longestOfAll)],
  // test/unit/worker/slicer-tags.test.ts
  'a tag of `slicerProgress`': [kib(longestElement)],
  "a worker's journal": [mib(longestJournal)],
  "a path in a worker's journal": [`${longestPath} characters`],
  // test/unit/bridge/control-answers.test.ts
  'a control message of Celery': [kib(maxControlBytes), `${maxRevoked} ids`, `${maxListed} runs`],
  'notes of a run of the bridge': [`${longestNotes} characters`, `log ${longestJobLine}`],
  // test/unit/bridge/open-jobs.test.ts, test/integration/bridge/deleted-without-replica.test.ts
  'open jobs of the bridge': [kib(longestEntry), mib(mostEntryBytes)],
  // test/unit/bridge/json-reader.test.ts
  'a task of Girder': [
    mib(messageBounds.bytes),
    `${messageBounds.depth} levels`,
    `${messageBounds.values} values`,
  ],
  // test/unit/bridge/hostile-messages.test.ts
  'options of a task': [`${mostValues} values`],
  'an argument of a task': [kib(longestPythonText)],
  // test/unit/convert/python-literals.test.ts
  'a file for dockerrun convert': [
    mib(programBounds.characters),
    `${programBounds.depth} levels`,
    `${mostCalls} calls`,
  ],
  // test/integration/ui/server.test.ts
  'a request of the page': [`${maxBody} bytes`],
  'texts in the lists of the page': [`${longestSummaryText} characters`],
  // test/unit/structure/regular-expressions.test.ts
  'text for regular expressions': ['linear time'],
};

test('every row of the threat model is checked here', () => {
  const [, table = ''] = page.split('| Input ');
  const rows = table.split('\n\n')[0]?.split('\n').slice(2) ?? [];
  const inputs = rows.map((row) => row.split('|')[1]?.trim());
  assert.equal(inputs, Object.keys(bounds));
});

for (const [input, words] of Object.entries(bounds)) {
  test(`the threat model has the bound of the code for ${input}`, () => {
    const row = page.split('\n').find((line) => line.startsWith(`| ${input} `)) ?? '';
    for (const word of words) assert.ok(row.includes(word), `${input}: "${word}" is not in "${row}"`);
  });
}

test.run();
