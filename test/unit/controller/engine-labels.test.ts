import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { engineStateOf } from '../../../src/controller/engine-labels.ts';
import { desiredJob } from '../../../src/controller/job/job.ts';
import { aRun, aSpec, workerConfig } from '../../fixtures/builders.ts';

const agent = (isReady: boolean, isGone = false) => ({ node: 'node-1', isReady, isGone });

test('the label of a node says what its agent says, and is removed without an agent', () => {
  assert.is(engineStateOf([agent(true)]), 'ready');
  assert.is(engineStateOf([agent(false)]), 'unready');
  assert.is(engineStateOf([]), undefined);
  assert.is(engineStateOf([agent(true, true)]), undefined);
  assert.is(engineStateOf([agent(true, true), agent(false)]), 'unready');
});

const selectorOf = (onReadyNodes: boolean, nodeSelector?: Record<string, string>) => {
  const { metadata } = aRun();
  const spec = aSpec(nodeSelector === undefined ? {} : { nodeSelector });
  return desiredJob({ metadata, spec }, { ...workerConfig, onReadyNodes }, {}).spec?.template.spec
    ?.nodeSelector;
};

test('with the node agent, pods go only to nodes whose engine answers, in addition to what the user selects', () => {
  const ready = { 'dockerrun.dev/engine': 'ready' };
  assert.equal(selectorOf(true), ready);
  assert.equal(selectorOf(true, { disk: 'ssd' }), { disk: 'ssd', ...ready });
  assert.equal(selectorOf(true, { 'dockerrun.dev/engine': 'unready' }), ready);
  assert.is(selectorOf(false), undefined);
  assert.equal(selectorOf(false, { disk: 'ssd' }), { disk: 'ssd' });
});

test.run();
