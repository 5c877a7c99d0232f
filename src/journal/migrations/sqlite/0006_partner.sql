-- The partner with whom an asset is shared; null in the watch of a claim.
ALTER TABLE watches ADD COLUMN partner TEXT;
