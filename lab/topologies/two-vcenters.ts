/**
 * The built-in topology, as the file a user would write. Everything that the demo shows is in it: what may
 * move, and what is refused by which rule.
 */
export const TWO_VCENTERS = `# Two vCenters, three kinds of key provider, and hosts that show what is refused.
name: two-vcenters

keyServers:
  - name: kms-1

trustAuthorities:
  - name: ta-1

vcenters:
  - name: vc-east
    users:
      # Administrator of everything but encryption: may not migrate encrypted VMs (PRIV-1).
      - name: operator@vsphere.local
        role: NoCryptoAdmin
    clusters:
      - name: east-cluster
        hosts:
          - name: esx-east-1
          - name: esx-east-2
      - name: east-trusted
        trustAuthority: ta-1
        hosts:
          - name: esx-east-t1

  - name: vc-west
    clusters:
      - name: west-cluster
        hosts:
          - name: esx-west-1
          - name: esx-west-2
      - name: west-trusted
        trustAuthority: ta-1
        hosts:
          - name: esx-west-t1
          # Boots with Secure Boot off, so it is not attested (TKP-1).
          - name: esx-west-t2
            secureBoot: false
      - name: west-legacy
        hosts:
          # Knows no encrypted vMotion (MODE-3).
          - name: esx-west-old
            version: 6.0.0
            tpm: false
    hosts:
      # Standalone: takes no VM of a native key provider (XVC-3).
      - name: esx-west-3

providers:
  - kind: standard
    name: skp-1
    keyServers: [kms-1]
    vcenters: [vc-east, vc-west]
    default: true
  - kind: native
    name: nkp-1
    madeIn: vc-east
    importedBy: [vc-west]
  - kind: trusted
    name: tkp-1
    trustAuthority: ta-1
    keyServers: [kms-1]
    vcenters: [vc-east, vc-west]
  # Only in the east: its VMs cannot go west (XVC-2).
  - kind: native
    name: nkp-east
    madeIn: vc-east
  # The same name on both sides, made twice: two different keys (XVC-2n, EXT-4).
  - kind: native
    name: nkp-twin
    madeIn: vc-east
  - kind: native
    name: nkp-twin
    madeIn: vc-west
`;
