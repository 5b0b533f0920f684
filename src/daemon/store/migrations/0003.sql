-- Tells one state of the inventory's files from another.
ALTER TABLE inventory ADD COLUMN digest TEXT;
