/**
 * fast-check for all tests, with the same examples in every run: a test that passes today passes tomorrow. Another
 * seed is tried by setting KPSIM_SEED, and `npm run fuzz:kmip` and `npm run fuzz:attest` look for what is not known yet.
 */
import * as fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env.KPSIM_SEED ?? 1) });

export { fc };
