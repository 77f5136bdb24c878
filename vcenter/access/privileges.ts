/** One privilege: its group, what it allows, and whether it is checked on the parent when an object is made. */
export interface PrivilegeRow {
  readonly name: string;
  readonly onParent: boolean;
}

const row = (name: string, onParent = false): PrivilegeRow => ({ name, onParent });

/**
 * The privileges that kpsim's vCenter knows, by id. Source: vSphere's defined privileges; of those that speak of
 * things kpsim has none of, only the groups Cryptographer, TrustedAdmin and Host.Tpm are complete.
 */
export const PRIVILEGES = {
  'System.Anonymous': row('Anonymous'),
  'System.View': row('View'),
  'System.Read': row('Read'),
  'Global.LogEvent': row('Log event'),
  'Global.Settings': row('Settings'),
  'Folder.Create': row('Create folder'),
  'Folder.Delete': row('Delete folder'),
  'Folder.Rename': row('Rename folder'),
  'Folder.Move': row('Move folder'),
  'Datacenter.Create': row('Create datacenter'),
  'Datacenter.Delete': row('Remove datacenter', true),
  'Datacenter.Rename': row('Rename datacenter'),
  'Datastore.AllocateSpace': row('Allocate space'),
  'Datastore.Browse': row('Browse datastore'),
  'Host.Inventory.CreateCluster': row('Create cluster'),
  'Host.Inventory.AddStandaloneHost': row('Add standalone host'),
  'Host.Inventory.AddHostToCluster': row('Add host to cluster'),
  'Host.Inventory.EditCluster': row('Modify cluster'),
  'Host.Inventory.RenameCluster': row('Rename cluster'),
  'Host.Inventory.DeleteCluster': row('Remove cluster', true),
  'Host.Inventory.RemoveHostFromCluster': row('Remove host', true),
  'Host.Inventory.MoveHost': row('Move host'),
  'Host.Config.Connection': row('Connection'),
  'Host.Config.Maintenance': row('Maintenance'),
  'Host.Tpm.Read': row('Read TPM'),
  'Host.Tpm.Unseal': row('Unseal with the TPM'),
  'Resource.AssignVMToPool': row('Assign virtual machine to resource pool'),
  'Resource.ColdMigrate': row('Migrate powered off virtual machine'),
  'Resource.HotMigrate': row('Migrate powered on virtual machine'),
  'Resource.QueryVMotion': row('Query vMotion'),
  'VirtualMachine.Inventory.Create': row('Create new', true),
  'VirtualMachine.Inventory.CreateFromExisting': row('Create from existing', true),
  'VirtualMachine.Inventory.Register': row('Register', true),
  'VirtualMachine.Inventory.Unregister': row('Unregister'),
  'VirtualMachine.Inventory.Delete': row('Remove'),
  'VirtualMachine.Inventory.Move': row('Move'),
  'VirtualMachine.Config.Rename': row('Rename'),
  'VirtualMachine.Config.Settings': row('Change settings'),
  'VirtualMachine.Config.AddNewDisk': row('Add new disk'),
  'VirtualMachine.Interact.PowerOn': row('Power on'),
  'VirtualMachine.Interact.PowerOff': row('Power off'),
  'VirtualMachine.Interact.Reset': row('Reset'),
  'VirtualMachine.Interact.Suspend': row('Suspend'),
  'VirtualMachine.Provisioning.Clone': row('Clone virtual machine'),
  'VirtualMachine.Provisioning.MarkAsTemplate': row('Mark as template'),
  'VirtualMachine.State.CreateSnapshot': row('Create snapshot'),
  'VirtualMachine.State.RemoveSnapshot': row('Remove snapshot'),
  'VirtualMachine.State.RevertToSnapshot': row('Revert to snapshot'),
  'Sessions.GlobalMessage': row('Message'),
  'Sessions.TerminateSession': row('View and stop sessions'),
  'Sessions.ValidateSession': row('Validate session'),
  'Authorization.ModifyRoles': row('Modify role'),
  'Authorization.ModifyPermissions': row('Modify permission'),
  'Authorization.ReassignRolePermissions': row('Reassign role permissions'),
  'Task.Create': row('Create task'),
  'Task.Update': row('Update task'),
  'Cryptographer.Access': row('Direct access'),
  'Cryptographer.AddDisk': row('Add disk'),
  'Cryptographer.Clone': row('Clone'),
  'Cryptographer.Decrypt': row('Decrypt'),
  'Cryptographer.Encrypt': row('Encrypt'),
  'Cryptographer.EncryptNew': row('Encrypt new'),
  'Cryptographer.ManageEncryptionPolicy': row('Manage encryption policies'),
  'Cryptographer.ManageKeyServers': row('Manage key servers'),
  'Cryptographer.ManageKeys': row('Manage keys'),
  'Cryptographer.Migrate': row('Migrate'),
  'Cryptographer.ReadKeyServersInfo': row('Read KMS information'),
  'Cryptographer.Recrypt': row('Recrypt'),
  'Cryptographer.RegisterHost': row('Register host'),
  'Cryptographer.RegisterVM': row('Register VM'),
  'TrustedAdmin.ConfigureHostCertificates': row('Configure host certificates'),
  'TrustedAdmin.ConfigureHostMetadata': row('Configure host metadata'),
  'TrustedAdmin.ConfigureTokenConversionPolicy': row('Configure token conversion policy'),
  'TrustedAdmin.ManageAttestingSSO': row('Manage attesting SSO'),
  'TrustedAdmin.ManageKMSTrust': row('Manage key server trust'),
  'TrustedAdmin.ManageTrustedHosts': row('Manage trusted hosts'),
  'TrustedAdmin.ReadAttestingSSO': row('Read attesting SSO'),
  'TrustedAdmin.ReadKMSTrust': row('Read key server trust'),
  'TrustedAdmin.ReadStsInfo': row('Read STS information'),
  'TrustedAdmin.ReadTrustedHosts': row('Read trusted hosts'),
  'TrustedAdmin.RetrieveHostMetadata': row('Retrieve host metadata'),
  'TrustedAdmin.RetrieveTPMHostCertificates': row('Retrieve TPM host certificates'),
} as const satisfies Record<string, PrivilegeRow>;

/** Id of a privilege. */
export type PrivilegeId = keyof typeof PRIVILEGES;

/** All ids, in the order of the table. */
export const PRIVILEGE_IDS = Object.keys(PRIVILEGES) as readonly PrivilegeId[];

/** Whether a text is the id of a privilege. */
export function isPrivilegeId(text: string): text is PrivilegeId {
  return Object.hasOwn(PRIVILEGES, text);
}

/** Group of a privilege: `Host.Tpm` of `Host.Tpm.Read`. */
export function privilegeGroup(id: string): string {
  return id.slice(0, id.lastIndexOf('.'));
}
