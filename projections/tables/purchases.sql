-- One row per purchase. `ended` is how it ended; until then it is '~', which sorts behind every end,
-- so that a new row goes to the end of its index. `lines` is a JSON array of [product's id, name,
-- unit price, currency, quantity, total]; amounts are minor units.
CREATE TABLE purchases (
  id uuid PRIMARY KEY,
  buyer_id uuid NOT NULL,
  purchased_at timestamptz NOT NULL,
  total bigint NOT NULL,
  currency text NOT NULL,
  buyer_name text NOT NULL,
  address_line text NOT NULL,
  zip_code text NOT NULL,
  lines text NOT NULL,
  ended text COLLATE "C" NOT NULL,
  cancelled_at timestamptz,
  version_position bigint NOT NULL,
  version_index integer NOT NULL
);
-- A buyer's list of all statuses is merged from those of each (newest_of_ends).
CREATE INDEX purchases_by_buyer ON purchases (buyer_id, ended COLLATE "POSIX", id);
CREATE INDEX purchases_by_end ON purchases (ended, id);
