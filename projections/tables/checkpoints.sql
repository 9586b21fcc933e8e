-- How far each generation of each read model has been filled, by which code. A few rows that change
-- with every batch: the free space lets each new version of a row find room on its page.
CREATE SCHEMA IF NOT EXISTS jangbu;
CREATE TABLE IF NOT EXISTS jangbu.checkpoints (
  read_model text NOT NULL,
  generation integer NOT NULL,
  fingerprint text NOT NULL,
  position bigint NOT NULL,
  commit_id uuid,  -- of the commit at this position; none before the first
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (read_model, generation)
) WITH (fillfactor = 10);
