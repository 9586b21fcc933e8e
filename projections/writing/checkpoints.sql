-- What Jangbu knows about its read models' generations.
CREATE SCHEMA IF NOT EXISTS jangbu;

-- How far each has been filled, by which code. A few rows that change with every batch: the free
-- space lets each new version of a row find room on its page.
CREATE TABLE IF NOT EXISTS jangbu.checkpoints (
  read_model text NOT NULL,
  generation integer NOT NULL,
  fingerprint text NOT NULL,
  state text NOT NULL,  -- building, serving or retired
  position bigint NOT NULL,
  commit_id uuid,  -- of the commit at this position; none before the first
  parked integer NOT NULL DEFAULT 0,  -- how many rows are in jangbu.parked
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (read_model, generation)
) WITH (fillfactor = 10);
CREATE UNIQUE INDEX IF NOT EXISTS one_generation_serves
  ON jangbu.checkpoints (read_model, fingerprint) WHERE state = 'serving';

-- Rows that are frozen as they were before an event that could not be folded into them.
CREATE TABLE IF NOT EXISTS jangbu.parked (
  read_model text NOT NULL,
  generation integer NOT NULL,
  entity_id uuid NOT NULL,
  position bigint NOT NULL,  -- with index: the event
  index integer NOT NULL,
  reason text NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (read_model, generation, entity_id),
  FOREIGN KEY (read_model, generation) REFERENCES jangbu.checkpoints ON DELETE CASCADE
);
