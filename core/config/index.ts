/** Configuration: flags over environment over a YAML file over defaults, checked, with errors that name their place. */
export * from './config-error.js';
export { problemsOf } from './issues.js';
export * from './load.js';
export { didYouMean, nearestWord } from './nearest.js';
export { allowedBy } from './schema-walk.js';
export * from './settings.js';
export * from './yaml-source.js';
