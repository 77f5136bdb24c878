/** A provider of the built-in topology, and the way that its VM takes. */
export interface Route {
  readonly provider: string;
  readonly kind: string;
  readonly vm: string;
  readonly from: string;
  readonly to: string;
}

/** One row a provider: its VM goes from a host in the east to one in the west. */
export const ROUTES: readonly Route[] = [
  { provider: 'skp-1', kind: 'standard', vm: 'app-skp', from: 'esx-east-1', to: 'esx-west-1' },
  { provider: 'nkp-1', kind: 'native', vm: 'app-nkp', from: 'esx-east-2', to: 'esx-west-2' },
  { provider: 'tkp-1', kind: 'trusted', vm: 'app-tkp', from: 'esx-east-t1', to: 'esx-west-t1' },
];

/** The host that knows no encrypted vMotion. */
export const OLD_HOST = 'esx-west-old';

/** Hosts before which there is a wire tap. */
export const TAPPED_HOSTS: readonly string[] = [...ROUTES.map(({ to }) => to), OLD_HOST];
