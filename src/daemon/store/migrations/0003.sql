-- The rollback whose outcome `attempted` is, so that it is not rolled forward again before something moves.
ALTER TABLE hosts ADD COLUMN went_back TEXT;
