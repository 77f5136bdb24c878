import type { Router } from 'express';
import express from 'express';
import * as z from 'zod';

import { VapiError, jsonBody, validate } from '../../core/http/index.js';
import { decodeJson } from '../../wire/vim25/index.js';
import type { VimObject } from '../../wire/vim25/index.js';
import { referenceOf, referenceTo } from '../inventory/entities.js';
import { readCloneSpec, readRelocateSpec } from '../migration/request.js';
import type { Vcenter } from '../vcenter.js';
import { restSession } from './session.js';

const moid = z.string().min(1).max(200);
const name = z.string().min(1).max(80);
const importSchema = z.strictObject({
  host: moid,
  folder: moid.optional(),
  datastore: z.string().min(1).max(255).optional(),
  source: z.union([
    z.strictObject({ directory: z.string().min(1).max(4096), name: name.optional() }),
    z.strictObject({
      image: z.string().min(1).max(4096),
      name,
      memory_MiB: z.number().int().min(1).max(65_536).default(64),
    }),
  ]),
});

const precheckSchema = z.strictObject({
  vm: moid,
  /** A `VirtualMachineRelocateSpec` in VI/JSON; of a clone its location. */
  spec: z.unknown(),
  /** Given for a clone. */
  clone: z.strictObject({ folder: moid, name }).optional(),
  /** How the migration would be asked for. */
  channel: z.enum(['vsphereApi', 'other']).default('vsphereApi'),
});

/**
 * What vSphere has no call for, or none that kpsim speaks: VMs from files of the host's machine, and a precheck that
 * tells every broken rule by its number, or how the VM would travel if it is allowed to. Own choice.
 */
export function extensionRouter(vcenter: Vcenter): Router {
  const router = express.Router();
  const body = jsonBody();

  router.post('/api/kpsim/vcenter/vms', body, async (request, response) => {
    const { principal } = restSession(vcenter, request);
    if (request.query.action === 'import') {
      const { host, folder, datastore, source } = validate(importSchema, request.body);
      const vm = await vcenter.vms.import(principal, {
        host: referenceTo('HostSystem', host),
        folder: folder === undefined ? undefined : vcenter.inventory.require('Folder', folder).moid,
        datastore,
        source:
          'image' in source
            ? { image: source.image, name: source.name, memoryMiB: source.memory_MiB }
            : { directory: source.directory, ...(source.name !== undefined && { name: source.name }) },
      });
      response.status(201).json({ vm: vm.moid });
      return;
    }
    if (request.query.action !== 'precheck') {
      throw new VapiError('OPERATION_NOT_FOUND', 'Say ?action=import or ?action=precheck.');
    }
    const given = validate(precheckSchema, request.body);
    const vm = vcenter.inventory.require('VirtualMachine', given.vm);
    vcenter.authorization.demand(principal, referenceOf(vm), 'System.Read');
    const spec = decodeJson('VirtualMachineRelocateSpec', given.spec, 'spec');
    const location = spec as VimObject<'VirtualMachineRelocateSpec'>;
    const { clone } = given;
    const read = clone
      ? readCloneSpec(vm, referenceTo('Folder', clone.folder), clone.name, {
          _typeName: 'VirtualMachineCloneSpec',
          location,
          template: false,
          powerOn: false,
        })
      : readRelocateSpec(vm, location, given.channel);
    const wishes = { ...read.wishes, channel: given.channel };
    const { violations, plan } = await vcenter.migrations.assess(principal, { ...read, wishes });
    const allowed = !violations.some(({ severity }) => severity === 'error');
    response.json({
      allowed,
      violations: violations.map(({ rule, severity, fault, detail, text, remedy }) => ({
        rule,
        severity,
        fault,
        detail,
        text,
        remedy,
      })),
      ...(allowed && {
        plan: {
          encrypted_vmotion: plan.encryptedVmotion,
          make_host_safe: plan.makeHostSafe,
          disks: plan.disks,
        },
      }),
    });
  });
  return router;
}
