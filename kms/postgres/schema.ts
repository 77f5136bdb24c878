import { KpsimError } from '../../core/errors.js';
import type { Sealer } from '../../core/store/sealer.js';
import type { PostgresConnections, Queries } from './connections.js';

/**
 * Writes the changes of one request, all or none: NULL, or the identifier over which it must be redone. A subtransaction
 * of its own, so that many requests can share one transaction. Each change is an object {identifier, expected, owner,
 * type, revision, attributes, value, terms, claims}; byte strings in hex, terms and claims joined, 16 bytes each;
 * without a revision the object is removed.
 */
const COMMIT_REQUEST = `
CREATE FUNCTION commit_request(request jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  change record;
  known record;
  place bigint;
  wanted bytea[];
  current text;
BEGIN
  FOR change IN
    SELECT * FROM jsonb_to_recordset(request) AS c (identifier text, expected bigint, owner text, type text,
      revision bigint, attributes text, value text, terms text)
  LOOP
    current := change.identifier;
    SELECT sequence, revision INTO known FROM objects WHERE unique_identifier = current FOR UPDATE;
    IF coalesce(known.revision, 0) <> change.expected THEN
      RAISE SQLSTATE 'KP001';
    END IF;
    place := known.sequence;
    IF change.revision IS NULL THEN
      DELETE FROM objects WHERE sequence = place;
      CONTINUE;
    END IF;
    IF place IS NULL THEN
      INSERT INTO objects (unique_identifier, owner, object_type, revision, attributes, value)
      VALUES (current, change.owner, change.type, change.revision,
        decode(change.attributes, 'hex'), decode(change.value, 'hex'))
      RETURNING sequence INTO place;
    ELSE
      UPDATE objects SET revision = change.revision, attributes = decode(change.attributes, 'hex'),
        value = decode(change.value, 'hex') WHERE sequence = place;
      DELETE FROM claims WHERE sequence = place;
    END IF;
    wanted := digests(change.terms);
    DELETE FROM terms WHERE sequence = place AND term <> ALL (wanted);
    INSERT INTO terms (term, sequence) SELECT term, place FROM unnest(wanted) AS term ON CONFLICT DO NOTHING;
  END LOOP;
  -- Claims of all objects are given up before any is taken: a batch may hand a name from one to another.
  FOR change IN
    SELECT * FROM jsonb_to_recordset(request) AS c (identifier text, owner text, revision bigint, claims text)
  LOOP
    CONTINUE WHEN change.revision IS NULL;
    current := change.identifier;
    INSERT INTO claims (owner, claim, sequence)
    SELECT change.owner, claim, (SELECT sequence FROM objects WHERE unique_identifier = current)
    FROM unnest(digests(change.claims)) AS claim;
  END LOOP;
  RETURN NULL;
EXCEPTION
  WHEN SQLSTATE 'KP001' OR unique_violation OR deadlock_detected THEN
    RETURN current;
END $$;
`;

/** Scripts that bring the schema from each version to the next, oldest first; only ever appended to. */
const MIGRATIONS = [
  `CREATE TABLE objects (
     sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     unique_identifier text COLLATE "C" NOT NULL UNIQUE,
     owner text COLLATE "C" NOT NULL,
     object_type text NOT NULL,
     revision bigint NOT NULL,
     attributes bytea NOT NULL,
     value bytea
   );
   CREATE INDEX objects_by_owner ON objects (owner, sequence);
   CREATE TABLE terms (
     term bytea NOT NULL,
     sequence bigint NOT NULL REFERENCES objects (sequence) ON DELETE CASCADE,
     PRIMARY KEY (term, sequence)
   );
   CREATE INDEX terms_by_object ON terms (sequence);
   CREATE TABLE claims (
     owner text COLLATE "C" NOT NULL,
     claim bytea NOT NULL,
     sequence bigint NOT NULL REFERENCES objects (sequence) ON DELETE CASCADE,
     PRIMARY KEY (owner, claim)
   );
   CREATE INDEX claims_by_object ON claims (sequence);
   CREATE TABLE at_rest_key (single boolean PRIMARY KEY CHECK (single), proof bytea NOT NULL);
   CREATE FUNCTION digests(joined text) RETURNS bytea[] LANGUAGE sql IMMUTABLE AS $$
     SELECT coalesce(array_agg(decode(substr(joined, at, 32), 'hex')), '{}')
     FROM generate_series(1, length(joined), 32) AS at
   $$;
   ${COMMIT_REQUEST}`,
] as const;

/**
 * Brings the schema to the newest version and makes sure that its keys were sealed with this node's key. Nodes that
 * start at once take turns.
 *
 * @throws KpsimError `store_too_new`, `store_key_invalid`; StoreUnavailable
 */
export async function prepareSchema(
  connections: PostgresConnections,
  schema: string,
  sealer: Sealer,
): Promise<void> {
  const connection = await connections.open();
  try {
    await connection.query({ text: 'BEGIN' });
    await connection.query({
      text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))',
      values: [`kpsim kms ${schema}`],
    });
    // The name is letters, digits and underscores: the configuration sees to it.
    await connection.query({ text: `CREATE SCHEMA IF NOT EXISTS ${schema}` });
    await migrate(connection, schema);
    await demandKey(connection, schema, sealer);
    await connection.query({ text: 'COMMIT' });
  } finally {
    await connection.end();
  }
}

async function migrate(connection: Queries, schema: string): Promise<void> {
  await connection.query({ text: 'CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)' });
  const [row] = await connection.query<{ version: number }>({ text: 'SELECT version FROM schema_version' });
  const version = row?.version ?? 0;
  if (version > MIGRATIONS.length) {
    throw new KpsimError(
      'store_too_new',
      `The schema ${schema} has version ${version}, this kpsim knows ${MIGRATIONS.length}. Use the kpsim that made it, or another schema.`,
    );
  }
  for (const script of MIGRATIONS.slice(version)) await connection.query({ text: script });
  if (version === MIGRATIONS.length) return;
  await connection.query({ text: 'DELETE FROM schema_version' });
  await connection.query({ text: 'INSERT INTO schema_version VALUES ($1)', values: [MIGRATIONS.length] });
}

async function demandKey(connection: Queries, schema: string, sealer: Sealer): Promise<void> {
  await connection.query({
    text: 'INSERT INTO at_rest_key VALUES (true, $1) ON CONFLICT DO NOTHING',
    values: [sealer.check()],
  });
  const [row] = await connection.query<{ proof: Buffer }>({ text: 'SELECT proof FROM at_rest_key' });
  if (row && sealer.recognises(row.proof)) return;
  throw new KpsimError(
    'store_key_invalid',
    `The at-rest key of this node is not the one that the keys in schema ${schema} are sealed with. Give every node of the cluster the same key.`,
  );
}
