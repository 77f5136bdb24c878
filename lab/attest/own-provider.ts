import type { Mend } from './play.js';
import type { Stage } from './stage.js';

/** Makes a provider for one play, so that the others keep their primary key. */
export async function ownProvider(
  stage: Stage,
  name: string,
  mend: Mend,
): Promise<{ readonly primaryKeyId: string }> {
  await stage.makeProvider(name);
  const { providers } = await stage.keyProviderService.keyProviderService();
  mend(() => providers.delete(name));
  return { primaryKeyId: (await providers.get(name)).master_key_id };
}
