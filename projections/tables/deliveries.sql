-- One row per delivery, which has its purchase's id. It is closed when the receipt is confirmed, the
-- purchase is cancelled or the parcel went back. `ended` is then its status, and '~' until then: a
-- scan thus changes no indexed column, and is written beside the old row, on the same page, without
-- touching an index (a heap-only tuple). What a scan changes comes last, since PostgreSQL's WAL
-- leaves out what a row and its next version have in common in front. `carrier` is that of the first
-- scan, '' until then; the ones after it leave it as it is, so it stands before them.
--
-- `items` is a JSON array of [product's id, name, quantity]. `scans` are the elements of a JSON array
-- of [carrier, tracking number, status, location, code, milliseconds since 1970], in the order in
-- which they came, each behind a comma: appending one reads none of the others. Lists read the last
-- of them and their number, and never all.
CREATE TABLE deliveries (
  id uuid PRIMARY KEY,
  buyer_id uuid NOT NULL,
  opened_at timestamptz NOT NULL,
  recipient text NOT NULL,
  address_line text NOT NULL,
  zip_code text NOT NULL,
  items text NOT NULL,
  ended text COLLATE "C" NOT NULL,
  closed_at timestamptz,
  carrier text NOT NULL,
  scans text NOT NULL,
  status text NOT NULL,
  scan_count integer NOT NULL,
  last_scan text,
  version_position bigint NOT NULL,
  version_index integer NOT NULL
) WITH (fillfactor = 75);
-- Lists of closed ones are merged from those of each end (newest_of_ends).
CREATE INDEX deliveries_by_buyer ON deliveries (buyer_id, ended COLLATE "POSIX", id);
CREATE INDEX deliveries_by_end ON deliveries (ended, id);
