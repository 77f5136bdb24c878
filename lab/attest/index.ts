/** The catalogue of attestation failures, played by name on real services and real hosts. */
export { ScenarioStage, chosenScenarios, runScenarios } from './run.js';
export type { RunOptions, ScenarioResult } from './run.js';
export { faultList, scenarioList } from './listing.js';
export type { ListedFault, ListedScenario } from './listing.js';
export type { StageTpm } from './stage.js';
