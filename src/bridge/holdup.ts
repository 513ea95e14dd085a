import type { Obstacle } from './bridge-metrics.ts';

/** Something that the messages have to wait for, such as Girder: the message goes back to its queue. */
export class Holdup extends Error {
  override readonly name = 'Holdup';
  readonly obstacle: Exclude<Obstacle, 'starting' | 'capacity'>;

  constructor(obstacle: Holdup['obstacle'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.obstacle = obstacle;
  }
}
