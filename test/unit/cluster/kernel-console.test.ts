import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { kernelFault } from '../../cluster/node2/kernel-console.ts';

test('of a console with a panic, the first fault that the kernel reports is given, since it is the cause', () => {
  const console = [
    '[  OK  ] Started docker.service - Docker Application Container Engine.',
    'Memory cgroup out of memory: Killed process 812 (tail) total-vm:34000kB',
    'BUG: Bad page map in process mkfifo  pte:00000004 pmd:0b7c0067',
    'BUG: Bad rss-counter state mm:(____ptrval____) type:MM_ANONPAGES val:1',
    'Kernel panic - not syncing: Kernel mode signal 11',
  ].join('\r\n');
  assert.is(kernelFault(console), 'BUG: Bad page map in process mkfifo  pte:00000004 pmd:0b7c0067');
});

test('a target that was killed for its memory, and a unit that failed, are no faults of the kernel', () => {
  const console = [
    'Memory cgroup out of memory: Killed process 812 (tail) total-vm:34000kB',
    '[FAILED] Failed to start docker.service - Docker Application Container Engine.',
    'bash[77]: my program found a BUG in itself',
  ].join('\n');
  assert.is(kernelFault(console), undefined);
});

test.run();
