"""Configures vSphere Trust Authority from nothing, with VMware's own client `vmware-vcenter`, unmodified.

Reads from standard input what a Trust Authority's administrator knows: both vCenters with their clusters, the base
image exported from a host, the TPM maker's certificates, and the key server with its primary key. Speaks JSON-RPC to
both vCenters over TLS that is verified; prints as JSON what it has found on the way. Asks on standard output for a
client certificate to be signed, and reads it from standard input: one JSON document a line.
"""

import json
import sys
import time

import requests
from com.vmware.cis_client import Tasks
from com.vmware.vapi.std.errors_client import Error
from com.vmware.vcenter.trusted_infrastructure_client import (
    NetworkAddress,
    Principal,
    TrustAuthorityClusters,
    X509CertChain,
)
from com.vmware.vcenter.trusted_infrastructure import attestation_client, kms_client
from com.vmware.vcenter.trusted_infrastructure import trusted_clusters_client
from com.vmware.vcenter.trusted_infrastructure import trust_authority_clusters_client as ta
from com.vmware.vcenter.trusted_infrastructure import trust_authority_hosts_client as ta_hosts
from com.vmware.vcenter.trusted_infrastructure.hosts import hardware_client
from com.vmware.vcenter.trusted_infrastructure.hosts.hardware import tpm_client
from com.vmware.vcenter.trusted_infrastructure.trust_authority_clusters import attestation_client as ta_attestation
from com.vmware.vcenter.trusted_infrastructure.trust_authority_clusters import kms_client as ta_kms
from com.vmware.vcenter.trusted_infrastructure.trust_authority_clusters.attestation import tpm2_client
from com.vmware.vcenter.trusted_infrastructure.trust_authority_clusters.attestation.os import esx_client
from com.vmware.vcenter.trusted_infrastructure.trust_authority_clusters.kms import providers_client
from com.vmware.vcenter.trusted_infrastructure.trust_authority_clusters.kms.providers import (
    client_certificate_client,
)
from com.vmware.vcenter.trusted_infrastructure.trusted_clusters import attestation_client as tc_attestation
from com.vmware.vcenter.trusted_infrastructure.trusted_clusters import kms_client as tc_kms
from vmware.vapi.lib.connect import get_requests_connector
from vmware.vapi.security.client.security_context_filter import LegacySecurityContextFilter
from vmware.vapi.security.session import create_session_security_context
from vmware.vapi.stdlib.client.factories import StubConfigurationFactory
from vmware.vapi.vsphere.client import create_vsphere_client

TASK_SECONDS = 60


class Vcenter:
    """One vCenter, logged in to as VMware's samples do."""

    def __init__(self, where, ca_file):
        session = requests.Session()
        session.trust_env = False  # authorities named by the environment would take the place of the lab's
        session.verify = ca_file
        self.client = create_vsphere_client(
            server=where['server'], username=where['user'], password=where['password'], session=session
        )
        context = create_session_security_context(self.client.get_session_id())
        self.config = StubConfigurationFactory.new_std_configuration(
            get_requests_connector(
                session=session,
                url='https://%s/api' % where['server'],
                provider_filter_chain=[LegacySecurityContextFilter(security_context=context)],
            )
        )
        self.tasks = Tasks(self.config)

    def service(self, kind):
        return kind(self.config)

    def run(self, task):
        """Waits for a task, and returns its result as the bindings read it."""
        task_id = task if isinstance(task, str) else task.get_task_id()
        deadline = time.monotonic() + TASK_SECONDS
        while time.monotonic() < deadline:
            info = self.tasks.get(task_id)
            if info.status == 'SUCCEEDED':
                return None if isinstance(task, str) or info.result is None else task.get_result()
            if info.status == 'FAILED':
                raise info.error
            time.sleep(0.05)
        raise RuntimeError('task %s has not ended' % task_id)


def refusal(call):
    """The error type with which a call is refused."""
    try:
        call()
    except Error as error:
        return error.error_type
    return None


def say(**what):
    print(json.dumps(what), flush=True)


def configure_authority(vc, given, found):
    cluster = given['ta_cluster']
    clusters = vc.service(TrustAuthorityClusters)
    found['before'] = clusters.get(cluster).state
    images = vc.service(esx_client.BaseImages)
    found['refused_before'] = refusal(lambda: vc.run(images.list_task(cluster)))
    vc.run(clusters.update_task(cluster, TrustAuthorityClusters.UpdateSpec(state=TrustAuthorityClusters.State.ENABLE)))
    found['after'] = clusters.get(cluster).state

    settings = vc.service(tpm2_client.Settings)
    vc.run(settings.update_task(cluster, tpm2_client.Settings.UpdateSpec(require_certificate_validation=True)))
    info = vc.run(settings.get_task(cluster))
    found['settings'] = [info.require_endorsement_keys, info.require_certificate_validation]

    authorities = vc.service(tpm2_client.CaCertificates)
    chain = X509CertChain(cert_chain=given['tpm_maker'])
    vc.run(authorities.create_task(cluster, tpm2_client.CaCertificates.CreateSpec(name='maker', cert_chain=chain)))
    found['authorities'] = [one.name for one in vc.run(authorities.list_task(cluster))]
    found['authority_again'] = refusal(
        lambda: vc.run(
            authorities.create_task(cluster, tpm2_client.CaCertificates.CreateSpec(name='maker', cert_chain=chain))
        )
    )

    with open(given['imgdb'], 'rb') as file:
        found['imported'] = vc.run(images.import_from_imgdb_task(cluster, file.read()))
    found['images'] = [one.version for one in vc.run(images.list_task(cluster))]
    found['image'] = vc.run(images.get_task(cluster, found['imported'])).display_name


def configure_provider(vc, given, found):
    cluster, provider = given['ta_cluster'], given['provider']
    providers = vc.service(ta_kms.Providers)
    server = ta_kms.Providers.Server(name='kms-1', address=NetworkAddress(**given['key_server']))
    vc.run(
        providers.create_task(
            cluster,
            ta_kms.Providers.CreateSpec(
                provider=provider,
                master_key_id=given['primary_key'],
                key_server=ta_kms.Providers.KeyServerCreateSpec(
                    type=ta_kms.Providers.KeyServerCreateSpec.Type.KMIP,
                    description='key server of the lab',
                    connection_timeout=30,
                    kmip_server=ta_kms.Providers.KmipServerCreateSpec(servers=[server]),
                ),
            ),
        )
    )
    csr = vc.service(client_certificate_client.Csr)
    say(csr=vc.run(csr.create_task(cluster, provider)).csr)
    certificate = json.loads(sys.stdin.readline())['certificate']
    client_certificate = vc.service(providers_client.ClientCertificate)
    vc.run(
        client_certificate.update_task(
            cluster, provider, providers_client.ClientCertificate.UpdateSpec(certificate=certificate)
        )
    )
    peers = vc.service(providers_client.CurrentPeerCertificates)
    trusted = vc.service(providers_client.TrustedPeerCertificates)
    shown = vc.run(peers.list_task(cluster, provider))
    found['peers'] = [[one.server_name, one.trusted] for one in shown]
    vc.run(
        trusted.update_task(
            cluster,
            provider,
            providers_client.TrustedPeerCertificates.UpdateSpec(certificates=[one.certificate for one in shown]),
        )
    )
    found['peers_trusted'] = len(vc.run(trusted.get_task(cluster, provider)).certificates)
    info = vc.run(providers.get_task(cluster, provider))
    found['provider'] = {
        'health': info.status.health,
        'servers': [[one.name, one.client_trust_server, one.server_trust_client] for one in info.status.servers],
        'description': info.key_server.description,
    }
    found['kms_status'] = vc.run(vc.service(ta_kms.ServiceStatus).get_task(cluster)).health
    found['attestation_status'] = vc.run(vc.service(ta_attestation.ServiceStatus).get_task(cluster)).health


def register_principal(workload, authority, given, found):
    told = workload.service(Principal).get()
    principals = authority.service(ta.ConsumerPrincipals)
    spec = ta.ConsumerPrincipals.CreateSpec(
        certificates=told.certificates, issuer_alias='workload', issuer=told.issuer, principal=told.principal
    )
    profile = authority.run(principals.create_task(given['ta_cluster'], spec))
    info = authority.run(principals.get_task(given['ta_cluster'], profile))
    found['principal'] = [info.health, info.issuer == told.issuer, info.principal.id.name == told.principal.id.name]
    found['profiles'] = len(authority.run(principals.list_task(given['ta_cluster'])))


def configure_trusted_cluster(workload, authority, given, found):
    cluster = given['trusted_cluster']
    for name, hosts_kind, registry_module, cluster_module in (
        ('attestation', ta_hosts.Attestation, attestation_client, tc_attestation),
        ('kms', ta_hosts.Kms, kms_client, tc_kms),
    ):
        hosts = authority.service(hosts_kind)
        [summary] = hosts.list()
        info = hosts.get(summary.host)
        registry = workload.service(registry_module.Services)
        service = registry.create(
            registry_module.Services.CreateSpec(
                address=info.address,
                trusted_ca=info.trusted_ca,
                group=info.group,
                trust_authority_cluster=info.cluster,
            )
        )
        services = workload.service(cluster_module.Services)
        spec = cluster_module.Services.CreateSpec(
            type=cluster_module.Services.CreateSpec.SourceType.SERVICE, service=service
        )
        found['%s_used' % name] = workload.run(services.create_task(cluster, spec)) == service
        found['%s_in_use' % name] = refusal(lambda: registry.delete(service))
        applied = workload.service(cluster_module.ServicesAppliedConfig)
        one = workload.run(applied.get_task(cluster, info.address))
        found['%s_applied' % name] = [one.health, one.service == service, sorted(one.groups), len(one.trustedc_as)]
        found['%s_list' % name] = [row.health for row in workload.run(applied.list_task(cluster))]
    overall = workload.service(trusted_clusters_client.ServicesAppliedConfig)
    found['applied'] = workload.run(overall.get_task(cluster)).health
    workload.run(overall.delete_task(cluster))
    found['deleted'] = workload.run(overall.get_task(cluster)).health
    workload.run(overall.update_task(cluster))
    found['remediated'] = workload.run(overall.get_task(cluster)).health


def read_tpm(workload, given, found):
    host = given['host']
    tpms = workload.service(hardware_client.Tpm)
    [tpm] = tpms.list(host)
    info = tpms.get(host, tpm.tpm)
    keys = workload.service(tpm_client.EndorsementKeys)
    [key] = keys.list(host, tpm.tpm)
    ek = keys.get(host, tpm.tpm, key.key)
    log = workload.service(tpm_client.EventLog).get(host, tpm.tpm)
    found['tpm'] = {
        'version': [tpm.major_version, tpm.minor_version],
        'banks': sorted(bank.algorithm for bank in info.banks),
        'pcr7': {bank.algorithm: bank.pcrs[7].hex() for bank in info.banks}.get('SHA256'),
        'key_type': ek.type,
        'certificate': ek.certificate is not None,
        'log_bytes': len(log.data),
        'log_truncated': log.truncated,
    }


def main():
    given = json.loads(sys.stdin.readline())
    found = {}
    authority = Vcenter(given['authority'], given['ca_file'])
    workload = Vcenter(given['workload'], given['ca_file'])
    configure_authority(authority, given, found)
    configure_provider(authority, given, found)
    register_principal(workload, authority, given, found)
    configure_trusted_cluster(workload, authority, given, found)
    read_tpm(workload, given, found)
    tasks = workload.tasks.list()
    found['tasks'] = [len(tasks) > 0, sorted({one.status for one in tasks.values()})]
    found['session'] = workload.client.session_svc.get().user
    say(found=found)


main()
