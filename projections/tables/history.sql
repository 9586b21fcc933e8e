-- Every event, by the account, product or purchase that it is about. `event` holds its bytes in the
-- log's format (events/README.md).
CREATE TABLE history (
  entity_id uuid NOT NULL,
  position bigint NOT NULL,
  index integer NOT NULL,
  entity_kind text NOT NULL,
  type text NOT NULL,
  type_version integer NOT NULL,
  occurred_at timestamptz NOT NULL,
  event bytea NOT NULL,
  PRIMARY KEY (entity_id, position, index)
);
