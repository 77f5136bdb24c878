import type { ServiceContext } from '../core/context.js';

/** What a host agent counts; made once for a service, as names may be registered once only. */
export class HostMetrics {
  readonly requests;
  readonly vmotionBytes;
  readonly attestations;

  constructor({ metrics }: ServiceContext) {
    this.requests = metrics.histogram(
      'kpsim_host_request_duration_seconds',
      'Duration of requests to the host agent',
      ['operation', 'outcome'],
    );
    this.vmotionBytes = metrics.counter('kpsim_host_vmotion_sent_bytes_total', 'Bytes sent by vMotion', [
      'encrypted',
    ]);
    this.attestations = metrics.counter(
      'kpsim_host_attestations_total',
      'Attestations to one service, by outcome: attested, or the reason of the failure',
      ['outcome'],
    );
  }
}
