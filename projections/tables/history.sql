-- Every event, by the account, product or purchase that it is about. `event` holds its bytes in the
-- log's format (events/README.md), from which the view takes its type, version and time.
CREATE TABLE history (
  entity_id uuid NOT NULL,
  position bigint NOT NULL,
  index integer NOT NULL,
  event bytea NOT NULL,
  PRIMARY KEY (entity_id, position, index)
);
