import type { RequestHandler, Response } from 'express';

import { zeroise } from '../../core/secret.js';
import type { OperationParts } from './provider-operations.js';

/**
 * Hands out a backup for its token, at `/cryptomanager/kms/{provider}`. Once the whole of it has gone out the provider
 * counts as backed up; when the connection breaks before, the note is taken back.
 */
export function downloadHandler({ downloads, providers }: OperationParts): RequestHandler {
  return async (request, response) => {
    const provider = String(request.params.provider);
    const backup = await downloads.take(provider, bearerOf(request.get('authorization')));
    const before = providers.noteBackup(backup.provider, backup.keyId);
    response.once('close', () => {
      zeroise(backup.file);
      if (!response.writableFinished && before !== undefined) {
        providers.restoreBackupNote(backup.provider, backup.keyId, before);
      }
    });
    sendFile(response, `${provider.replace(/[^A-Za-z0-9. -]+/g, '_')}.p12`, backup.file);
  };
}

function sendFile(response: Response, name: string, file: Buffer): void {
  response.attachment(name); // quotes the name where RFC 6266 asks for it
  response.type('application/x-pkcs12');
  response.setHeader('Cache-Control', 'no-store');
  response.send(file);
}

function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(header ?? '')?.[1];
}
