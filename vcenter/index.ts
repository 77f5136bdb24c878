/** A small vCenter: inventory, key providers, users and privileges, encrypted VMs, migration and cloning. */
export * from './client.js';
export { LAB_SET_UP } from './access/sessions.js';
export { vcenterConfigSchema } from './config.js';
export type { UserConfig, VcenterConfig, VcenterConfigInput } from './config.js';
export { RULE_KEY_PREFIX } from './migration/violations.js';
export { RULE_ROWS, RULES, planTransfer, precheck } from './migration/rules.js';
export type { RuleId } from './migration/rules.js';
export { METHODS as VCENTER_METHODS } from './managed-objects/backend.js';
export { FRONT_DOOR_ENDPOINT, VcenterService } from './service.js';
export { VAPI_OPERATIONS } from './vapi/operations.js';
export { rpcName } from './vapi/operation.js';
export type { VapiOperation } from './vapi/operation.js';
