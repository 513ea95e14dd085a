import { podOutlook, servedReport, type Report } from '../api/report.ts';
import { servePod } from '../runtime/pod-server.ts';

/** How old a report may be. Many requests at once share one, so they cost no more memory than one. */
const freshMs = 500;

type Served = {
  readonly port: number;
  readonly podUid: string;
  readonly report: () => Report;
  readonly onOutlook?: (isReplaced: boolean) => void;
};

/** Serves the report for the controller to poll; without the port there is no live progress, but the run continues. */
export function serveProgress({ port, podUid, report, onOutlook }: Served): { close: () => void } {
  let made: { readonly body: Buffer; readonly at: number } | undefined;
  const body = () => {
    const now = performance.now();
    if (made === undefined || now - made.at >= freshMs)
      made = { body: Buffer.from(servedReport(podUid, report())), at: now };
    return made.body;
  };
  const onQuestion = (headers: Readonly<Record<string, unknown>>) => {
    const outlook = headers[podOutlook.header];
    if (outlook !== undefined) onOutlook?.(outlook === podOutlook.replaced);
  };
  return servePod({ port, podUid, onQuestion, body });
}
