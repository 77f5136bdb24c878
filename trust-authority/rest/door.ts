import type { RequestListener } from 'node:http';

import { VapiError } from '../../core/http/index.js';

/** The door of a service whose rooms need its port: requests that come before it is opened are asked to come again. */
export class Door {
  #behind: RequestListener = (_request, response) => {
    const { status, body } = new VapiError('SERVICE_UNAVAILABLE', 'The service is starting; try again.');
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(body));
  };

  /** What the HTTPS server is given. */
  readonly listener: RequestListener = (request, response) => {
    this.#behind(request, response);
  };

  /** From now on, requests go there. */
  open(listener: RequestListener): void {
    this.#behind = listener;
  }
}
