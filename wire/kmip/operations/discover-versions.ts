import { multiple, structure } from '../schema/structure.js';
import { protocolVersion } from '../structures/protocol-version.js';

/** KMIP 1.4 §4.26; request and response have the same form. */
export const discoverVersions = structure('Discover Versions Payload', {
  protocolVersions: multiple('ProtocolVersion', protocolVersion),
});
